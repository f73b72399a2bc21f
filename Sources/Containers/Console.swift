internal import Diagnostics
internal import Glibc
internal import System
internal import SystemPackage

/// A container's terminal: a pseudo-terminal whose other end is joined to our standard input and output.
///
/// Where ours are terminals, ours is in raw mode meanwhile and its size is passed on. Where they are not, output is copied, and
/// input while there is some: its end doesn't end the machine.
final class Console {
    let pseudoTerminal: PseudoTerminal
    /// nil where our streams are no terminal.
    let raw: RawTerminal?
    private let log: ConsoleLog?
    private let progress: any ProgressSink
    private var logIsBroken = false
    private var size: TerminalSize?
    private var typed: [UInt8] = []
    private var inputIsOpen = true
    private var outputIsOpen = true
    private var controllerIsOpen = true

    private let input = FileDescriptor.standardInput
    private let output = FileDescriptor.standardOutput

    /// - Parameter terminal: the container's; nil makes one of the host's.
    init(_ terminal: PseudoTerminal? = nil, log: ConsoleLog?, progress: any ProgressSink) throws(ProvisionError) {
        pseudoTerminal = if let terminal { terminal } else { try PseudoTerminal() }
        self.log = log
        self.progress = progress
        _ = fcntl(pseudoTerminal.controller.rawValue, F_SETFL, O_NONBLOCK)
        let interactive = isTerminal(.standardInput) && isTerminal(.standardOutput)
        raw = interactive ? try RawTerminal(.standardInput) : nil
        updateSize()
    }

    /// Our terminal's size, passed on where it has changed: then it is the answer.
    @discardableResult
    func updateSize() -> TerminalSize? {
        guard let current = TerminalSize(of: output), current != size, current.rows > 0 else { return nil }
        size = current
        pseudoTerminal.resize(current)
        return current
    }

    /// What to poll for: the container's output, our input, and room for what was typed.
    var descriptors: [pollfd] {
        let controller = controllerIsOpen ? pseudoTerminal.controller.rawValue : -1
        let events = POLLIN | (typed.isEmpty ? 0 : POLLOUT)
        // Typing ahead is bounded: the rest waits in our own terminal or pipe.
        let listens = inputIsOpen && typed.count < 4096
        return [
            pollfd(fd: controller, events: Int16(events), revents: 0),
            pollfd(fd: listens ? input.rawValue : -1, events: Int16(POLLIN), revents: 0),
        ]
    }

    /// What came over the console.
    struct Traffic {
        var printed: ArraySlice<UInt8> = []
        /// A Ctrl-C was typed at our terminal; it was not passed on.
        var interrupts = 0
    }

    /// Moves what is there. `holdsInterrupts`: Ctrl-C bytes are counted and kept back rather than passed on.
    func transfer(_ polled: ArraySlice<pollfd>, holdsInterrupts: Bool) throws(ProvisionError) -> Traffic {
        var traffic = Traffic()
        let controller = polled[polled.startIndex]
        if controller.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { traffic.printed = try copyOutput() }
        if polled[polled.startIndex + 1].revents != 0 { traffic.interrupts = readInput(holdsInterrupts: holdsInterrupts) }
        writeTyped()
        return traffic
    }

    /// Passes a Ctrl-C on that was kept back.
    func passInterrupt() {
        typed.append(3)
        writeTyped()
    }

    /// Copies what is left after the container's end.
    func drain() throws(ProvisionError) {
        pseudoTerminal.closeTerminal()
        while controllerIsOpen {
            if try copyOutput().isEmpty { return }
        }
    }

    /// One piece of the container's output, copied to our output and the log. Empty where none was there.
    private func copyOutput() throws(ProvisionError) -> ArraySlice<UInt8> {
        var buffer = [UInt8](repeating: 0, count: 16384)
        let count = read(pseudoTerminal.controller.rawValue, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return [] }
        guard count > 0 else {
            // EIO: every program that had the other end open is gone.
            controllerIsOpen = false
            return []
        }
        let piece = buffer[..<count]
        writeOutput(piece)
        do { if !logIsBroken { try log?.append(piece) } } catch {
            logIsBroken = true
            progress.warn("the console is not logged any more: \(error)")
        }
        return piece
    }

    private func writeOutput(_ piece: ArraySlice<UInt8>) {
        var rest = piece
        while outputIsOpen, !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(output.rawValue, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                var room = pollfd(fd: output.rawValue, events: Int16(POLLOUT), revents: 0)
                poll(&room, 1, 200)
            } else if errno != EINTR {
                // Whoever read our output is gone; the machine and its log go on.
                outputIsOpen = false
            }
        }
    }

    private func readInput(holdsInterrupts: Bool) -> Int {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = read(input.rawValue, &buffer, buffer.count)
        if count < 0, errno == EAGAIN || errno == EINTR { return 0 }
        guard count > 0 else {
            inputIsOpen = false
            return 0
        }
        guard holdsInterrupts, raw != nil else {
            typed += buffer[..<count]
            return 0
        }
        typed += buffer[..<count].filter { $0 != 3 }
        return buffer[..<count].count { $0 == 3 }
    }

    private func writeTyped() {
        guard controllerIsOpen, !typed.isEmpty else { return }
        let count = typed.withUnsafeBytes { Glibc.write(pseudoTerminal.controller.rawValue, $0.baseAddress, $0.count) }
        if count > 0 { typed.removeFirst(count) }
    }
}
