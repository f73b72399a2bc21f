import Glibc
import System
import SystemPackage

/// A `provision` on a terminal of its own, with somebody typing.
final class Typist {
    private let terminal: PseudoTerminal
    private var child: ChildProcess
    private(set) var screen = ""

    /// provision's process.
    var pid: Int32 { child.pid }

    init(_ words: [String]) throws {
        terminal = try PseudoTerminal()
        terminal.resize(TerminalSize(rows: 24, columns: 80))
        _ = fcntl(terminal.controller.rawValue, F_SETFL, O_NONBLOCK)
        var options = ChildProcess.Options()
        options.descriptors = [0: terminal.terminal, 1: terminal.terminal, 2: terminal.terminal]
        options.newSession = true
        options.terminal = terminal.terminal
        options.diesWithUs = false
        child = try ChildProcess(words, options: options)
    }

    func type(_ text: String) {
        _ = text.withCString { write(terminal.controller.rawValue, $0, strlen($0)) }
    }

    func resize(_ size: TerminalSize) { terminal.resize(size) }

    /// Reads until `wanted` appears after what was expected before, at most a minute; what came before it.
    @discardableResult
    func expect(_ wanted: String) throws -> String {
        for _ in 0..<3000 {
            if let range = screen.firstRange(of: wanted) {
                defer { screen = String(screen[range.upperBound...]) }
                return String(screen[..<range.lowerBound])
            }
            readSome()
            usleep(20_000)
        }
        throw TestFailure("missing: \"\(wanted)\" on the screen: \(screen)")
    }

    func end() throws -> ChildProcess.Status {
        for _ in 0..<3000 {
            readSome()
            if let status = child.wait(milliseconds: 20) { return status }
        }
        throw TestFailure("missing: an end of it: \(screen)")
    }

    /// Whether the terminal echoes and makes a signal of Ctrl-C, as it did before.
    var isRestored: Bool {
        var settings = termios()
        tcgetattr(terminal.terminal.rawValue, &settings)
        return settings.c_lflag & tcflag_t(ECHO | ISIG | ICANON) == tcflag_t(ECHO | ISIG | ICANON)
    }

    private func readSome() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = read(terminal.controller.rawValue, &buffer, buffer.count)
        if count > 0 { screen += String(decoding: buffer[..<count], as: UTF8.self) }
    }
}

extension Typist {
    /// As root of a system that `World.coreRequest` made.
    func logIn() throws {
        try expect("login: ")
        type("root\r")
        try expect("Password: ")
        type(World.rootPassword + "\r")
        try expect("# ")
    }

    /// What a command prints, typed at a shell's prompt.
    func answer(to command: String) throws -> String {
        // The command is echoed, so the marks are split in it.
        type("echo be''gin; \(command); echo e''nd\r")
        try expect("begin\r\n")
        return try expect("end\r\n").replacing("\r\n", with: "\n")
    }
}
