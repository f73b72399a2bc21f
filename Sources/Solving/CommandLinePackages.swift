internal import CSolv
internal import Diagnostics
public import Model
public import SystemPackage

/// A package file beside the repositories, verified already.
public struct CommandLinePackage: Sendable, Hashable {
    /// As it was asked for: a path or a URL, which is its location too.
    public var spec: String
    /// Where it lies on this host.
    public var path: FilePath
    public var nevra: NEVRA
    /// sha256 of the file.
    public var checksum: ContentDigest
    /// Bytes of the file.
    public var size: UInt64

    public init(spec: String, path: FilePath, nevra: NEVRA, checksum: ContentDigest, size: UInt64) {
        self.spec = spec
        self.path = path
        self.nevra = nevra
        self.checksum = checksum
        self.size = size
    }
}

/// The package files of a request as one more repository of the pool, which dnf calls `@commandline`.
///
/// Source: libdnf's `dnf_sack_add_cmdline_package`; dnf adds them after the repositories and leaves this one's priority as libsolv
/// has it, which is better than any that yum.conf can give.
struct CommandLinePackages {
    /// In the order of the request.
    let ids: [Id]
    private let packages: [Id: CommandLinePackage]

    /// - Throws: `.verification` where a file is no longer what it was when it was verified.
    init(_ wanted: [CommandLinePackage], into pool: SolvPool) throws(ProvisionError) {
        var ids: [Id] = []
        var packages: [Id: CommandLinePackage] = [:]
        if !wanted.isEmpty {
            let repository = pool.addRepository(PlannedPackage.commandLine)
            for package in wanted {
                // As createrepo lists them, without what only librpm itself provides.
                let id = repo_add_rpm(
                    repository, package.path.string, REPO_REUSE_REPODATA | REPO_NO_INTERNALIZE | RPM_ADD_NO_RPMLIBREQS)
                guard id != 0, pool.nevra(of: id) == package.nevra else {
                    throw ProvisionError(
                        .verification, "the package file \"\(package.spec)\" was changed while it was read",
                        hint: "try again when nobody writes to it", causes: id == 0 ? [pool.errorText] : [])
                }
                ids.append(id)
                packages[id] = package
            }
            repo_internalize(repository)
        }
        self.ids = ids
        self.packages = packages
    }

    subscript(id: Id) -> CommandLinePackage? { packages[id] }
}
