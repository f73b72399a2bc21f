public import Diagnostics
internal import System
public import SystemPackage

/// What a command line's TARGET names among layers and directories. Machines are looked for before this is asked.
public enum LayerTarget: Sendable, Equatable {
    case layer(LayerChain)
    /// A root directory that isn't ours: absolute.
    case directory(FilePath)

    /// As overlayfs takes them: topmost first.
    public var trees: [FilePath] {
        switch self {
        case .layer(let chain): chain.trees
        case .directory(let path): [path]
        }
    }

    /// Names of the layers in it, topmost first; empty for a directory.
    public var layerNames: [String] {
        if case .layer(let chain) = self { chain.names } else { [] }
    }
}

extension LayerStore {
    /// A layer by name, or a directory by any path with a slash.
    ///
    /// - Throws: `.notFound` with the nearest name, or where the path is no directory; as `chain(of:)` for a broken layer.
    public func target(_ text: String) throws(ProvisionError) -> LayerTarget {
        guard text.contains("/") else { return .layer(try chain(named: text)) }
        let path = Files.absolute(FilePath(text))
        guard Files.isDirectory(path) else {
            throw ProvisionError(.notFound, "there is no directory \"\(path)\"")
        }
        return .directory(path)
    }
}
