internal import Layers
internal import Model
internal import System

/// Module streams that a chain of layers says are enabled: what dnf inside of it goes by.
struct EnabledModules {
    /// Topmost first.
    let chain: [Layer]

    func read() throws -> [Selection.Module] {
        var seen: Set<String> = []
        var result: [Selection.Module] = []
        for layer in chain {
            let root = try RootedDirectory(layer.completeTree)
            for name in try root.names(in: Selection.Module.directory) ?? [] where name.hasSuffix(".module") {
                // Only the topmost counts; what is no file is overlayfs's word that there is none.
                guard seen.insert(name).inserted else { continue }
                let path = "\(Selection.Module.directory)/\(name)"
                guard try root.status(path)?.kind == .file, let text = try root.readText(path) else { continue }
                if let module = Selection.Module(parsing: text) { result.append(module) }
            }
        }
        return result.sorted { $0.name < $1.name }
    }
}
