public import Diagnostics
public import Model
internal import System
internal import SystemPackage

/// What a layer is on disk now.
public struct LayerCondition: Sendable, Equatable {
    /// The digest of its tree with the files that it keeps as differences; the manifest's where nobody changed anything.
    public var digest: ContentDigest
    /// What is wrong beside the tree, in words.
    public var problems: [String] = []
}

extension LayerStore {
    /// Reads all that a layer has on disk: its tree, its differences, and the whole files that were derived from them.
    public func condition(of layer: Layer) throws(ProvisionError) -> LayerCondition {
        let tree = try TreeScanner.scan(layer.tree)
        var condition = LayerCondition(digest: try TreeDigest.measure(tree, differences: layer.differences).digest)
        for (index, difference) in layer.differences.enumerated() {
            let file = layer.differenceFile(index)
            guard Files.exists(file), try digest(ofFileAt: file).digest == difference.stored else {
                condition.problems.append("the difference kept of /\(difference.path) was changed: \"\(file)\"")
                continue
            }
        }
        if !layer.differences.isEmpty, Files.exists(layer.completeTree),
            try TreeDigest.measure(layer.completeTree).digest != layer.digest
        {
            condition.problems.append(
                "the copy with whole files was changed (once nothing runs on it, remove it to have it made anew): "
                    + "\"\(layer.derived)\"")
        }
        return condition
    }
}
