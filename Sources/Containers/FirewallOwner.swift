internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// The process that owns a container's nftables table: an `nft --interactive` that is our child.
///
/// A table with `flags owner` lives as long as the netlink socket that made it (nft(8)), and the child dies with us. So the rules
/// are gone when provision is, whatever ended it, and `nft flush ruleset` of the host's own firewall leaves them alone meanwhile.
final class FirewallOwner {
    private var child: ChildProcess
    private let commands: OwnedPipe
    private let name: String
    private let hasOwner: Bool

    /// Makes the table, all of it or nothing.
    ///
    /// - Throws: `.unsupported` where nft isn't installed, `.conflict` where there is a table of that name, `.failed` with what
    ///   nft says.
    static func make(_ table: FirewallTable) throws(ProvisionError) -> FirewallOwner {
        let existing = try runProgram(["nft", "list", "tables"]).text.split(separator: "\n")
        guard !existing.contains(where: { $0 == "table inet \(table.name)" }) else {
            throw ProvisionError(
                .conflict, "the host has an nftables table \"\(table.name)\" already",
                hint: "choose another name with --machine")
        }
        var refusal: ProvisionError?
        for attempt in table.attempts {
            do throws(ProvisionError) {
                return try FirewallOwner(attempt)
            } catch {
                guard error.code == .failed else { throw error }
                // The first one says most: the others ask for less.
                refusal = refusal ?? error
            }
        }
        throw refusal ?? ProvisionError(.failed, "nft refuses the rules of \"\(table.name)\"")
    }

    private init(_ table: FirewallTable) throws(ProvisionError) {
        let commands = try OwnedPipe()
        let output = try OwnedPipe()
        var options = ChildProcess.Options()
        options.descriptors = [0: commands.reading, 1: output.writing, 2: output.writing]
        options.newGroup = true
        // A line editor asks the terminal what it can do, and there is none.
        options.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TERM": "dumb", "HOME": "/nonexistent"]
        self.commands = commands
        name = table.name
        hasOwner = table.hasOwner
        child = try ChildProcess(["nft", "--interactive"], options: options)
        commands.closeReading()
        output.closeWriting()
        // One line is one transaction.
        let text = table.commands.joined(separator: "; ") + "\nlist table inet \(table.name)\n"
        try FirewallOwner.send(text, to: commands)
        let said = try FirewallOwner.answer(from: output)
        guard said.contains("table inet \(table.name) {"), !said.contains("Error:") else {
            throw ProvisionError(
                .failed, "nft refuses the rules of \"\(table.name)\"",
                causes: said.split(separator: "\n").filter { $0.contains("Error:") }.prefix(3).map(String.init))
        }
    }

    /// Takes the table away.
    func remove() {
        child.terminate(grace: 2000)
        if !hasOwner { FirewallOwner.deleteTable(name) }
    }

    /// Of kernels on which a table outlives its owner; where there is none, nothing is to be done.
    static func deleteTable(_ name: String) { _ = try? runProgram(["nft", "delete", "table", "inet", name]) }

    private static func send(_ text: String, to pipe: OwnedPipe) throws(ProvisionError) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(pipe.writing.rawValue, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            rest = rest.dropFirst(try check(count, "write to", "nft"))
        }
    }

    /// What it prints until the table was listed whole or refused.
    private static func answer(from pipe: OwnedPipe) throws(ProvisionError) -> String {
        var said = ""
        let deadline = Teardown.now() + 10_000
        while Teardown.now() < deadline {
            try Interruption.check()
            var polled = pollfd(fd: pipe.reading.rawValue, events: Int16(POLLIN), revents: 0)
            guard poll(&polled, 1, 100) > 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = read(pipe.reading.rawValue, &buffer, buffer.count)
            guard count > 0 else { return said }
            said += String(decoding: buffer[..<count], as: UTF8.self)
            // The table's own closing brace stands at the beginning of a line; of a refusal, the listing's is the last word.
            if said.contains("\n}") || said.contains("list table inet") && said.contains("Error: No such file") { return said }
        }
        return said
    }
}
