internal import CSolv
internal import Diagnostics
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
        var rest = Substring(string(solvable(package).pointee.evr))
        var epoch: UInt32 = 0
        if let colon = rest.firstIndex(of: ":"), let number = UInt32(rest[..<colon]) {
            epoch = number
            rest = rest[rest.index(after: colon)...]
        }
        guard let dash = rest.lastIndex(of: "-") else { return (epoch, String(rest), "") }
        return (epoch, String(rest[..<dash]), String(rest[rest.index(after: dash)...]))
    }

    func repositoryID(of package: Id) -> String {
        solvable(package).pointee.repo.pointee.name.map { String(cString: $0) } ?? ""
    }

    /// All that a plan says of an available package.
    ///
    /// - Parameter file: the file that it comes from, for one that was named as such.
    /// - Throws: `.verification` where the metadata gives no location or no checksum: such a package can't be fetched or checked.
    func planned(_ package: Id, reason: Reason, file: CommandLinePackage? = nil) throws(ProvisionError) -> PlannedPackage {
        let solvable = solvable(package)
        let nevra = nevra(of: package)
        let repository = repositoryID(of: package)
        if let file {
            return PlannedPackage(
                nevra: nevra, repository: repository, location: file.spec, checksum: file.checksum, size: file.size,
                installedSize: solvable_lookup_num(solvable, SOLVABLE_INSTALLSIZE.id, 0),
                summary: solvable_lookup_str(solvable, SOLVABLE_SUMMARY.id).map { String(cString: $0) } ?? "", reason: reason)
        }
        var medium: UInt32 = 0
        guard let location = solvable_lookup_location(solvable, &medium) else {
            throw ProvisionError(.verification, "repository \"\(repository)\" gives no location for \"\(nevra)\"")
        }
        var type: Id = 0
        guard let hex = solvable_lookup_checksum(solvable, SOLVABLE_CHECKSUM.id, &type),
            let typeName = solv_chksum_type2str(type),
            let algorithm = ContentDigest.Algorithm(rpmMetadataName: String(cString: typeName)),
            let checksum = ContentDigest(algorithm, hex: String(cString: hex))
        else {
            throw ProvisionError(.verification, "repository \"\(repository)\" gives no usable checksum for \"\(nevra)\"")
        }
        let size = solvable_lookup_num(solvable, SOLVABLE_DOWNLOADSIZE.id, 0)
        let headerEnd = solvable_lookup_num(solvable, SOLVABLE_HEADEREND.id, 0)
        return PlannedPackage(
            nevra: nevra, repository: repository, location: String(cString: location),
            locationBase: solvable_lookup_str(solvable, SOLVABLE_MEDIABASE.id).map { String(cString: $0) },
            checksum: checksum, size: size, headerEnd: headerEnd > 0 && headerEnd < size ? headerEnd : nil,
            installedSize: solvable_lookup_num(solvable, SOLVABLE_INSTALLSIZE.id, 0),
            summary: solvable_lookup_str(solvable, SOLVABLE_SUMMARY.id).map { String(cString: $0) } ?? "", reason: reason)
    }
}
