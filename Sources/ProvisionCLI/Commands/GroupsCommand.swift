internal import ArgumentParser
internal import Model
internal import Provisioning

struct GroupsCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "groups",
        abstract: "The groups and environments of the enabled repositories; with an id, one in full.",
        discussion: """
            A group's size is that of its mandatory and default packages, without what
            they need.

            EXAMPLES
              provision groups
              provision groups core
            """)
    @Argument(help: "A group's or environment's id or name.") var id: String?
    @Flag(help: "Hidden groups too.") var all = false
    @OptionGroup(title: "Repository options") var choice: RepositoryOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let catalog = try choice.catalog(in: context)
        let listing = try id.map(catalog.group) ?? catalog.groups()
        if global.json {
            printJSON(listing)
        } else if id == nil {
            list(listing)
        } else {
            for group in listing.groups { show(group) }
            for environment in listing.environments { show(environment) }
        }
        return 0
    }

    private func list(_ listing: GroupListing) {
        let terminal = Terminal(color: global.color)
        let shown = listing.groups.filter { all || $0.visible }
        var table = Table([
            ("GROUP", .left), ("MANDATORY", .right), ("DEFAULT", .right), ("OPTIONAL", .right), ("SIZE", .right),
            ("NAME", .left),
        ])
        for group in shown {
            table.add([
                group.id, String(group.count(of: "mandatory")), String(group.count(of: "default")),
                String(group.count(of: "optional")), formatted(bytes: group.installedSize),
                group.name + (group.visible ? "" : " (hidden)"),
            ])
        }
        let hidden = listing.groups.count - shown.count
        if shown.isEmpty {
            print(hidden == 0 ? "the enabled repositories define no groups" : "no visible groups")
        } else {
            print(table.rendered(width: outputWidth()) { terminal.styled($0, .bold) })
        }
        if hidden > 0 { print("\(count(hidden, "hidden group")): --all lists them too") }
        guard !listing.environments.isEmpty else { return }
        var environments = Table([("ENVIRONMENT", .left), ("GROUPS", .right), ("NAME", .left)])
        for environment in listing.environments {
            environments.add([environment.id, String(environment.groups.count), environment.name])
        }
        print("\n" + environments.rendered(width: outputWidth()) { terminal.styled($0, .bold) })
    }

    private func show(_ group: GroupSummary) {
        let details = Details(terminal: Terminal(color: global.color))
        details.line("group", group.id + (group.visible ? "" : " (hidden)"))
        details.line("name", group.name)
        details.text("about", group.description)
        details.line("size", formatted(bytes: group.installedSize))
        for kind in ["mandatory", "default", "conditional", "optional"] {
            let members = group.members.filter { $0.kind == kind }.map { member in
                member.name + (member.requires.map { " (if \($0))" } ?? "")
                    + (member.installedSize == nil ? " (in no enabled repository)" : "")
            }
            details.list(kind, members)
        }
    }

    private func show(_ environment: EnvironmentSummary) {
        let details = Details(terminal: Terminal(color: global.color))
        details.line("environment", environment.id)
        details.line("name", environment.name)
        details.text("about", environment.description)
        details.list("groups", environment.groups)
        details.list("options", environment.options)
    }
}
