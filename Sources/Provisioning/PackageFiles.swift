internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Installing
internal import Model
internal import Repositories
internal import Solving
internal import System
internal import SystemPackage
internal import Transfer

/// Whether a package spec names a file or a URL. As in dnf a word that ends in `.rpm` never means a package's name.
public func isPackageFile(_ spec: String) -> Bool { isURL(spec) || spec.hasSuffix(".rpm") }

/// The name of the package that a file's own name says it holds; nil where it says nothing of that kind.
public func packageName(ofFile spec: String) -> String? {
    let last = spec.prefix { !"?#".contains($0) }.split(separator: "/").last ?? ""
    guard last.hasSuffix(".rpm") else { return nil }
    return NEVRA(String(last.dropLast(4)))?.name
}

private func isURL(_ spec: String) -> Bool {
    let lower = spec.lowercased()
    return ["http://", "https://", "file://"].contains(where: lower.hasPrefix)
}

/// The package files that a build names: found or fetched, and verified before the solver sees them.
struct PackageFiles {
    let downloader: Downloader
    let cache: FilePath
    let transport: TransportOptions
    let maximumSize: UInt64
    /// Seconds for which a URL's package counts without being asked for again; nil for ever.
    let expire: Int?
    let progress: any ProgressSink

    /// - Parameters:
    ///   - specs: those of a request for which `isPackageFile` holds.
    ///   - keys: of which one must have signed each, unless `requireSignature` is off, which is told for each file.
    /// - Throws: `.notFound` for a path where nothing is, `.unreachable` for a URL, `.verification` for a file that is no package,
    ///   unsigned, or signed by another key; each names what was typed.
    func load(_ specs: [String], requireSignature: Bool, keys: [TrustedKey]) throws -> [CommandLinePackage] {
        let specs = specs.uniqued { $0 }
        guard !specs.isEmpty else { return [] }
        var named: [NamedPackageFile] = []
        for spec in specs {
            let label = withoutUser(spec)
            if !requireSignature {
                progress.warn(
                    "the signature of \"\(label)\" is not checked: gpgcheck is off",
                    hint: "anyone who could change that file can put code into the root")
            }
            let path = try isURL(spec) ? fetched(spec, label: label) : local(spec)
            named.append(
                NamedPackageFile(
                    path: path.string, label: label, requireSignature: requireSignature, allowedKeys: keys.map(\.fingerprint)))
        }
        defer { for file in named where isFetched(file) { unlink(file.path) } }
        let inspected = try Installer().inspect(named, keys: requireSignature ? keys : [])
        return try zip(zip(specs, named), inspected).map { source, package in
            let (spec, file) = source
            return CommandLinePackage(
                spec: file.label, path: try kept(package, file, of: spec), nevra: package.nevra, checksum: package.checksum,
                size: package.size)
        }
    }

    private func local(_ spec: String) throws(ProvisionError) -> FilePath {
        let path = Files.absolute(FilePath(spec))
        guard Files.exists(path) else {
            throw ProvisionError(
                .notFound, "there is no package file \"\(spec)\"",
                hint: spec.contains("/") ? nil : "to name a package of a repository, leave out \".rpm\"")
        }
        return path
    }

    // MARK: - URLs

    /// What is remembered of a URL: CACHE/urls/HASH.json. The package itself lies among the others, by its digest.
    private struct Record: Codable {
        var url: String
        var package: ContentDigest
        var size: UInt64
        /// Seconds since 1970.
        var fetched: Int64
    }

    private var directory: FilePath { cache.appending("urls") }
    private var packages: PackageCache { PackageCache(cache: cache) }

    private func place(_ url: String, _ suffix: String) -> FilePath {
        directory.appending("\(sha256(of: url).hex.prefix(32)).\(suffix)")
    }

    private func isFetched(_ file: NamedPackageFile) -> Bool { FilePath(file.path).removingLastComponent() == directory }

    private func fetched(_ url: String, label: String) throws -> FilePath {
        if let record = try remembered(url) { return packages.path(for: record.package) }
        let destination = place(url, "fetched-\(getpid())")
        try downloader.fetch(
            [
                TransferRequest(
                    label: label, urls: [url], destination: destination, maximumSize: maximumSize, transport: transport)
            ], phase: .metadata)
        return destination
    }

    private func remembered(_ url: String) throws(ProvisionError) -> Record? {
        guard !url.lowercased().hasPrefix("file:"), let bytes = try Files.readIfPresent(place(url, "json"), limit: 1 << 16)
        else { return nil }
        // What can't be read is no memory: the URL is asked.
        guard let record = try? JSONDecoder().decode(Record.self, from: Data(bytes)),
            packages.holds(record.package, size: record.size)
        else { return nil }
        let age = Int64(time(nil)) - record.fetched
        return expire.map { age >= 0 && age < Int64($0) } ?? true ? record : nil
    }

    /// Where a package lies from now on: a fetched one among the cached ones, so that it isn't fetched again.
    private func kept(_ package: InspectedPackage, _ file: NamedPackageFile, of spec: String) throws -> FilePath {
        guard isFetched(file) else { return FilePath(file.path) }
        let path = packages.path(for: package.checksum)
        try Files.makeDirectory(path.removingLastComponent())
        try check(rename(file.path, path.string), "write", path)
        let record = Record(
            url: file.label, package: package.checksum, size: package.size, fetched: Int64(time(nil)))
        try Files.write(Array(try JSONEncoder().encode(record)), to: place(spec, "json"), mode: 0o600)
        return path
    }
}

extension PlannedPackage {
    /// Whether it was named as a file or a URL.
    var isFile: Bool { repository == Self.commandLine }

    /// Where such a package may be fetched: its location is as it was typed, a path from the working directory.
    var fileURL: String {
        isURL(location) ? location : Repositories.fileURL(of: Files.absolute(FilePath(location)))
    }
}
