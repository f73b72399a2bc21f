internal import Diagnostics
internal import Model
internal import System
internal import SystemPackage

/// Modules as lines of words, which are read in a fraction of the time that YAML takes: CACHE/solv/GENERATION-modules.
struct ModuleCache {
    private let files: DerivedFiles
    private static let format = "provision-modules 1"

    /// - Parameter directory: the cache's directory for parsed metadata (CACHE/solv).
    init(in directory: FilePath) { files = DerivedFiles(in: directory, format: Self.format) }

    /// What the cache has, or else what `make` makes, which then is stored; a cache that can't be written costs time only.
    func metadata(
        of snapshot: RepositorySnapshot, progress: any ProgressSink, _ make: () throws(ProvisionError) -> ModuleMetadata
    ) throws(ProvisionError) -> ModuleMetadata {
        let generation = snapshot.repomdDigest.hex
        let name = "\(generation)-modules"
        if let stored = try files.read(name, from: generation), let metadata = Self.decode(stored) { return metadata }
        let metadata = try make()
        guard let text = Self.encode(metadata) else { return metadata }
        do throws(ProvisionError) {
            try files.write(Array(text.utf8), name: name, from: generation)
        } catch {
            progress.detail("the modules of \(snapshot.configuration.label) are not cached: \(error)")
        }
        return metadata
    }

    // MARK: - Lines

    // A line is a letter and words, divided by tabs; lists within a word by a unit separator.
    private static let inner: Character = "\u{1f}"

    /// nil where a word holds what divides words: such modules are read anew each time.
    static func encode(_ metadata: ModuleMetadata) -> String? {
        var text = ""
        var isClean = true
        func line(_ words: [String]) {
            if words.contains(where: { $0.utf8.contains { $0 == 9 || $0 == 10 } }) { isClean = false }
            text += words.joined(separator: "\t") + "\n"
        }
        func list(_ name: String, _ words: [String]) -> String {
            if ([name] + words).contains(where: { $0.contains(inner) }) { isClean = false }
            return ([name] + words).joined(separator: String(inner))
        }
        for stream in metadata.streams {
            line([
                "S", stream.name, stream.stream, String(stream.version), stream.context, stream.hasStaticContext ? "1" : "0",
                stream.arch, stream.summary.split(whereSeparator: { $0.isNewline || $0 == "\t" }).joined(separator: " "),
            ])
            for one in stream.requires { line(["R"] + one.sorted { $0.key < $1.key }.map { list($0.key, $0.value) }) }
            for profile in stream.profiles { line(["P", profile.name] + profile.packages) }
            if !stream.artifacts.isEmpty { line(["A"] + stream.artifacts) }
            if !stream.demodularized.isEmpty { line(["X"] + stream.demodularized) }
        }
        for one in metadata.defaults {
            let profiles = one.profiles.sorted { $0.key < $1.key }.map { list($0.key, $0.value) }
            line(["D", one.module, one.stream == nil ? "0" : "1", one.stream ?? ""] + profiles)
        }
        return isClean ? text : nil
    }

    /// nil for what isn't of this form.
    static func decode(_ bytes: ArraySlice<UInt8>) -> ModuleMetadata? {
        var metadata = ModuleMetadata()
        for line in bytes.split(separator: 10) {
            let words = line.split(separator: 9, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
            let last = metadata.streams.count - 1
            switch words[0] {
            case "S":
                guard words.count == 8, let version = UInt64(words[3]) else { return nil }
                metadata.streams.append(
                    ModuleStream(
                        name: words[1], stream: words[2], version: version, context: words[4],
                        hasStaticContext: words[5] == "1", arch: words[6], summary: words[7], requires: [], profiles: [],
                        artifacts: [], demodularized: []))
            case "R" where last >= 0: metadata.streams[last].requires.append(lists(words.dropFirst()))
            case "P" where last >= 0 && words.count > 1:
                metadata.streams[last].profiles.append(.init(name: words[1], packages: Array(words.dropFirst(2))))
            case "A" where last >= 0: metadata.streams[last].artifacts = Array(words.dropFirst())
            case "X" where last >= 0: metadata.streams[last].demodularized = Array(words.dropFirst())
            case "D":
                guard words.count > 3 else { return nil }
                metadata.defaults.append(
                    ModuleDefaults(
                        module: words[1], stream: words[2] == "1" ? words[3] : nil, profiles: lists(words.dropFirst(4))))
            default: return nil
            }
        }
        return metadata
    }

    private static func lists(_ words: ArraySlice<String>) -> [String: [String]] {
        var result: [String: [String]] = [:]
        for word in words {
            let parts = word.split(separator: inner, omittingEmptySubsequences: false).map(String.init)
            result[parts[0]] = Array(parts.dropFirst())
        }
        return result
    }
}
