import Diagnostics

/// A failure of a test's own surroundings, in words.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// The error that `body` throws, or nil.
func refusal(_ body: () throws -> Void) -> ProvisionError? {
    do {
        try body()
        return nil
    } catch {
        return error as? ProvisionError
    }
}
