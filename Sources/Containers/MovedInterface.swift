internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
internal import SystemPackage

/// An interface of the host that lives in a container for a while, with what it needs to be the same again afterwards: its
/// addresses, whether it was up, the bridge that it was a port of, and the routes through it.
struct MovedInterface: Codable, Equatable {
    var name: String
    /// Its link-layer address, by which it is known should the container rename it.
    var link: String
    var addresses: [String]
    var isUp: Bool
    var master: String?
    /// As ip(8) shows and takes them, without the device; nil in records of before.
    var routes: [String]?

    /// - Throws: `.notFound` where the host has none of that name.
    init(named name: String) throws {
        let output = try runProgram(["ip", "-json", "address", "show", "dev", name])
        guard output.status.succeeded, let entry = try MovedInterface.decode(output.standardOutput).first else {
            throw ProvisionError(.notFound, "this host has no interface \"\(name)\"", hint: "see: ip link")
        }
        self.name = name
        link = entry.address ?? ""
        isUp = entry.flags?.contains("UP") ?? false
        master = entry.master
        // The kernel makes link-local ones itself.
        addresses = (entry.addr_info ?? []).filter { $0.scope != "link" && $0.dynamic != true }.compactMap { address in
            address.local.map { "\($0)/\(address.prefixlen ?? 32)" }
        }
        routes = try MovedInterface.routes(of: name)
    }

    /// Those that somebody set: the kernel makes the ones of addresses itself, and a router announces its own again.
    private static func routes(of name: String) throws -> [String] {
        try ["-4", "-6"].flatMap { family in
            let output = try runProgram(["ip", family, "route", "show", "dev", name])
            return output.text.split(separator: "\n").filter {
                !$0.contains("proto kernel") && !$0.contains("proto ra") && !$0.hasPrefix("fe80::/")
            }.map { line in
                var words = line.split(separator: " ").map(String.init).filter { $0 != "linkdown" && $0 != "dead" }
                if let place = words.firstIndex(of: "expires"), place + 1 < words.count {
                    words.removeSubrange(place...(place + 1))
                }
                if words.first == "default" { words[0] = family == "-4" ? "0.0.0.0/0" : "::/0" }
                return words.joined(separator: " ")
            }
        }
    }

    /// Into the container, with its addresses. `namespacePath` is where ip(8) finds the container's namespace.
    func hostCommands(namespacePath: String) -> [String] { ["link set dev \(name) netns \(namespacePath)"] }

    var guestCommands: [String] { settings(includingMaster: false) }

    private func settings(includingMaster: Bool) -> [String] {
        var lines = addresses.map { "address add \($0) dev \(name)" + ($0.contains(":") ? " nodad" : "") }
        if includingMaster, let master { lines.insert("link set dev \(name) master \(master)", at: 0) }
        if isUp { lines.append("link set dev \(name) up") }
        return lines
    }

    /// Back to this process's namespace. Where it isn't in the container (any more, or not yet), nothing is done.
    func moveBack(from namespace: FileDescriptor) throws {
        let links = try MovedInterface.decode(
            runProgram(["ip", "-json", "address", "show"], networkNamespace: namespace).standardOutput)
        guard
            let entry = links.first(where: { $0.ifname == name })
                ?? links.first(where: { !link.isEmpty && $0.address == link && $0.ifname != "lo" }),
            let current = entry.ifname
        else { return }
        var lines = ["link set dev \(current) down"]
        if current != name { lines.append("link set dev \(current) name \(name)") }
        lines.append("link set dev \(name) netns /proc/\(getpid())/ns/net")
        try NetworkPlan.execute(lines, in: namespace)
        try NetworkPlan.execute(settings(includingMaster: true), in: nil)
        // Those straight to a neighbour first: others go by way of it.
        let routes = routes ?? []
        let ordered = routes.filter { !$0.contains(" via ") } + routes.filter { $0.contains(" via ") }
        try NetworkPlan.execute(ordered.map { "route replace \($0) dev \(name)" }, in: nil)
    }

    private static func decode(_ json: [UInt8]) throws -> [Entry] {
        guard json.contains(where: { $0 > 32 }) else { return [] }
        do { return try JSONDecoder().decode([Entry].self, from: Data(json)) } catch {
            throw ProvisionError(.failed, "cannot read what ip(8) says of interfaces", causes: ["\(error)"])
        }
    }

    private struct Entry: Decodable {
        struct Address: Decodable {
            var local: String?
            var prefixlen: Int?
            var scope: String?
            var dynamic: Bool?
        }
        var ifname: String?
        var address: String?
        var flags: [String]?
        var master: String?
        var addr_info: [Address]?
    }
}
