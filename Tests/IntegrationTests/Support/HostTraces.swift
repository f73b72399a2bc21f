import Glibc
import System
import SystemPackage

/// What a build or a container could leave on the host.
struct HostTraces: Equatable, CustomStringConvertible {
    var interfaces: [String]
    var namespaces: [String]
    var forwarding: [String]
    var mounts: [String]
    var cgroups: [String]
    var processes: [String]
    var runtime: [String]
    var rules: String

    /// Only what bears our marks: other tests and the host's own work go on meanwhile.
    static func now(of state: FilePath) throws -> HostTraces {
        HostTraces(
            interfaces: try runChecked(["ip", "-brief", "link"]).text.split(separator: "\n").map(String.init)
                .filter { $0.hasPrefix("vp-") || $0.hasPrefix("vb-") },
            namespaces: try runChecked(["ip", "netns", "list"]).text.split(separator: "\n")
                .compactMap { $0.split(separator: " ").first.map(String.init) },
            forwarding: try ["ipv4/ip_forward", "ipv6/conf/all/forwarding"].map {
                try Files.readText(FilePath("/proc/sys/net").appending($0))
            },
            mounts: try Files.readText("/proc/self/mountinfo").split(separator: "\n").map(String.init)
                .filter { $0.contains(state.string) || $0.contains("/run/systemd/nspawn") },
            cgroups: try runChecked(["find", "/sys/fs/cgroup", "-type", "d", "-name", "provision-*"]).text
                .split(separator: "\n").map(String.init),
            processes: try runChecked(["ps", "-e", "-o", "args="]).text.split(separator: "\n").map(String.init)
                .filter { $0.contains(state.string) || $0.contains("marked-sleep") || $0.contains("--network-keeper") },
            runtime: try ["locks", "propagate"].map { FilePath("/run/systemd/nspawn").appending($0) }
                .filter(Files.exists).flatMap { try Files.names(in: $0) },
            rules: try runProgram(["nft", "list", "ruleset"]).text)
    }

    var description: String {
        "interfaces \(interfaces), namespaces \(namespaces), forwarding \(forwarding), rules \(rules), mounts \(mounts), cgroups \(cgroups), processes \(processes), runtime \(runtime)"
    }

    /// The same, once what the kernel ends a moment later (a namespace, a zombie) has gone: at most five seconds.
    static func settled(like wanted: HostTraces, of state: FilePath) throws -> HostTraces {
        var traces = try now(of: state)
        for _ in 0..<100 where traces != wanted {
            usleep(50_000)
            traces = try now(of: state)
        }
        return traces
    }
}
