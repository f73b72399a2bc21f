// A driver to try the Containers module with; the command line proper takes its place.
import Containers
import Diagnostics
import Glibc
import System
import SystemPackage

struct Standard: ProgressSink {
    func report(_ event: ProgressEvent) {
        switch event {
        case .warning(let text, let hint): say("warning: \(text)" + (hint.map { "\n  hint: \($0)" } ?? ""))
        case .detail(let text): if getenv("TRIAL_VERBOSE") != nil { say(text) }
        default: break
        }
    }
}
func say(_ text: String) { _ = try? FileDescriptor.standardError.writeAll(Array((text + "\n").utf8)) }

func trial() throws -> Int32 {
    var words = Array(CommandLine.arguments.dropFirst())
    var command: [String] = []
    if let dashes = words.firstIndex(of: "--") {
        command = Array(words[(dashes + 1)...])
        words = Array(words[..<dashes])
    }
    var state = "/var/lib/provision"
    var verb: String?
    var target: String?
    var layers: [FilePath] = []
    var ephemeral = false
    var machine: String?
    var network = ContainerSpecification.Network.private(nil)
    var guest: [InterfaceAddress] = []
    var host: [InterfaceAddress] = []
    var edits: [(inout ContainerSpecification) throws -> Void] = []
    while !words.isEmpty {
        let word = words.removeFirst()
        func value() -> String { words.removeFirst() }
        switch word {
        case "--state": state = value()
        case "--layer": layers.append(FilePath(value()))
        case "--ephemeral": ephemeral = true
        case "--machine": machine = value()
        case "--host-network": network = .host
        case "--private-network": network = .private(nil)
        case "--netns": network = .namespace(value())
        case "--address": guest.append(try InterfaceAddress(value()))
        case "--host-address": host.append(try InterfaceAddress(value()))
        case "--bind":
            let bind = try BindMount(parsing: value(), workingDirectory: Files.absolute("."))
            edits.append { $0.binds.append(bind) }
        case "--env":
            let pair = value().split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            edits.append { $0.environment[pair[0]] = pair.count > 1 ? pair[1] : "" }
        case "--user":
            let user = value()
            edits.append { $0.user = user }
        case "--read-only": edits.append { $0.readOnly = true }
        case "--capability":
            let text = value()
            edits.append { try $0.capabilities.apply(text) }
        case "--timeout":
            let seconds = Int32(value())
            edits.append { $0.timeout = seconds }
        case "--grace":
            let seconds = Int32(value())!
            edits.append { $0.grace = seconds }
        default: if verb == nil { verb = word } else { target = word }
        }
    }
    let store = MachineStore(state: FilePath(state))
    switch verb {
    case "list":
        for machine in try store.list() { print(machine.record.name, machine.condition.rawValue) }
        return 0
    case "rm":
        try store.remove(target!)
        return 0
    case "gc":
        try store.sweep()
        return 0
    default: break
    }
    let mode = verb == "boot" ? ContainerSpecification.Mode.boot : .run(command)
    let root: ContainerSpecification.Root =
        layers.isEmpty ? .directory(try Files.canonical(Files.absolute(FilePath(target ?? "")))) : .layers(layers)
    let base = FilePath(target ?? "").lastComponent?.string ?? "root"
    let name =
        try machine.map { try MachineName($0) }
        ?? (mode == .boot ? MachineName(derivedFrom: base) : MachineName(temporaryFor: base, process: getpid()))
    if !guest.isEmpty || !host.isEmpty { network = .private(try NetworkAddresses(guest: guest, host: host)) }
    let isDirectory = layers.isEmpty
    var specification = ContainerSpecification(
        machine: name, root: root, mode: mode,
        storage: .chosen(for: mode, machineIsNamed: machine != nil || isDirectory, ephemeral: ephemeral), network: network)
    for edit in edits { try edit(&specification) }
    specification.terminal = ContainerSpecification.streamsAreTerminals
    let engine = ContainerEngine(state: FilePath(state), progress: Standard()) { say("[\($0)]") }
    let outcome = try engine.run(specification)
    say("[\(outcome.ending)]")
    return outcome.status
}

Interruption.install()
do {
    try PrivateMounts.enter()
    exit(try trial())
} catch let error as ProvisionError {
    say("error: \(error)" + (error.hint.map { "\n  hint: \($0)" } ?? ""))
    exit(error.code == .interrupted ? error.exitStatus : 125)
}
