internal import Containers
internal import Installing

/// Stages that the program starts itself by: the install child, and who waits for a container's network.
///
/// - Returns: nil where the first argument names none; otherwise it doesn't return.
public func runHiddenStage(_ arguments: [String]) -> Int32? {
    if let status = runNetworkKeeper(arguments) { return status }
    guard arguments.first == installChildArgument else { return nil }
    installChildMain()
}
