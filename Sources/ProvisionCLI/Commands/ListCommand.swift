internal import ArgumentParser
internal import FoundationEssentials
internal import Model
internal import Provisioning

struct ListCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "Layers and machines.",
        usage: "provision list [--disk-use] [<options>]",
        discussion: """
            A machine's PID is that of its own process 1, as the host numbers it;
            `show` lists all of its processes.

            EXAMPLES
              provision list
              provision list --disk-use
              provision list --json
            """,
        aliases: ["ls"])
    @Flag(help: "Measure what each layer takes of the disk, and how much of it others share.") var diskUse = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let inventory = Inventory(context: context)
        let listing = try inventory.listing(diskUse: diskUse)
        guard !global.json else {
            printJSON(listing)
            return 0
        }
        let terminal = Terminal(color: global.color)
        if listing.layers.isEmpty && listing.machines.isEmpty {
            print("no layers yet; make one with: provision base --group core")
            return 0
        }
        var layers = Table(
            [
                ("LAYER", .left), ("KIND", .left), ("ON", .left), ("RELEASE", .left), ("PACKAGES", .right), ("SIZE", .right),
                ("DIGEST", .left), ("MADE", .left),
            ] + (diskUse ? [("OWN", .right), ("SHARED", .right), ("DERIVED", .right)] : []))
        for layer in listing.layers {
            let disk = layer.disk.map { [$0.own, $0.shared, $0.derived].map { formatted(bytes: $0) } } ?? []
            layers.add(
                [
                    layer.name, layer.kind.rawValue, layer.parent ?? "", layer.release, String(layer.packages),
                    formatted(bytes: layer.size), layer.digest.short, age(since: layer.made),
                ] + disk)
        }
        if !layers.isEmpty { print(layers.rendered { terminal.styled($0, .bold) }) }
        var machines = Table([
            ("MACHINE", .left), ("STATE", .left), ("LAYER", .left), ("PID", .right), ("ADDRESS", .left), ("UP", .right),
            ("MEMORY", .right), ("CPU", .right), ("PIDS", .right),
        ])
        for machine in listing.machines {
            machines.add([
                machine.name, machine.state, machine.layer, machine.initialization.map(String.init) ?? "",
                machine.address ?? "",
                machine.uptime.map(duration) ?? "", memoryUse(machine.usage), processorUse(machine.usage),
                processUse(machine.usage),
            ])
        }
        if !machines.isEmpty {
            if !layers.isEmpty { print("") }
            print(machines.rendered { terminal.styled($0, .bold) })
        }
        return 0
    }
}

/// `just now`, `5 minutes ago`, `3 days ago`.
func age(since seconds: Int64) -> String {
    let elapsed = max(0, Int64(Date().timeIntervalSince1970) - seconds)
    switch elapsed {
    case ..<60: return "just now"
    case ..<3600: return count(Int(elapsed / 60), "minute") + " ago"
    case ..<86400: return count(Int(elapsed / 3600), "hour") + " ago"
    default: return count(Int(elapsed / 86400), "day") + " ago"
    }
}
