internal import ArgumentParser
internal import FoundationEssentials
internal import Model
internal import Provisioning

struct InfoCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "One package in full, as the enabled repositories describe it.",
        discussion: """
            SPEC is what a build takes too: a name, a name with version or
            architecture, a pattern, a capability or a file. With -v dependencies are
            listed, not only counted.

            EXAMPLES
              provision info vsftpd
              provision info /usr/bin/passwd -v
            """)
    @Argument(help: ArgumentHelp("What packages to describe.", valueName: "spec")) var spec: String
    @OptionGroup(title: "Repository options") var choice: RepositoryOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let packages = try choice.catalog(in: context).packages(matching: spec)
        guard !global.json else {
            printJSON(["packages": packages])
            return 0
        }
        for (number, package) in packages.enumerated() {
            if number > 0 { print("") }
            show(package)
        }
        return 0
    }

    private func show(_ package: PackageDescription) {
        let details = Details(terminal: Terminal(color: global.color))
        details.line("package", package.nevra.description)
        if let obstacle = package.notInstallable { details.line("unusable", obstacle) }
        details.line("repository", package.repository)
        details.line("size", "\(formatted(bytes: package.size)), installed \(formatted(bytes: package.installedSize))")
        details.line("summary", package.summary)
        details.line("licence", package.license)
        details.line("url", package.url)
        details.line("vendor", package.vendor)
        details.line("source", package.source)
        if package.buildTime > 0 {
            details.line("built", Date(timeIntervalSince1970: Double(package.buildTime)).formatted(.iso8601))
        }
        for advisory in package.advisories {
            let severity = advisory.severity.isEmpty ? "" : ", \(advisory.severity.lowercased())"
            let title = advisory.title.isEmpty ? "" : ": \(advisory.title)"
            details.line("advisory", "\(advisory.id), \(advisory.type)\(severity)\(title)")
        }
        let kinds = [
            ("requires", package.requires), ("provides", package.provides), ("conflicts", package.conflicts),
            ("obsoletes", package.obsoletes), ("recommends", package.recommends),
        ]
        for (label, list) in kinds where !list.isEmpty {
            if global.verbose { details.list(label, list) } else { details.line(label, String(list.count)) }
        }
        details.text("about", package.description)
    }
}
