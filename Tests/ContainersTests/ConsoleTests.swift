import Glibc
import System
import SystemPackage
import Testing

@testable import Containers

@Suite struct ConsoleTests {
    @Test("a login prompt is seen once, however its bytes arrive") func prompt() {
        var watcher = ConsoleWatcher()
        let before = "Last login: none\r\n\r\nDebian 12 pts/0\r\n\r\ncentos log"
        #expect(before.utf8.allSatisfy { watcher.feed([$0][...]).isEmpty })
        let seen = "in: root\r\nPassword: \r\nweb login: ".utf8.map { watcher.feed([$0][...]) }
        #expect(seen.filter { !$0.isEmpty } == [.loginPrompt])
    }

    @Test("busybox' init is up when it asks for a key") func key() {
        var watcher = ConsoleWatcher()
        #expect(watcher.feed(Array("\r\nPlease press Enter to activate this console. ".utf8)[...]) == .loginPrompt)
    }

    @Test("a refused inotify instance is seen once, before the login prompt") func inotify() {
        var watcher = ConsoleWatcher()
        let line = "\u{1b}[0;1;31mFailed to create inotify object: Too many open files\u{1b}[0m\r\n"
        #expect(watcher.feed(Array(line.utf8)[...]) == .inotifyRefused)
        #expect(watcher.feed(Array(line.utf8)[...]) == [])
        #expect(watcher.feed(Array("web login: ".utf8)[...]) == .loginPrompt)
    }

    @Test("Ctrl-C belongs to a session; without one it shuts down; while that is under way it forces") func interrupts() {
        #expect(ConsoleWatcher.interrupt(stopping: false, session: true) == .forward)
        #expect(ConsoleWatcher.interrupt(stopping: false, session: false) == .shutDown)
        #expect(ConsoleWatcher.interrupt(stopping: true, session: false) == .force)
        #expect(ConsoleWatcher.interrupt(stopping: true, session: true) == .force)
    }

    @Test("a getty and login are no session, a shell is") func sessions() {
        for command in ["agetty", "login", "(agetty)"] { #expect(!GuestProcesses.isSession(command)) }
        for command in ["bash", "sh", "sulogin", "vi"] { #expect(GuestProcesses.isSession(command)) }
    }

    @Test("a process's status line is read past a command with blanks and parentheses") func status() throws {
        let fields = (4...22).map { $0 == 4 ? "41" : $0 == 7 ? "34816" : $0 == 22 ? "98765" : "0" }.joined(separator: " ")
        let process = try #require(ProcessStatus(stat: "42 (a) b (c) S \(fields) 0 0\n"))
        #expect(process.pid == 42 && process.command == "a) b (c" && process.parent == 41)
        #expect(process.terminal == 34816 && process.startTime == 98765 && process.isAlive)
        #expect(ProcessStatus(stat: "") == nil && ProcessStatus(stat: "42 (x) S 1") == nil)
    }

    @Test("a terminal's number is as proc(5) encodes it") func terminal() {
        // pts/0 is 136:0, pts/300 is 136:300.
        #expect(GuestProcesses.terminalNumber(of: 0x8800) == 0x8800)
        #expect(GuestProcesses.terminalNumber(of: 0x8800 | 0x2c | (0x100 << 12)) == 0x8800 | 0x2c | (0x100 << 12))
    }

    @Test("the console log is bounded: two files of the limit at most, nothing lost in between") func log() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("console.log")
        let log = try ConsoleLog(path, limit: 10)
        for piece in ["12345", "6789", "abcde"] { try log.append(Array(piece.utf8)[...]) }
        #expect(try Files.readText(path) == "abcde")
        #expect(try Files.readText(FilePath(path.string + ".1")) == "123456789")
        try ConsoleLog(path, limit: 10).append(Array("fg".utf8)[...])
        #expect(try Files.readText(path) == "abcdefg")
    }

    @Test("nspawn's messages tell start and readiness apart") func notifications() {
        let started = NotifySocket.Message("STATUS=Container running.\nX_NSPAWN_LEADER_PID=2")
        #expect(started.started && !started.ready)
        #expect(NotifySocket.Message("READY=1\n").ready)
        #expect(!NotifySocket.Message("READY=10\n").ready)
    }
}
