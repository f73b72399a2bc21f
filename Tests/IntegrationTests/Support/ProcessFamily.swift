import Glibc
import System
import SystemPackage

/// provision and all that it started, by pid and start time: a pid alone may be somebody else's a moment later.
struct ProcessFamily {
    private var members: [Int32: String] = [:]

    init(of pid: Int32) throws {
        var parents: [Int32: Int32] = [:]
        for name in try Files.names(in: "/proc") {
            guard let process = Int32(name), let fields = ProcessFamily.status(process) else { continue }
            parents[process] = Int32(fields[1])
        }
        for process in parents.keys {
            var ancestor: Int32? = process
            while let known = ancestor, known != pid { ancestor = parents[known] }
            if ancestor == pid { members[process] = ProcessFamily.status(process).map { String($0[19]) } ?? "gone" }
        }
    }

    var count: Int { members.count }
    var pids: [Int32] { Array(members.keys) }

    func signal(_ number: Int32) { for process in members.keys { kill(process, number) } }

    /// Those that are still there, once the kernel had a moment to end them; zombies have ended.
    var survivors: [Int32] {
        var rest: [Int32] = []
        for _ in 0..<100 {
            rest = members.filter { pid, start in
                ProcessFamily.status(pid).map { String($0[19]) == start && $0[0] != "Z" } ?? false
            }.map(\.key)
            if rest.isEmpty { break }
            usleep(50_000)
        }
        return rest
    }

    /// Members that run as this user.
    func members(of user: Int) -> [Int32] {
        members.keys.filter { process in
            let text = (try? Files.readText(FilePath("/proc/\(process)/status"))) ?? ""
            return text.split(separator: "\n").contains { $0.hasPrefix("Uid:\t\(user)\t") }
        }
    }

    /// The fields of /proc/PID/stat from the state on; nil for a process that ended meanwhile.
    private static func status(_ pid: Int32) -> [Substring]? {
        guard let bytes = try? Files.readIfPresent(FilePath("/proc/\(pid)/stat")) else { return nil }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        return text[text.index(after: end)...].split(separator: " ")
    }
}
