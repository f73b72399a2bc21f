internal import Installing

/// Stages that the program starts itself by: the install child.
///
/// - Returns: nil where the first argument names none; otherwise it doesn't return.
public func runHiddenStage(_ arguments: [String]) -> Int32? {
    guard arguments.first == installChildArgument else { return nil }
    installChildMain()
}
