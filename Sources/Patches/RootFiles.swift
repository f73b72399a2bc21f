internal import Configuration
internal import Diagnostics
internal import System

extension RootedDirectory {
    /// Regular files that the paths and globs (`*` and `?`, within one directory level each) stand for, sorted, each once.
    ///
    /// Links count where they lead to a regular file in the root. What rpm left aside (.rpmnew, .rpmsave, .rpmorig) doesn't count.
    func files(matching patterns: [String]) throws(ProvisionError) -> [String] {
        var result: [String] = []
        for path in try entries(matching: patterns) where try resolvedStatus(path)?.kind == .file {
            result.append(path)
        }
        return result
    }

    /// Whatever lies at the paths and globs, links not followed.
    func entries(matching patterns: [String]) throws(ProvisionError) -> [String] {
        var result: Set<String> = []
        for pattern in patterns {
            var found = [""]
            for component in pattern.split(separator: "/").map(String.init) {
                guard component.contains("*") || component.contains("?") else {
                    found = found.map { "\($0)/\(component)" }
                    continue
                }
                var next: [String] = []
                for directory in found {
                    for name in try names(in: directory) ?? [] where matches(name, glob: component) && !Self.isLeftover(name) {
                        next.append("\(directory)/\(name)")
                    }
                }
                found = next
            }
            for path in found where try status(path) != nil { result.insert(path) }
        }
        return result.sorted()
    }

    private static func isLeftover(_ name: String) -> Bool {
        name.hasPrefix(".") || [".rpmnew", ".rpmsave", ".rpmorig"].contains(where: name.hasSuffix)
    }
}
