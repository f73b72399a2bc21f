internal import ArgumentParser
internal import Containers
internal import Diagnostics
internal import FoundationEssentials
internal import Model
internal import Provisioning

struct ShowCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "One layer or machine in full: of what it was made, and how.",
        usage: "provision show <name> [<options>]",
        discussion: """
            Of a name that a layer and a machine have, both are shown.

            EXAMPLES
              provision show base
              provision show vsftpd --json
            """)
    @Argument(help: "A layer's or machine's name.") var name: String
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        switch try Inventory(context: context).subject(named: name) {
        case .layer(let layer):
            guard !global.json else {
                printJSON(layer)
                return 0
            }
            if let machine = layer.machine {
                show(machine)
                print("")
            }
            show(layer)
        case .machine(let machine):
            if global.json { printJSON(machine) } else { show(machine) }
        }
        return 0
    }

    private func show(_ layer: LayerDetails) {
        let manifest = layer.manifest
        let terminal = Terminal(color: global.color)
        func line(_ label: String, _ value: String) { print(terminal.styled(label.padded(to: 10), .bold) + value) }
        line("name", manifest.name)
        line("kind", manifest.kind.rawValue)
        if let parent = manifest.parent { line("on", "\(parent.name) (\(parent.digest.short))") }
        line("release", "\(manifest.release) \(manifest.arch)")
        line("made", "\(time(layer.made)) by: \(manifest.command)")
        line("dated", time(manifest.created))
        line("digest", manifest.digest.description)
        line("path", layer.path)
        line("size", "\(formatted(bytes: manifest.size)) in \(count(manifest.fileCount, "path"))")
        line("disk", diskUse(layer.disk))
        for difference in manifest.differences ?? [] {
            let sizes = "\(formatted(bytes: difference.storedSize)) for \(formatted(bytes: difference.size))"
            line("delta", "/\(difference.path): \(sizes)")
        }
        if let database = manifest.database { line("rpmdb", "\(database.path) (\(database.backend))") }
        for patch in manifest.patches {
            line("patch", "\(patch.name): \(patch.outcome.rawValue), \(patch.detail)")
        }
        for warning in manifest.warnings { line("warning", warning) }
        guard !manifest.packages.isEmpty else { return }
        var table = Table([("Package", .left), ("Repository", .left), ("Size", .right), ("Reason", .left)])
        for package in manifest.packages.sorted(by: { $0.nevra.description < $1.nevra.description }) {
            table.add([
                package.nevra.description, package.repository, formatted(bytes: package.installedSize),
                package.reason.label,
            ])
        }
        print("\n" + table.rendered { terminal.styled($0, .bold) })
    }

    private func show(_ machine: MachineSummary) {
        let terminal = Terminal(color: global.color)
        func line(_ label: String, _ value: String) { print(terminal.styled(label.padded(to: 10), .bold) + value) }
        line("machine", machine.name)
        line("state", machine.state)
        line("layer", machine.layer)
        if let command = machine.command { line("command", command.joined(separator: " ")) }
        if let pid = machine.pid { line("run by", "process \(pid)") }
        for (number, address) in (machine.addresses ?? []).enumerated() { line(number == 0 ? "address" : "", address) }
        if let network = machine.network { line("network", network) }
        if let interface = machine.interface { line("interface", interface) }
        for (number, port) in (machine.published ?? []).enumerated() { line(number == 0 ? "published" : "", port) }
        if let uptime = machine.uptime { line("up", duration(uptime)) }
        for (label, value) in [
            ("memory", memoryUse(machine.usage)), ("cpu", processorUse(machine.usage)), ("pids", processUse(machine.usage)),
            ("io weight", machine.usage?.ioWeight.map(String.init) ?? ""),
        ] where !value.isEmpty {
            line(label, value)
        }
        line("path", machine.path)
        guard let processes = machine.processes, !processes.isEmpty else { return }
        var table = Table([("PID OUTSIDE", .right), ("INSIDE", .right), ("COMMAND", .left)])
        for process in processes { table.add([String(process.outside), String(process.inside), process.command]) }
        print("\n" + table.rendered { terminal.styled($0, .bold) })
    }

    private func time(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}

/// `236 KiB own, 12 MiB shared with other layers, 3.7 MiB derived`.
func diskUse(_ use: DiskUse) -> String {
    var parts = ["\(formatted(bytes: use.own)) own"]
    if use.shared > 0 { parts.append("\(formatted(bytes: use.shared)) shared with other layers") }
    if use.derived > 0 { parts.append("\(formatted(bytes: use.derived)) derived") }
    return parts.joined(separator: ", ")
}

struct TreeCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "tree",
        abstract: "The layers as a family, each with its own size.",
        usage: "provision tree [--disk-use] [<options>]",
        discussion: """
            EXAMPLES
              provision tree
              provision tree --disk-use
            """)
    @Flag(help: "Measure what each takes of the disk, and how much of it others share.") var diskUse = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let roots = try Inventory(context: context).families(diskUse: diskUse)
        guard !global.json else {
            printJSON(roots)
            return 0
        }
        let unicode = Terminal(color: global.color).usesUnicode
        for root in roots {
            print("\(root.name)  \(formatted(bytes: root.size))\(remarks(root))")
            draw(root.children, indent: "", unicode: unicode)
        }
        return 0
    }

    private func remarks(_ node: FamilyNode) -> String {
        (node.disk.map { "  (on disk: \(ProvisionCLI.diskUse($0)))" } ?? "") + (node.broken.map { "  (broken: \($0))" } ?? "")
    }

    private func draw(_ nodes: [FamilyNode], indent: String, unicode: Bool) {
        for (index, node) in nodes.enumerated() {
            let last = index == nodes.count - 1
            let branch = unicode ? (last ? "└─ " : "├─ ") : (last ? "`- " : "|- ")
            print("\(indent)\(branch)\(node.name)  +\(formatted(bytes: node.size))\(remarks(node))")
            draw(node.children, indent: indent + (last ? "   " : unicode ? "│  " : "|  "), unicode: unicode)
        }
    }
}
