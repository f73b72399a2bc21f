/// Reads along what a booting machine prints: when it offers a login, and what it lacks.
struct ConsoleWatcher {
    /// What was seen for the first time.
    struct Sights: OptionSet {
        let rawValue: Int
        /// A line that ends in `login: `, or busybox' init asking for a key before its shell.
        static let loginPrompt = Sights(rawValue: 1)
        /// A program that the kernel refused an inotify instance.
        static let inotifyRefused = Sights(rawValue: 2)
    }

    private var seen: Sights = []
    private var line: [UInt8] = []

    /// Takes the next bytes of the console, up to its login prompt.
    mutating func feed(_ bytes: ArraySlice<UInt8>) -> Sights {
        guard !seen.contains(.loginPrompt) else { return [] }
        var found: Sights = []
        for byte in bytes {
            if byte == 10 || byte == 13 {
                if isRefusal { found.insert(.inotifyRefused) }
                line.removeAll(keepingCapacity: true)
            } else if line.count < 4096 {
                line.append(byte)
            }
        }
        // login(1) greets with "Last login: …", which may arrive in pieces.
        if line.ends(with: "login: "), !line.starts(with: "Last ".utf8) { found.insert(.loginPrompt) }
        if line.ends(with: "Please press Enter to activate this console. ") { found.insert(.loginPrompt) }
        found.subtract(seen)
        seen.formUnion(found)
        return found
    }

    /// As systemd and dbus-daemon put it.
    private var isRefusal: Bool {
        guard line.count > 20 else { return false }
        let text = String(decoding: line, as: UTF8.self)
        return text.contains("inotify") && text.contains("Too many open files")
    }

    /// What is done with a Ctrl-C typed at the machine's console.
    enum Interrupt: Equatable {
        /// It belongs to whoever works there.
        case forward
        /// Nobody is logged in: the machine is shut down.
        case shutDown
        /// The shutdown is under way already: it is ended by force.
        case force
    }

    /// - Parameters:
    ///   - stopping: whether a shutdown is under way.
    ///   - session: whether somebody is at work on the console.
    static func interrupt(stopping: Bool, session: Bool) -> Interrupt {
        if stopping { return .force }
        return session ? .forward : .shutDown
    }
}

extension [UInt8] {
    fileprivate func ends(with text: String) -> Bool { suffix(text.utf8.count).elementsEqual(text.utf8) }
}
