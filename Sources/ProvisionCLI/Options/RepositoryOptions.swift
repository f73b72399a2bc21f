internal import ArgumentParser
internal import Provisioning
internal import System
internal import SystemPackage

/// The options that choose repositories: part of the build options, and all that commands take that only look into them.
struct RepositoryOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The distribution (see `provision release`).", valueName: "release"))
    var release: String?

    @Option(
        name: .customShort("c"),
        help: ArgumentHelp("A yum.conf whose repositories are used instead of the release's.", valueName: "yum.conf"),
        completion: .file())
    var yumConfiguration: String?

    @Option(parsing: .singleValue, help: ArgumentHelp("One more repository.", valueName: "id=url"))
    var repo: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("Switch a repository on.", valueName: "id"))
    var enableRepo: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("Switch a repository off.", valueName: "id"))
    var disableRepo: [String] = []

    @Option(
        parsing: .singleValue, help: ArgumentHelp("Set an option of yum.conf; REPO.K=V for one repository.", valueName: "k=v"))
    var setopt: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("Packages that must not be installed.", valueName: "spec"))
    var exclude: [String] = []

    @Option(help: ArgumentHelp("The value of $releasever.", valueName: "version"))
    var releasever: String?

    @Option(help: ArgumentHelp("The architecture (default: this host's).", valueName: "arch"))
    var arch: String?

    /// What they ask for, written into a request.
    func apply(to request: inout BuildRequest) {
        request.release = release
        request.yumConfiguration = yumConfiguration.map { Files.absolute(FilePath($0)) }
        request.addedRepositories = repo
        request.enabledRepositories = enableRepo
        request.disabledRepositories = disableRepo
        request.settings = setopt
        request.excludes = exclude
        request.releaseVersion = releasever
        request.architecture = arch
    }

    func catalog(in context: Context) throws -> Catalog {
        var request = BuildRequest(kind: .base, name: "")
        apply(to: &request)
        return try Catalog(request, context: context)
    }
}
