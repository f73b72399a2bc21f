internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// Rows and columns of a terminal.
public struct TerminalSize: Equatable, Sendable {
    public var rows: UInt16
    public var columns: UInt16

    public init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }

    /// Gives a terminal this size; its foreground programs get SIGWINCH.
    public func apply(to terminal: FileDescriptor) { _ = provision_set_window_size(terminal.rawValue, rows, columns) }

    /// The same for what another process has as its standard input. Whatever it has made of that: nothing but a terminal is opened.
    public func apply(toTerminalOf process: Int32) {
        let place = open("/proc/\(process)/fd/0", PROVISION_O_PATH | O_CLOEXEC)
        guard place >= 0 else { return }
        defer { close(place) }
        var status = stat()
        // Majors of pseudo-terminals: Documentation/admin-guide/devices.txt.
        guard fstat(place, &status) == 0, status.st_mode & S_IFMT == S_IFCHR, (136..<144).contains(status.st_rdev >> 8 & 0xfff)
        else { return }
        let terminal = open("/proc/self/fd/\(place)", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
        guard terminal >= 0 else { return }
        defer { close(terminal) }
        apply(to: FileDescriptor(rawValue: terminal))
    }

    /// nil where `descriptor` is no terminal.
    public init?(of descriptor: FileDescriptor) {
        var rows: UInt16 = 0
        var columns: UInt16 = 0
        guard provision_get_window_size(descriptor.rawValue, &rows, &columns) == 0 else { return nil }
        self.init(rows: rows, columns: columns)
    }
}

/// Whether a descriptor is a terminal.
public func isTerminal(_ descriptor: FileDescriptor) -> Bool { isatty(descriptor.rawValue) == 1 }

/// Both ends of a pseudo-terminal. What is written to one end is read from the other.
public final class PseudoTerminal {
    /// Our end.
    public let controller: FileDescriptor
    /// The end that a program gets as its terminal.
    public let terminal: FileDescriptor
    private var terminalIsOpen = true

    public init() throws(ProvisionError) {
        var ends: [Int32] = [-1, -1]
        try check(provision_open_terminal(&ends), "open", "a pseudo-terminal")
        controller = FileDescriptor(rawValue: ends[0])
        terminal = FileDescriptor(rawValue: ends[1])
    }

    /// A terminal of the container whose process `process` is: there it has a name below /dev/pts.
    ///
    /// - Throws: `.failed` where no devpts is mounted in the container.
    public init(in process: JoinableProcess) throws(ProvisionError) {
        var ends: [Int32] = [-1, -1]
        try check(provision_open_terminal_in(process.root, &ends), "open", "a pseudo-terminal of the container")
        controller = FileDescriptor(rawValue: ends[0])
        terminal = FileDescriptor(rawValue: ends[1])
    }

    deinit {
        closeTerminal()
        close(controller.rawValue)
    }

    /// Closes our copy of the program's end, so that its exit reads as the end of the stream.
    public func closeTerminal() {
        if terminalIsOpen { close(terminal.rawValue) }
        terminalIsOpen = false
    }

    /// Tells the program how large its terminal is (it gets SIGWINCH).
    public func resize(_ size: TerminalSize) { size.apply(to: controller) }
}

/// The user's terminal in raw mode: every key arrives as a byte, Ctrl-C too. Restored at the latest when the value goes.
public final class RawTerminal {
    private let descriptor: FileDescriptor
    private var saved = termios()
    private var isRaw = false

    /// - Throws: `.failed` where `descriptor` is no terminal.
    public init(_ descriptor: FileDescriptor) throws(ProvisionError) {
        self.descriptor = descriptor
        try check(tcgetattr(descriptor.rawValue, &saved), "read the settings of", "the terminal")
        try enter()
    }

    deinit { leave() }

    public func enter() throws(ProvisionError) {
        var raw = saved
        cfmakeraw(&raw)
        try check(tcsetattr(descriptor.rawValue, TCSADRAIN, &raw), "change the settings of", "the terminal")
        isRaw = true
    }

    public func leave() {
        if isRaw { tcsetattr(descriptor.rawValue, TCSADRAIN, &saved) }
        isRaw = false
    }
}
