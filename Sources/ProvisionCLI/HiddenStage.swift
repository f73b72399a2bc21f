internal import Provisioning

/// Stages of the program's own that it starts itself by; never typed by a person.
enum HiddenStage {
    /// Runs the stage that the first argument names and returns its status; nil for everything that a person types.
    static func run(_ arguments: [String]) -> Int32? { runHiddenStage(arguments) }
}
