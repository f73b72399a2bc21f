internal import ArgumentParser
internal import Provisioning

struct ModulesCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "modules",
        abstract: "The module streams of the enabled repositories; with a name, one module in full.",
        discussion: """
            A module's streams are lines of versions of which one at most is used. [d]
            marks the default stream and the profiles that @MODULE:STREAM installs, [a]
            a stream that a build sees without asking for it. Packages of all other
            streams are hidden from builds, and from search.

            EXAMPLES
              provision modules
              provision modules nodejs
              provision base web @nodejs:20
            """)
    @Argument(help: "A module's name.") var name: String?
    @OptionGroup(title: "Repository options") var choice: RepositoryOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let modules = try choice.catalog(in: context).modules(named: name)
        if global.json {
            printJSON(["modules": modules])
        } else if modules.isEmpty {
            print("the enabled repositories have no modules")
        } else if name == nil {
            list(modules)
        } else {
            for (number, module) in modules.enumerated() {
                if number > 0 { print("") }
                show(module)
            }
        }
        return 0
    }

    private func list(_ modules: [ModuleSummary]) {
        let terminal = Terminal(color: global.color)
        var table = Table([
            ("MODULE", .left), ("STREAM", .left), ("PROFILES", .left), ("REPOSITORY", .left), ("SUMMARY", .left),
        ])
        for module in modules {
            table.add([
                module.name, module.stream + marks(module),
                module.profiles.map { $0.name + ($0.isDefault ? " [d]" : "") }.joined(separator: ", "), module.repository,
                module.summary,
            ])
        }
        print(table.rendered(width: outputWidth()) { terminal.styled($0, .bold) })
    }

    private func marks(_ module: ModuleSummary) -> String {
        (module.isDefault || module.isActive ? " " : "") + (module.isDefault ? "[d]" : "") + (module.isActive ? "[a]" : "")
    }

    private func show(_ module: ModuleSummary) {
        let details = Details(terminal: Terminal(color: global.color))
        details.line("stream", "\(module.name):\(module.stream)\(marks(module))")
        details.line("summary", module.summary)
        details.line("version", "\(module.version), \(module.arch)\(module.context.isEmpty ? "" : ", \(module.context)")")
        details.line("repository", module.repository)
        for profile in module.profiles {
            details.line(
                "profile", "\(profile.name)\(profile.isDefault ? " [d]" : ""): \(profile.packages.joined(separator: ", "))")
        }
    }
}
