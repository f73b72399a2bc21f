internal import Diagnostics
internal import System

/// A user of a root, from its own etc/passwd and etc/group.
struct GuestUser: Equatable {
    var name: String
    var identity: ProcessIdentity
    var home: String
    var shell: String

    static let root = GuestUser(name: "root", identity: ProcessIdentity(), home: "/root", shell: "/bin/sh")

    /// - Parameter text: `NAME` or a number, with `:GROUP` (name or number) where the group is another than the user's own.
    /// - Throws: `.notFound` for a name that isn't there; a number needn't be.
    init(_ text: String, in root: borrowing RootedDirectory) throws(ProvisionError) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let users = GuestUser.lines(try root.readText("/etc/passwd"), fields: 7)
        let groups = GuestUser.lines(try root.readText("/etc/group"), fields: 4)
        if let entry = users.first(where: { $0[0] == parts[0] }) ?? users.first(where: { $0[2] == parts[0] }),
            let user = UInt32(entry[2]), let group = UInt32(entry[3])
        {
            name = entry[0]
            identity = ProcessIdentity(user: user, group: group, groups: [group])
            home = entry[5].isEmpty ? "/" : entry[5]
            shell = entry[6].isEmpty ? "/bin/sh" : entry[6]
            for entry in groups where entry[3].split(separator: ",").contains(Substring(name)) {
                if let number = UInt32(entry[2]), !identity.groups.contains(number) { identity.groups.append(number) }
            }
        } else if let user = UInt32(parts[0]) {
            name = parts[0]
            identity = ProcessIdentity(user: user, group: user, groups: [user])
            home = "/"
            shell = "/bin/sh"
        } else {
            let near = nearest(to: parts[0], in: users.map { $0[0] })
            throw ProvisionError(
                .notFound, "there is no user \"\(parts[0])\" in the container's etc/passwd",
                hint: near.map { "did you mean \"\($0)\"?" } ?? "give a number for one that comes from elsewhere")
        }
        guard parts.count == 2 else { return }
        let known = groups.first { $0[0] == parts[1] }.flatMap { UInt32($0[2]) }
        guard let group = known ?? UInt32(parts[1]) else {
            throw ProvisionError(.notFound, "there is no group \"\(parts[1])\" in the container's etc/group")
        }
        identity.group = group
        identity.groups = [group]
    }

    /// The root's passwd(5) with a line for a number that it doesn't know, for those who look users up there; nil for one that it knows.
    static func passwd(with user: GuestUser, in root: borrowing RootedDirectory) throws(ProvisionError) -> String? {
        guard let text = try root.readText("/etc/passwd") else { return nil }
        let number = String(user.identity.user)
        if lines(text, fields: 7).contains(where: { $0[2] == number }) { return nil }
        let end = text.isEmpty || text.hasSuffix("\n") ? "" : "\n"
        return "\(text)\(end)\(number):x:\(number):\(user.identity.group)::\(user.home):\(user.shell)\n"
    }

    private init(name: String, identity: ProcessIdentity, home: String, shell: String) {
        self.name = name
        self.identity = identity
        self.home = home
        self.shell = shell
    }

    /// passwd(5)'s and group(5)'s form; lines of another one are left out.
    private static func lines(_ text: String?, fields: Int) -> [[String]] {
        (text ?? "").split(separator: "\n").map {
            $0.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        }.filter { $0.count == fields }
    }
}
