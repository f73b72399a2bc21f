internal import Glibc
internal import Synchronization
internal import SystemPackage

/// Layers whose manifests this process has read: a build asks for its parent's five times. What was read counts while the manifest is
/// the very file that it was, and only for one that has settled (`LayerIndex.Mark`).
final class ManifestMemory: Sendable {
    /// Lists of many layers ask for each once.
    private static let most = 16

    private let layers = Mutex<[FilePath: (mark: LayerIndex.Mark, layer: Layer)]>([:])

    func layer(_ file: FilePath, _ mark: LayerIndex.Mark) -> Layer? {
        layers.withLock { layers in layers[file].flatMap { $0.mark == mark ? $0.layer : nil } }
    }

    /// - Parameters:
    ///   - mark: what the manifest was before it was read.
    ///   - now: seconds since 1970.
    func remember(_ layer: Layer, _ file: FilePath, _ mark: LayerIndex.Mark, at now: Int64 = Int64(time(nil))) {
        guard mark.isSettled(at: now) else { return }
        layers.withLock { layers in
            if layers.count >= ManifestMemory.most { layers = [:] }
            layers[file] = (mark, layer)
        }
    }
}
