internal import ArgumentParser
internal import Model
internal import Provisioning

struct SearchCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "search",
        abstract: "Packages whose name, summary or provided capability has every word in it.",
        discussion: """
            The best match comes first: the very name, names that begin so, names with
            the word in them, what a package provides, and summaries.

            EXAMPLES
              provision search ftp
              provision search editor vi --json
            """)
    @Argument(help: "Words, in any case.") var words: [String]
    @OptionGroup(title: "Repository options") var choice: RepositoryOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        if words.isEmpty || words.contains("") { throw ValidationError("give words to look for") }
    }

    func execute(in context: Context) throws -> Int32 {
        let hits = try choice.catalog(in: context).search(words)
        guard !global.json else {
            printJSON(["packages": hits])
            return 0
        }
        guard !hits.isEmpty else {
            print("no package has \(words.map { "\"\($0)\"" }.joined(separator: " and ")) in it")
            return 0
        }
        let terminal = Terminal(color: global.color)
        var table = Table([("PACKAGE", .left), ("VERSION", .left), ("REPOSITORY", .left), ("SUMMARY", .left)])
        for hit in hits {
            table.add(["\(hit.nevra.name).\(hit.nevra.arch)", hit.nevra.evr, hit.repository, hit.summary])
        }
        print(table.rendered(width: outputWidth()) { terminal.styled($0, .bold) })
        return 0
    }
}
