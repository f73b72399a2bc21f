/// Reads along what a booting machine prints, to tell when it offers a login.
struct ConsoleWatcher {
    /// Whether a line that ends in `login: ` has been seen.
    private(set) var isReady = false
    private var line: [UInt8] = []

    /// Takes the next bytes of the console; true where they made it ready.
    mutating func feed(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard !isReady else { return false }
        for byte in bytes {
            if byte == 10 || byte == 13 {
                line.removeAll(keepingCapacity: true)
            } else if line.count < 4096 {
                line.append(byte)
            }
        }
        // login(1) greets with "Last login: …", which may arrive in pieces.
        isReady = line.ends(with: "login: ") && !line.starts(with: "Last ".utf8)
        return isReady
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
