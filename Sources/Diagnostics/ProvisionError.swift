/// The one error value: what a caller may switch on, what a person reads, and what to do about it.
///
/// Messages are lower case, without a full stop, with the object quoted; the remedy stands apart in `hint`. Callers switch on
/// `code`, never on the text.
public struct ProvisionError: Error, Sendable, Equatable {
    /// Stable codes; `exitStatus` maps each to the process's status.
    public enum Code: String, Sendable, CaseIterable {
        /// The operation failed for a reason outside the cases below.
        case failed
        /// The command line asks for something that can't be meant.
        case usage
        /// A configuration file is wrong; the message names file and line.
        case configuration
        /// No set of packages satisfies the request.
        case unsatisfiable
        /// A checksum, signature, key or freshness check refused something.
        case verification
        /// Every mirror of a repository was tried and none answered.
        case unreachable
        /// What was named (a layer, a machine, a release) does not exist.
        case notFound = "not-found"
        /// What would be made exists already, or is in use.
        case conflict
        /// This host lacks a program, privilege or kernel feature.
        case unsupported
        /// Ended by a signal, after undoing what was under way.
        case interrupted
    }

    public var code: Code
    public var message: String
    public var hint: String?
    /// Underlying facts, outermost first: each a sentence of its own.
    public var causes: [String]
    /// The signal's number when `code` is `.interrupted`.
    public var signal: Int32?

    public init(_ code: Code, _ message: String, hint: String? = nil, causes: [String] = [], signal: Int32? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.causes = causes
        self.signal = signal
    }

    /// The process's exit status for this error, as the command line promises it.
    public var exitStatus: Int32 {
        switch code {
        case .failed, .notFound, .conflict, .unsupported: 1
        case .usage, .configuration: 2
        case .unsatisfiable: 3
        case .verification: 4
        case .unreachable: 5
        case .interrupted: 128 + (signal ?? 2)
        }
    }
}

extension ProvisionError: CustomStringConvertible {
    public var description: String {
        ([message] + causes).joined(separator: ": ")
    }
}

/// As JSON: `code`, `message`, `hint` and `causes`.
extension ProvisionError: Encodable {
    private enum CodingKeys: CodingKey { case code, message, hint, causes }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(code.rawValue, forKey: .code)
        try container.encode(message, forKey: .message)
        try container.encodeIfPresent(hint, forKey: .hint)
        try container.encode(causes, forKey: .causes)
    }
}
