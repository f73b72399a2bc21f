internal import Diagnostics
internal import FoundationEssentials
internal import Model

/// What the child process says while it works: one JSON object a line.
enum InstallEvent: Codable, Sendable, Equatable {
    /// So many packages are verified; `package` is the one just done.
    case verified(package: String, completed: UInt64)
    /// The head of this package, by its place in the plan, was no good; the whole package decides.
    case headRefused(Int)
    /// rpm's order of the packages, by their places in the plan.
    case ordered([Int])
    /// rpm begins to lay the files of a package; `completed` are done.
    case installing(package: String, completed: UInt64)
    /// rpm is to install a package that isn't there yet.
    case waiting(package: String, completed: UInt64)
    case scriptletStarted(Scriptlet)
    /// Ended; `failed` as rpm sees it, `fatal` where rpm gives up the package for it. `output` is the end of what it printed,
    /// `refused` what it tried that the cage refuses, as infinitives.
    case scriptletEnded(Scriptlet, failed: Bool, fatal: Bool, output: String, refused: [String])
    /// A line of rpm's own log. Levels as in syslog: 3 is an error, 4 a warning.
    case log(level: Int32, text: String)
    /// The last event of a run that succeeded.
    case finished(InstallOutcome)
    /// The last event of a listing.
    case packages([NEVRA])
    case described([InstalledPackage])
    /// The last event of an inspection, in the order of its files.
    case inspected([InspectedPackage])
    /// The last event of a run that failed.
    case failed(Failure)

    struct Scriptlet: Codable, Sendable, Equatable {
        /// As spec files write it: `%post`.
        var name: String
        var package: String
    }

    /// A ProvisionError on its way through a pipe.
    struct Failure: Codable, Sendable, Equatable {
        var code: String
        var message: String
        var hint: String?
        var causes: [String]

        init(_ error: ProvisionError) {
            code = error.code.rawValue
            message = error.message
            hint = error.hint
            causes = error.causes
        }

        var error: ProvisionError {
            ProvisionError(ProvisionError.Code(rawValue: code) ?? .failed, message, hint: hint, causes: causes)
        }
    }
}

/// Puts events together from pieces of the stream that they arrive in.
struct EventDecoder {
    private var pending: [UInt8] = []

    /// The events that `bytes` completes.
    ///
    /// - Throws: `.failed` for a line that is no event.
    mutating func feed(_ bytes: some Sequence<UInt8>) throws(ProvisionError) -> [InstallEvent] {
        pending += bytes
        var events: [InstallEvent] = []
        while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
            let line = pending[..<end]
            do {
                events.append(try JSONDecoder().decode(InstallEvent.self, from: Data(line)))
            } catch {
                throw ProvisionError(
                    .failed, "the install process said something that is no event",
                    causes: [String(decoding: line.prefix(200), as: UTF8.self)])
            }
            pending.removeSubrange(...end)
        }
        return events
    }
}
