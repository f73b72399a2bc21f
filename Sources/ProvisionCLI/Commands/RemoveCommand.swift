internal import ArgumentParser
internal import Model
internal import Provisioning
internal import Repositories

struct RemoveCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "rm",
        abstract: "Remove layers with no children, or machines that don't run.",
        usage: "provision rm <name> ... [--layer | --machine] [<options>]",
        discussion: """
            A name that both a layer and a machine have means the machine; --layer
            and --machine say which.

            EXAMPLES
              provision rm vsftpd
              provision rm --layer vsftpd base
            """)
    @Argument(help: "Layers' or machines' names.") var names: [String]
    @Flag(help: "Remove the layer of that name.") var layer = false
    @Flag(help: "Remove the machine of that name.") var machine = false
    @OptionGroup(title: "Global options") var global: GlobalOptions

    func validate() throws {
        if names.isEmpty { throw ValidationError("name what to remove") }
        if layer && machine { throw ValidationError("give --layer or --machine, not both") }
    }

    func execute(in context: Context) throws -> Int32 {
        let inventory = Inventory(context: context)
        var removed: [Removal] = []
        for name in names {
            removed.append(try inventory.remove(name, only: layer ? .layer : machine ? .machine : nil))
        }
        if global.json {
            printJSON(["removed": removed])
        } else {
            for removal in removed { print("removed \(removal.what.rawValue) \"\(removal.name)\"") }
        }
        return 0
    }
}

struct GarbageCommand: ProvisionCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "Remove what nothing needs: what dead runs left, old metadata in the cache.",
        usage: "provision gc [<options>]",
        discussion: """
            Packages in the cache stay. While a build runs, the cache is left alone.

            EXAMPLES
              provision gc
            """)

    /// The document of --json.
    private struct Answer: Encodable {
        var removed: [String]
        /// In the cache.
        var freedBytes: UInt64
    }

    @OptionGroup(title: "Global options") var global: GlobalOptions

    func execute(in context: Context) throws -> Int32 {
        let inventory = Inventory(context: context)
        let removed = try inventory.sweep()
        let cache = try inventory.sweepCache()
        let answer = Answer(removed: removed + cache.removed, freedBytes: cache.freedBytes)
        if global.json {
            printJSON(answer)
        } else if answer.removed.isEmpty {
            print("nothing to remove")
        } else {
            for path in answer.removed { print("removed \(path)") }
        }
        return 0
    }
}
