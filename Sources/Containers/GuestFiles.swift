internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// Files of a container's /etc that provision writes for its network and shows in it by bind mounts: hosts(5), resolv.conf(5).
enum GuestFiles {
    /// What stands behind it is ours; what stands before is the root's own file.
    private static let mark = "# From provision, as long as this machine runs:"
    /// The host's name in containers.
    static let hostName = "host.provision"

    /// A machine's hosts file as it begins: the root's own, or what every host has.
    static func hosts(of root: FilePath) throws(ProvisionError) -> String {
        let own = try RootedDirectory(root).read("/etc/hosts").map { String(decoding: $0, as: UTF8.self) }
        return hosts(own: own ?? "127.0.0.1 localhost\n::1 localhost ip6-localhost\n", entries: [])
    }

    /// The file with the part that is ours replaced.
    static func hosts(own text: String, entries: [(address: String, name: String)]) -> String {
        var kept = text.split(separator: "\n", omittingEmptySubsequences: false).prefix { $0 != Substring(mark) }.map(
            String.init)
        while kept.last?.isEmpty ?? false { kept.removeLast() }
        return (kept + [mark] + entries.map { "\($0.address) \($0.name)" }).joined(separator: "\n") + "\n"
    }

    static func resolver(_ servers: [String]) -> String {
        (["# From provision"] + servers.map { "nameserver \($0)" }).joined(separator: "\n") + "\n"
    }

    /// Name servers that a container can ask: the host's own but for those on its loopback, which only the host reaches.
    static func hostResolvers() throws(ProvisionError) -> [String] {
        // systemd-resolved keeps those that it asks itself there.
        for file: FilePath in ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] {
            guard let bytes = try Files.readIfPresent(file) else { continue }
            let servers = resolvers(in: String(decoding: bytes, as: UTF8.self))
            if !servers.isEmpty { return servers }
        }
        return []
    }

    static func resolvers(in text: String) -> [String] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count >= 2, words[0] == "nameserver", let address = InterfaceAddress(network: String(words[1])) else {
                return nil
            }
            let isLoopback = address.bytes[0] == 127 || address.bytes == [UInt8](repeating: 0, count: 15) + [1]
            return isLoopback ? nil : address.address
        }
    }

    /// Writes in place: a bind mount shows the file that was there when it was made.
    static func overwrite(_ file: FilePath, with text: String) throws(ProvisionError) {
        let descriptor = try check(open(file.string, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644), "write", file)
        defer { close(descriptor) }
        let bytes = Array(text.utf8)
        try check(bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }, "write", file)
        try check(ftruncate(descriptor, bytes.count), "write", file)
        try check(fchmod(descriptor, 0o644), "set the mode of", file)
    }
}
