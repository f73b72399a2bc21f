internal import ArgumentParser
internal import Diagnostics
internal import Model
internal import Provisioning
internal import System
internal import SystemPackage

struct LockCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "lock",
        abstract: "Write down exactly what a base or app call would install, to be committed and built from.",
        usage: """
            provision lock base [<word> ...] [<options>] [-o <file>]
            provision lock app <package> ... --on <layer> [<options>] [-o <file>]
            provision lock --update [<package> ...] [-o <file>]
            provision lock --diff <old> <new>
            """,
        discussion: """
            The words and options after base or app are those of the same call.
            "base --locked FILE" and "app --locked FILE" build from it: exactly these
            packages, whatever the repositories have by then, without asking for
            metadata, and without a network where the cache has the packages.

            EXAMPLES
              provision lock base --group core
              provision base --locked provision.lock
              provision lock app vsftpd --on base -o vsftpd.lock
              provision lock --update bash
              provision lock --diff old.lock provision.lock
            """)

    @Argument(help: ArgumentHelp("base or app and its words; packages to update; two locks to compare.", valueName: "word"))
    var words: [String] = []
    @Option(name: .shortAndLong, help: "The lock's file; - is standard output.", completion: .file())
    var output = "provision.lock"
    @Flag(help: "Make the lock in the file again; only the named packages may change, if any are named.")
    var update = false
    @Flag(help: "Tell how two locks differ, as release notes do.")
    var diff = false
    @Option(help: ArgumentHelp("The layer that an app stands on.", valueName: "layer"))
    var on: String?
    @OptionGroup(title: "Build options") var build: BuildOptions
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        if update && diff { throw ValidationError("give --update or --diff, not both") }
        if build.locked != nil { throw ValidationError("--locked belongs to base and app") }
        if diff, words.count != 2 { throw ValidationError("--diff takes two locks, the old one first") }
        if update, output == "-" { throw ValidationError("--update changes a file: name it with -o") }
        guard !update, !diff else { return }
        switch words.first {
        case "base": if on != nil { throw ValidationError("--on belongs to app: a base has no parent") }
        case "app":
            if on == nil { throw ValidationError("name the layer that the app stands on: --on LAYER") }
            if words.count == 1, build.group.isEmpty { throw ValidationError("name at least one package or --group") }
        default: throw ValidationError("say what to lock: base or app, and what the same call would be given")
        }
    }

    func execute(in context: Context) throws -> Int32 {
        if diff {
            let (old, new) = (try LockFile(reading: path(words[0])), try LockFile(reading: path(words[1])))
            show(LockDiff(from: old, to: new), global: global)
        } else if update {
            try updateFile(in: context)
        } else {
            let request =
                try words[0] == "base"
                ? build.baseRequest(Array(words.dropFirst())) : build.appRequest(Array(words.dropFirst()), on: on ?? "")
            try write(try Locker(context: context).lock(request))
        }
        return 0
    }

    private func updateFile(in context: Context) throws {
        let old = try LockFile(reading: path(output))
        let parent = on ?? old.request.parent?.name
        let request = try build.request(parent.map { .app(on: $0) } ?? .base, name: "", specs: [])
        let new = try Locker(context: context).update(old, request, only: words)
        try new.write(to: Files.replaceable(output))
        show(LockDiff(from: old, to: new), global: global)
    }

    private func write(_ lock: LockFile) throws {
        if output == "-" {
            if global.json { printJSON(lock) } else { print(lock.text, terminator: "") }
            return
        }
        try lock.write(to: Files.replaceable(output))
        if global.json {
            printJSON(lock)
        } else {
            print(
                "\(output): \(count(lock.packages.count, "package")) of \(lock.repositories.map(\.id).joined(separator: ", "))")
            let on = lock.request.parent.map { " --on \($0.name)" } ?? ""
            let file = build.repositories.yumConfiguration.map { " -c \($0)" } ?? ""
            print("next: provision \(lock.request.kind.rawValue) --locked \(output)\(on)\(file)")
        }
    }

    private func path(_ word: String) -> FilePath { Files.absolute(FilePath(word)) }
}
