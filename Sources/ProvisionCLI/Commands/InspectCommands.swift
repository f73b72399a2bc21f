internal import ArgumentParser
internal import Diagnostics
internal import Model
internal import Provisioning

struct FilesCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "files",
        abstract: "The paths that a layer itself holds.",
        usage: "provision files <layer> [<options>]",
        discussion: """
            A whiteout is a path of its parents that the layer removes; an opaque
            directory hides all that its parents have there.

            EXAMPLES
              provision files vsftpd
              provision files vsftpd --json
            """)
    @Argument(help: "A layer's name.") var name: String
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let files = try Inspection(context: context).files(of: name)
        guard !global.json else {
            printJSON(files)
            return 0
        }
        var table = Table([("Type", .left), ("Mode", .right), ("Owner", .left), ("Size", .right), ("Path", .left)])
        for file in files {
            let size = file.device ?? (file.type == .file ? String(file.size) : "")
            table.add([file.type.rawValue, file.mode, "\(file.owner):\(file.group)", size, file.path + note(file)])
        }
        let terminal = Terminal(color: global.color)
        print(table.rendered { terminal.styled($0, .bold) })
        return 0
    }

    private func note(_ file: LayerFile) -> String {
        var text = file.target.map { " -> \($0)" } ?? ""
        if file.opaque == true { text += " (opaque)" }
        if file.hardLink == true { text += " (hard link)" }
        if let bytes = file.difference { text += " (kept as a difference of \(formatted(bytes: bytes)))" }
        if let attributes = file.attributes { text += " [\(attributes.joined(separator: ", "))]" }
        return text
    }
}

struct DiffCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "What changes from one layer to another, or what a machine changed.",
        usage: "provision diff <from> <to> [<options>]\n       provision diff <machine> [<options>]",
        discussion: """
            Packages by the layers' manifests (a machine's by its rpm database),
            files in the merged views: + added, - removed, ~ changed. Times don't
            count.

            EXAMPLES
              provision diff base vsftpd
              provision diff web
            """)
    @Argument(help: "A layer's name; alone, a machine's.") var from: String
    @Argument(help: "Another layer's.") var to: String?
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        let answer =
            if let to {
                try Inspection(context: context).comparison(of: from, with: to)
            } else {
                try MachineWork(context: context).changes(of: from)
            }
        guard !global.json else {
            printJSON(answer)
            return 0
        }
        let packages = answer.packages
        let changes = packages.added.count + packages.removed.count + packages.changed.count
        print(changes == 0 ? "no package differs" : "\(count(changes, "package")):")
        for package in packages.removed { print("  - \(package)") }
        for package in packages.added { print("  + \(package)") }
        for change in packages.changed { print("  ~ \(change.name).\(change.arch)  \(change.from) -> \(change.to)") }
        print(answer.files.isEmpty ? "no path differs" : "\(count(answer.files.count, "path")):")
        let signs = ["added": "+", "removed": "-", "changed": "~"]
        for file in answer.files {
            let what = file.differs.isEmpty ? "" : "  (\(file.differs.joined(separator: ", ")))"
            print("  \(signs[file.change] ?? "?") \(file.path.printableLine)\(what)")
        }
        return 0
    }
}

struct VerifyCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compare layers and packaged files with what they should be.",
        usage: "provision verify <target> [<options>]",
        discussion: """
            Every layer is compared with its digest, and every packaged file of the
            merged view with the rpm database. The status is 1 when something
            differs. What a clean-up patch changed is named and doesn't count.

            EXAMPLES
              provision verify vsftpd
              provision verify ./root --json
            """)
    @Argument(help: "A layer's or machine's name, or a root directory (with a /).") var target: String
    @OptionGroup(title: "Global options") var global: GlobalOptions
    static let mountsPrivately = true

    func execute(in context: Context) throws -> Int32 {
        let answer = try Verification(context: context).verify(target)
        if global.json { printJSON(answer) } else { show(answer) }
        return answer.intact ? 0 : 1
    }

    private func show(_ answer: VerifyAnswer) {
        let terminal = Terminal(color: global.color)
        for layer in answer.layers {
            if layer.intact {
                print("\(terminal.done) layer \"\(layer.name)\" is as it was made: \(layer.digest.short)")
            } else {
                print("\(terminal.failed) layer \"\(layer.name)\" was changed on disk after it was made")
                if layer.found != layer.digest { print("    it was \(layer.digest)\n    it is  \(layer.found)") }
                for problem in layer.problems { print("    \(problem)") }
            }
        }
        guard let database = answer.database else {
            print("no rpm database: packaged files can't be compared")
            return
        }
        for file in answer.files {
            let kind = file.kind.map { " (\($0))" } ?? ""
            let what = file.differs == ["missing"] ? "missing" : "differs in " + file.differs.joined(separator: ", ")
            let sign = file.patch == nil ? terminal.failed : terminal.done
            print("\(sign) \(file.path.printableLine)\(kind): \(file.patch.map { "changed by the patch \($0)" } ?? what)")
        }
        for line in answer.dependencies { print("\(terminal.failed) \(line)") }
        let wrong = answer.files.count { $0.patch == nil }
        let sum =
            wrong == 0 ? "all files are as they should be" : "\(count(wrong, "file")) \(wrong == 1 ? "differs" : "differ")"
        print("\(count(answer.packages, "package")) in \(database): \(sum)")
    }
}
