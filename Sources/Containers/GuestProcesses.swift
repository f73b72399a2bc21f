internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// One process, from proc(5)'s stat file.
struct ProcessStatus: Equatable {
    var pid: Int32
    var command: String
    var state: Character
    var parent: Int32
    /// Device number of the controlling terminal as the kernel encodes it there; 0 for none.
    var terminal: UInt32
    /// Clock ticks after the host's boot: with the pid, one process for ever.
    var startTime: UInt64

    /// Parses a stat file; the command is in parentheses and may itself hold any character.
    init?(stat text: String) {
        guard let opening = text.firstIndex(of: "("), let closing = text.lastIndex(of: ")"), opening < closing,
            let pid = Int32(text[..<opening].split(separator: " ").first ?? "")
        else { return nil }
        let rest = text[text.index(after: closing)...].split(separator: " ")
        guard rest.count >= 20, let parent = Int32(rest[1]), let terminal = Int32(rest[4]), let start = UInt64(rest[19]),
            let state = rest[0].first
        else { return nil }
        self.pid = pid
        command = String(text[text.index(after: opening)..<closing])
        self.state = state
        self.parent = parent
        self.terminal = UInt32(bitPattern: terminal)
        startTime = start
    }

    /// nil where there is no such process (any more).
    init?(of pid: Int32) {
        // Gone between two looks is the same as never there.
        guard let bytes = try? Files.readIfPresent(FilePath("/proc/\(pid)/stat")) else { return nil }
        self.init(stat: String(decoding: bytes, as: UTF8.self))
    }

    /// Whether it lives and isn't only waiting to be reaped.
    var isAlive: Bool { state != "Z" && state != "X" }

    /// Every process that /proc shows now.
    static func all() throws(ProvisionError) -> [ProcessStatus] {
        try Files.names(in: "/proc").compactMap { Int32($0) }.compactMap { ProcessStatus(of: $0) }
    }
}

/// A running container's processes, seen from the host.
struct GuestProcesses {
    /// The host's pid of the container's init (its PID 1).
    let initialization: Int32

    /// Looks for the container's PID 1 among the children of systemd-nspawn; nil while it hasn't been started yet.
    static func find(nspawn: Int32) throws(ProvisionError) -> GuestProcesses? {
        for process in try ProcessStatus.all() where process.parent == nspawn && process.isAlive {
            if try depth(of: process.pid) == depth(of: nspawn) + 1, try namespacePid(of: process.pid) == 1 {
                return GuestProcesses(initialization: process.pid)
            }
        }
        return nil
    }

    /// As above, by the provision process that runs the container: the engine is the one of its children that is PID 1 of a
    /// namespace.
    static func find(supervisor: Int32) throws(ProvisionError) -> GuestProcesses? {
        for process in try ProcessStatus.all() where process.parent == supervisor && process.isAlive {
            guard try depth(of: process.pid) == depth(of: supervisor) + 1, try namespacePid(of: process.pid) == 1 else {
                continue
            }
            if let guest = try find(nspawn: process.pid) { return guest }
        }
        return nil
    }

    /// The container's processes, by their numbers inside.
    func members() throws(ProvisionError) -> [MachineProcess] {
        guard let namespace = GuestProcesses.pidNamespace(of: initialization) else { return [] }
        var members: [MachineProcess] = []
        for process in try ProcessStatus.all() where process.isAlive {
            guard GuestProcesses.pidNamespace(of: process.pid) == namespace,
                let inside = try GuestProcesses.namespacePid(of: process.pid)
            else { continue }
            members.append(MachineProcess(outside: process.pid, inside: inside, command: process.command))
        }
        return members.sorted { $0.inside < $1.inside }
    }

    /// The command that the stub init started (its first child); nil when it is gone.
    func payload() throws(ProvisionError) -> Int32? {
        try ProcessStatus.all().filter { $0.parent == initialization && $0.isAlive }.min { $0.startTime < $1.startTime }?.pid
    }

    /// Whether somebody is at work on the container's console: a process there that neither offers nor performs a login.
    ///
    /// A shell after login, a rescue shell, a program that init started on the console: each of them gets Ctrl-C itself.
    func hasConsoleSession() throws(ProvisionError) -> Bool {
        var status = stat()
        guard stat("/proc/\(initialization)/root/dev/console", &status) == 0 else { return false }
        let console = GuestProcesses.terminalNumber(of: status.st_rdev)
        let namespace = GuestProcesses.pidNamespace(of: initialization)
        for process in try ProcessStatus.all() where process.terminal == console && process.isAlive {
            guard process.pid != initialization, GuestProcesses.pidNamespace(of: process.pid) == namespace else { continue }
            if GuestProcesses.isSession(process.command) { return true }
        }
        return false
    }

    /// Names of what stands at a console without anybody being logged in. The kernel cuts names to 15 bytes.
    static func isSession(_ command: String) -> Bool {
        !["agetty", "getty", "mingetty", "login", "systemd", "init", "(agetty)", "(sd-executor)"].contains(command)
    }

    /// As proc(5) shows a device: minor bits 31 to 20 and 7 to 0, major 15 to 8.
    static func terminalNumber(of device: UInt) -> UInt32 {
        let major = UInt32((device >> 8) & 0xfff)
        let minor = UInt32((device & 0xff) | ((device >> 12) & 0xfff00))
        return (minor & 0xff) | (major << 8) | ((minor & 0xfff00) << 12)
    }

    /// nil where the process is gone.
    private static func pidNamespace(of pid: Int32) -> String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = readlink("/proc/\(pid)/ns/pid", &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    private static func namespacePids(of pid: Int32) throws(ProvisionError) -> [Int32] {
        let text = try Files.readIfPresent(FilePath("/proc/\(pid)/status")).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("NSpid:") } ?? ""
        return line.dropFirst(6).split(whereSeparator: \.isWhitespace).compactMap { Int32($0) }
    }

    private static func depth(of pid: Int32) throws(ProvisionError) -> Int { try namespacePids(of: pid).count }
    private static func namespacePid(of pid: Int32) throws(ProvisionError) -> Int32? { try namespacePids(of: pid).last }
}
