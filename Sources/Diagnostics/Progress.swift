/// One thing worth telling while work goes on. Renderers (terminal, log, JSON) live in the command layer.
public enum ProgressEvent: Sendable, Equatable {
    /// A phase began. `total` counts `unit`s where the amount is known beforehand.
    case began(Phase, total: UInt64?)
    /// `completed` of the phase's total so far, and what is at work now (a package, a file, a URL).
    case advanced(Phase, completed: UInt64, item: String?)
    /// The phase ended; `note` is its one-line result.
    case ended(Phase, note: String?)
    /// Something that a person should know although the work goes on.
    case warning(String, hint: String?)
    /// A detail shown only under -v.
    case detail(String)

    /// The steps of a build, in order. Raw values are the keys of `seconds` in JSON.
    public enum Phase: String, Sendable, Codable, CaseIterable {
        case metadata, resolve, download, verify, install, patch, commit, pack, unpack, upload, boot

        /// What `completed` and `total` count.
        public var unit: Unit {
            switch self {
            case .metadata, .download, .pack, .unpack, .upload: .bytes
            default: .items
            }
        }
    }

    public enum Unit: Sendable { case bytes, items }
}

/// Where progress goes. Implementations must be callable from any thread and must not block for long.
public protocol ProgressSink: Sendable {
    func report(_ event: ProgressEvent)
}

/// Throws everything away: for tests and for `--progress none`.
public struct SilentProgress: ProgressSink {
    public init() {}
    public func report(_ event: ProgressEvent) {}
}

extension ProgressSink {
    public func warn(_ text: String, hint: String? = nil) { report(.warning(text, hint: hint)) }
    public func detail(_ text: String) { report(.detail(text)) }

    /// Runs `body` as `phase`: began before it, ended after it (also when it throws, without a note).
    public func phase<Result>(
        _ phase: ProgressEvent.Phase, total: UInt64? = nil, _ body: () throws -> (Result, note: String?)
    ) rethrows -> Result {
        report(.began(phase, total: total))
        do {
            let (result, note) = try body()
            report(.ended(phase, note: note))
            return result
        } catch {
            report(.ended(phase, note: nil))
            throw error
        }
    }
}
