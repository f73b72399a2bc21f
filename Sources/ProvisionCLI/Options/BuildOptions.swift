internal import ArgumentParser
internal import Diagnostics
internal import Provisioning
internal import System
internal import SystemPackage

/// The options of base, app and plan, as docs/cli.md lists them.
struct BuildOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The layer's name; every word is then a package.", valueName: "name"))
    var name: String?

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("A comps group: its mandatory and default packages. May be given again.", valueName: "id"))
    var group: [String] = []

    @Flag(help: "The groups' optional packages too.")
    var withOptional = false

    @Flag(help: "Install weak dependencies (Recommends) too.")
    var weakDeps = false

    @Flag(help: "Leave documentation out.")
    var noDocs = false

    @Option(help: ArgumentHelp("Keep files of these locales only, by comma.", valueName: "en,es"))
    var langs: String?

    @Option(
        parsing: .singleValue, help: ArgumentHelp("Apply a clean-up patch that is off by default.", valueName: "name[=value]"))
    var patch: [String] = []

    @Option(parsing: .singleValue, help: ArgumentHelp("Leave a clean-up patch out.", valueName: "name"))
    var noPatch: [String] = []

    @Option(help: ArgumentHelp("Root's password, or its hash when it starts with $.", valueName: "password"))
    var rootPassword: String?

    @Option(
        help: ArgumentHelp("A file whose first line is root's password.", valueName: "file"), completion: .file())
    var rootPasswordFile: String?

    @Flag(inversion: .prefixedNo, help: "Check the packages' signatures.")
    var gpgcheck = true

    @Flag(help: "Accept metadata older than what was seen before.")
    var allowOlderMetadata = false

    @Flag(help: "Build although a fitting layer exists.")
    var fresh = false

    @Flag(help: "Stop at any failing scriptlet; as rpm does it, only a failing %pre or %pretrans does that.")
    var strictScriptlets = false

    @Option(help: ArgumentHelp("How many downloads at once.", valueName: "n"))
    var jobs: Int?

    @Option(
        help: ArgumentHelp(
            "Build exactly what a lock says (see `provision lock`); without words of its own, for what it was made for.",
            valueName: "file"),
        completion: .file())
    var locked: String?

    @OptionGroup var repositories: RepositoryOptions

    mutating func validate() throws {
        if rootPassword != nil && rootPasswordFile != nil {
            throw ValidationError("give --root-password or --root-password-file, not both")
        }
        if let jobs, !(1...64).contains(jobs) { throw ValidationError("--jobs takes a number from 1 to 64") }
    }

    /// A base's request: the first word is the layer's name, unless --name gives it.
    func baseRequest(_ words: [String]) throws -> BuildRequest {
        if let name { return try request(.base, name: name, specs: words) }
        if let first = words.first, isPackageFile(first) {
            throw ProvisionError(
                .usage, "the first word is the layer's name, and \"\(withoutUser(first))\" is a package file",
                hint: "name the layer: provision base NAME \(withoutUser(first))")
        }
        if let first = words.first, first.hasPrefix("@") {
            throw ProvisionError(
                .usage, "the first word is the layer's name, and \"\(first)\" is a group",
                hint: "name the layer: provision base NAME \(first)")
        }
        return try request(.base, name: words.first ?? "base", specs: Array(words.dropFirst()))
    }

    /// An app's request, named after its first package unless --name says otherwise.
    func appRequest(_ packages: [String], on parent: String) throws -> BuildRequest {
        var request = try request(.app(on: parent), name: "", specs: packages)
        let asked = packages + group + (request.lock.map { $0.request.packages + $0.request.groups } ?? [])
        guard let first = asked.first else {
            throw ProvisionError(.usage, "name at least one package or --group")
        }
        if name == nil, isPackageFile(first), packageName(ofFile: first) == nil {
            throw ProvisionError(
                .usage, "the name of \"\(withoutUser(first))\" doesn't say which package it holds",
                hint: "name the layer with --name")
        }
        let word = (packageName(ofFile: first) ?? first).drop { $0 == "@" }.prefix {
            $0.isLetter || $0.isNumber || "-_+.".contains($0)
        }
        request.name = name ?? String(word)
        return request
    }

    /// The request that these options and a command's own words make.
    func request(_ kind: BuildRequest.Kind, name: String, specs: [String]) throws -> BuildRequest {
        var request = BuildRequest(kind: kind, name: name)
        request.specs = specs.filter { !$0.hasPrefix("@") }
        request.groups = group + specs.filter { $0.hasPrefix("@") }.map { String($0.dropFirst()) }
        request.withOptional = withOptional
        repositories.apply(to: &request)
        request.weakDependencies = weakDeps
        request.noDocs = noDocs
        request.languages = langs.map { $0.split(separator: ",").map(String.init) } ?? []
        request.patches = patch
        request.withoutPatches = noPatch
        request.rootPassword = try rootPassword ?? rootPasswordFile.map(firstLine)
        request.checksSignatures = gpgcheck
        request.allowsOlderMetadata = allowOlderMetadata
        request.fresh = fresh
        request.jobs = jobs
        request.strictScriptlets = strictScriptlets
        request.lock = try locked.map { try LockFile(reading: Files.absolute(FilePath($0))) }
        request.command = commandLine(hiding: rootPassword)
        return request
    }

    private func firstLine(of file: String) throws -> String {
        let text = try Files.readText(FilePath(file), limit: 1 << 16)
        guard let line = text.split(separator: "\n").first else {
            throw ProvisionError(.usage, "\"\(file)\" holds no password", hint: "its first line is taken as root's password")
        }
        return String(line)
    }

}
