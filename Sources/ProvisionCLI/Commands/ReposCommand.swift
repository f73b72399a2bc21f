internal import ArgumentParser
internal import Diagnostics
internal import Model
internal import Provisioning

struct ReposCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "repos",
        abstract: "The repositories that a build would use, how old they are and what is checked of them.",
        discussion: """
            EXAMPLES
              provision repos
              provision repos --release centos-stream-9 --all
            """)
    @Flag(help: "Those that are switched off too.") var all = false
    @OptionGroup(title: "Repository options") var choice: RepositoryOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let repositories = try choice.catalog(in: context).repositories(all: all)
        let problems = repositories.compactMap(\.problem)
        let status = problems.first?.exitStatus ?? 0
        guard !global.json else {
            printJSON(["repositories": repositories])
            return status
        }
        let terminal = Terminal(color: global.color)
        var table = Table([
            ("REPOSITORY", .left), ("STATE", .left), ("PACKAGES", .right), ("SIZE", .right), ("MADE", .left), ("CHECKS", .left),
            ("NAME", .left),
        ])
        for repository in repositories {
            let time = repository.timestamp.flatMap { $0 == 0 ? nil : age(since: Int64(clamping: $0)) }
            table.add([
                repository.id, repository.problem != nil ? "fails" : repository.enabled ? "on" : "off",
                repository.packages.map(String.init) ?? "",
                repository.size.map { formatted(bytes: $0) } ?? "", time ?? "", checks(repository), repository.name,
            ])
        }
        print(table.rendered(width: outputWidth()) { terminal.styled($0, .bold) })
        for problem in problems { writeError(Program.rendered(problem, on: terminal)) }
        return status
    }

    private func checks(_ repository: RepositorySummary) -> String {
        switch (repository.checksPackages, repository.checksMetadata) {
        case (true, true): "packages, metadata"
        case (true, false): "packages"
        case (false, true): "metadata"
        case (false, false): "none"
        }
    }
}
