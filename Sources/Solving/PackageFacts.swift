internal import CSolv
internal import Diagnostics
internal import Glibc
internal import Model

extension SolvPool {
    func name(of package: Id) -> String { string(solvable(package).pointee.name) }

    /// Identity of a package; an epoch that is not written is 0.
    func nevra(of package: Id) -> NEVRA {
        let (epoch, version, release) = versionParts(of: package)
        return NEVRA(
            name: name(of: package), epoch: epoch, version: version, release: release,
            arch: string(solvable(package).pointee.arch))
    }

    func versionParts(of package: Id) -> (epoch: UInt32, version: String, release: String) {
        // Bytes are compared: this is asked for every package several times.
        var rest = Substring(string(solvable(package).pointee.evr))
        var epoch: UInt32 = 0
        if let colon = rest.utf8.firstIndex(of: UInt8(ascii: ":")), let number = UInt32(rest[..<colon]) {
            epoch = number
            rest = rest[rest.utf8.index(after: colon)...]
        }
        guard let dash = rest.utf8.lastIndex(of: UInt8(ascii: "-")) else { return (epoch, String(rest), "") }
        return (epoch, String(rest[..<dash]), String(rest[rest.utf8.index(after: dash)...]))
    }

    func repositoryID(of package: Id) -> String {
        solvable(package).pointee.repo.pointee.name.map { String(cString: $0) } ?? ""
    }

    /// All that a plan says of an available package.
    ///
    /// - Parameter file: the file that it comes from, for one that was named as such.
    /// - Throws: `.verification` where the metadata gives no location or no checksum: such a package can't be fetched or checked.
    func planned(
        _ package: Id, _ facts: PackageFacts, reason: Reason, file: CommandLinePackage? = nil
    ) throws(ProvisionError) -> PlannedPackage {
        let nevra = nevra(of: package)
        let repository = repositoryID(of: package)
        if let file {
            return PlannedPackage(
                nevra: nevra, repository: repository, location: file.spec, checksum: file.checksum, size: file.size,
                installedSize: facts.installedSize, summary: facts.summary, reason: reason)
        }
        guard let location = facts.location else {
            throw ProvisionError(.verification, "repository \"\(repository)\" gives no location for \"\(nevra)\"")
        }
        guard let checksum = facts.checksum else {
            throw ProvisionError(.verification, "repository \"\(repository)\" gives no usable checksum for \"\(nevra)\"")
        }
        return PlannedPackage(
            nevra: nevra, repository: repository, location: location, locationBase: facts.locationBase, checksum: checksum,
            size: facts.size, headerEnd: facts.headerEnd > 0 && facts.headerEnd < facts.size ? facts.headerEnd : nil,
            installedSize: facts.installedSize, summary: facts.summary, reason: reason)
    }

    /// What the metadata says of a package beside its dependencies.
    func facts(of package: Id) -> PackageFacts {
        var bytes: [UInt8] = []
        PackageFacts.write(of: package, in: self, to: &bytes)
        // It reads what it wrote.
        return bytes.withUnsafeBufferPointer { PackageFacts($0) }!
    }
}

/// What the metadata says of a package beside its dependencies.
struct PackageFacts {
    /// Bytes: of the package, of its head (0 where it isn't told), installed.
    let size, headerEnd, installedSize: UInt64
    /// nil where there is none that is known.
    let checksum: ContentDigest?
    let location: String?
    let locationBase: String?
    let summary: String

    /// From what `write` wrote; nil where it isn't that.
    init?(_ bytes: UnsafeBufferPointer<UInt8>) {
        guard bytes.count > 24, bytes.last == 0 else { return nil }
        let raw = UnsafeRawBufferPointer(bytes)
        size = raw.loadUnaligned(as: UInt64.self)
        headerEnd = raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
        installedSize = raw.loadUnaligned(fromByteOffset: 16, as: UInt64.self)
        let texts = bytes[24...].dropLast().split(separator: 0, omittingEmptySubsequences: false).map { text in
            text.isEmpty ? nil : String(decoding: text.dropFirst(), as: UTF8.self)
        }
        guard texts.count == 5 else { return nil }
        let algorithm = texts[0].flatMap { ContentDigest.Algorithm(rpmMetadataName: $0) }
        checksum = algorithm.flatMap { algorithm in texts[1].flatMap { ContentDigest(algorithm, hex: $0) } }
        (location, locationBase, summary) = (texts[2], texts[3], texts[4] ?? "")
    }

    /// Three numbers of 64 bits, and texts that end with a zero byte: each after a mark, or empty where it isn't told.
    static func write(of package: Id, in pool: SolvPool, to bytes: inout [UInt8]) {
        let solvable = pool.solvable(package)
        for key in [SOLVABLE_DOWNLOADSIZE, SOLVABLE_HEADEREND, SOLVABLE_INSTALLSIZE] {
            withUnsafeBytes(of: solvable_lookup_num(solvable, key.id, 0)) { bytes += $0 }
        }
        func append(_ text: UnsafePointer<CChar>?) {
            if let text {
                bytes.append(UInt8(ascii: "="))
                bytes += UnsafeRawBufferPointer(start: text, count: strlen(text))
            }
            bytes.append(0)
        }
        var type: Id = 0
        let checksum = solvable_lookup_checksum(solvable, SOLVABLE_CHECKSUM.id, &type)
        append(checksum == nil ? nil : solv_chksum_type2str(type))
        append(checksum)
        append(solvable_lookup_location(solvable, nil))
        append(solvable_lookup_str(solvable, SOLVABLE_MEDIABASE.id))
        append(solvable_lookup_str(solvable, SOLVABLE_SUMMARY.id))
    }
}
