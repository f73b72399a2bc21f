internal import Diagnostics
internal import Glibc
internal import System
public import SystemPackage

/// One side of `provision cp`.
public enum CopyPlace: Equatable, Sendable {
    /// Absolute.
    case host(String)
    /// A path in a machine, taken from its `/`.
    case machine(String, path: String)

    /// `MACHINE:PATH`, or a path of the host: one that begins with `/`, `./` or `../`, or holds no colon.
    public init(parsing text: String, workingDirectory: String) {
        let slash = text.firstIndex(of: "/") ?? text.endIndex
        if let colon = text.firstIndex(of: ":"), colon < slash, colon > text.startIndex {
            let path = text[text.index(after: colon)...]
            self = .machine(String(text[..<colon]), path: path.hasPrefix("/") ? String(path) : "/" + path)
        } else {
            self = .host(text.hasPrefix("/") ? text : workingDirectory + "/" + text)
        }
    }
}

extension ContainerEngine {
    /// Copies into, out of or between machines, running or not: see `RootedDirectory.copy`.
    ///
    /// In a running machine it sees what the machine's processes see. A stopped one is mounted for the time; the calling process
    /// must be in a mount namespace of its own (`PrivateMounts.enter()`).
    ///
    /// - Parameter trees: the layers that a stopped machine stands on, topmost first.
    /// - Throws: `.usage` where both are the host's, `.notFound`, `.conflict` where the machine is starting or ending, `.failed`.
    public func copy(_ source: CopyPlace, to destination: CopyPlace, trees: (Machine) throws -> [FilePath]) throws {
        if case .host = source, case .host = destination {
            throw ProvisionError(.usage, "neither side is in a machine", hint: "write one of them as MACHINE:PATH")
        }
        let from = try CopySide(source, in: store, trees: trees)
        let to = try CopySide(destination, in: store, trees: trees)
        let offset = Int64(to.userBase) - Int64(from.userBase)
        // An id-mapped root takes files only from who has a number in its map.
        do {
            try withFilesOwned(by: to.userBase) { () throws(ProvisionError) in
                for path in try from.root.copy(from.path, to: to.path, in: to.root, ownerOffset: offset) {
                    progress.warn("\"\(path)\" is a socket and was not copied")
                }
            }
        } catch {
            var error = error
            // Paths as they were given, not as they lie on the host.
            for side in [from, to] {
                guard let machine = side.machine else { continue }
                error.message = error.message.replacing("\"\(side.root.path)", with: "\"\(machine):")
            }
            throw error
        }
    }
}

/// A root with a path in it, held as long as the copy takes.
private final class CopySide {
    let root: RootedDirectory
    let path: String
    /// nil: the host.
    let machine: String?
    /// What the host adds to the machine's user numbers.
    let userBase: UInt32
    private let lock: FileLock?
    private let mount: MachineRoot?

    init(_ place: CopyPlace, in store: MachineStore, trees: (Machine) throws -> [FilePath]) throws {
        guard case .machine(let name, let path) = place else {
            guard case .host(let path) = place else { preconditionFailure("a place is one or the other") }
            self.path = path
            machine = nil
            root = try RootedDirectory("/")
            userBase = 0
            lock = nil
            mount = nil
            return
        }
        self.path = path
        self.machine = name
        let machine = try store.machine(named: name)
        if let running = try RunningMachine(machine) {
            let guest = try running.guest()
            userBase = try GuestUser.outside(0, of: guest.initialization)
            root = try RootedDirectory(FilePath("/proc/\(guest.initialization)/root"))
            lock = nil
            mount = nil
            return
        }
        userBase = 0
        if let directory = machine.record.directory {
            root = try RootedDirectory(FilePath(directory))
            lock = nil
            mount = nil
            return
        }
        lock = try store.lock(machine.record.name, words: "cp")
        let specification = ContainerSpecification(
            machine: machine.record.name, root: .layers(try trees(machine)), mode: .boot, storage: .kept)
        let mounted = try MachineRoot.mount(specification, machine: store.path(of: machine.record.name))
        root = try RootedDirectory(mounted.path)
        mount = consume mounted
    }
}
