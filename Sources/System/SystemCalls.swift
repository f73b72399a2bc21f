internal import CLinux
public import Diagnostics
internal import Glibc

/// The text of `errno`'s value, as messages end with it.
public func describe(errno number: Int32) -> String {
    guard let text = provision_strerror(number) else { return "error \(number)" }
    return String(cString: text).lowercasedFirst
}

/// The value of errno right now; read it before anything else is called.
public var currentErrno: Int32 { errno }

/// An error that says what was attempted on what and why the kernel refused: `cannot VERB "PATH": reason`.
public func systemError(
    _ verb: String, _ path: some CustomStringConvertible, errno number: Int32 = currentErrno, hint: String? = nil
) -> ProvisionError {
    ProvisionError(
        number == EPERM ? .unsupported : .failed, "cannot \(verb) \"\(path)\": \(describe(errno: number))",
        hint: hint ?? remedy(for: number))
}

/// Throws `systemError` where `result` is negative, and passes it on otherwise.
@discardableResult
public func check<Result: SignedInteger>(
    _ result: Result, _ verb: String, _ path: some CustomStringConvertible
) throws(ProvisionError) -> Result {
    guard result >= 0 else { throw systemError(verb, path) }
    return result
}

private func remedy(for number: Int32) -> String? {
    switch number {
    case EPERM, EACCES: geteuid() == 0 ? nil : "run it as root"
    case ENOSPC, EDQUOT: "free some room on that file system, or choose another directory with --state or --cache"
    case EROFS: "the file system is read-only: choose another directory with --state or --cache"
    case EMFILE, ENFILE: "raise the limit of open files: ulimit -n"
    default: nil
    }
}

extension String {
    fileprivate var lowercasedFirst: String { prefix(1).lowercased() + dropFirst() }
}
