import System

/// A network namespace that plays another host on a wire with this one: 198.51.100.2 and fd02::2 there, .1 here.
final class RemoteHost {
    static let address = "198.51.100.2"
    /// This host, as that one sees it.
    static let ours = "198.51.100.1"
    private let name: String

    init(_ name: String) throws {
        self.name = name
        try runChecked(["ip", "netns", "add", name])
        try runChecked(["ip", "link", "add", "pv-\(name)", "type", "veth", "peer", "name", "eth0", "netns", name])
        for words in [
            ["address", "add", "\(Self.ours)/24", "dev", "pv-\(name)"],
            ["address", "add", "fd02::1/64", "dev", "pv-\(name)", "nodad"], ["link", "set", "pv-\(name)", "up"],
            ["-netns", name, "address", "add", "\(Self.address)/24", "dev", "eth0"],
            ["-netns", name, "address", "add", "fd02::2/64", "dev", "eth0", "nodad"],
            ["-netns", name, "link", "set", "eth0", "up"], ["-netns", name, "link", "set", "lo", "up"],
        ] { try runChecked(["ip"] + words) }
    }

    deinit {
        _ = try? runProgram(["ip", "link", "delete", "pv-\(name)"])
        _ = try? runProgram(["ip", "netns", "delete", name])
    }

    /// The words that run a program there.
    func words(_ command: [String]) -> [String] { ["ip", "netns", "exec", name] + command }

    func run(_ command: [String]) throws -> ProgramOutput { try runProgram(words(command)) }
}
