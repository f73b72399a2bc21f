internal import CSolv
internal import Diagnostics
internal import Model
internal import Repositories

/// What modules hide and ask for: packages of streams that aren't active, packages that an active stream has its own of, and the
/// members of the profiles that were asked for.
///
/// Source: dnf4's `ModuleBase.install` and libdnf's `setModuleExcludes`.
struct ModuleFilter {
    /// A package of a profile: one of its stream's own if there is one.
    struct Member {
        var name: String
        /// `NAME:STREAM/PROFILE`.
        var profile: String
        /// The stream's packages.
        var artifacts: Set<String>
    }

    private(set) var members: [Member] = []
    private(set) var warnings: [String] = []
    /// Artifacts of active streams, of others with their stream's label, and the names that active streams have of their own.
    private(set) var shown: Set<String> = []
    private(set) var hidden: [String: String] = [:]
    private(set) var ownNames: [String: String] = [:]
    let hotfixRepositories: Set<String>

    private let streams: [ModuleStream]
    /// In the root before, and what was asked for.
    private let before: [Selection.Module]
    private var enabled: [String: String] = [:]
    private var profiles: [String: Set<String>] = [:]
    private let defaults: [String: ModuleDefaults]
    private var active: Set<Int> = []

    /// - Throws: `.unsatisfiable` where a stream or profile that was asked for can't be had.
    init(_ request: ModuleRequest, pool: SolvPool, architecture: String) throws(ProvisionError) {
        streams = request.sources.flatMap(\.metadata.streams)
        defaults = ModuleFilter.united(request.sources.flatMap(\.metadata.defaults))
        hotfixRepositories = request.hotfixRepositories
        before = request.enabled
        guard !streams.isEmpty else { return }
        enabled = try enabledStreams(request.specs)
        var wanted: [Int: Bool] = [:]
        for (number, stream) in streams.enumerated() {
            if let choice = enabled[stream.name] {
                if choice == stream.stream { wanted[number] = true }
            } else if defaults[stream.name]?.stream == stream.stream {
                wanted[number] = false
            }
        }
        let resolution = ModuleResolution(
            streams, wanted: wanted, platform: request.platform ?? Self.platform(in: pool), architecture: architecture)
        active = resolution.active
        if !resolution.problems.isEmpty {
            guard request.specs.isEmpty else {
                throw Refusal.combined([
                    Refusal(subjects: request.specs.map { "\"@\($0.text)\"" }, causes: resolution.problems, hint: nil)
                ])
            }
            warnings = resolution.problems.map { "modules: \($0)" }
        }
        collect()
        for spec in request.specs { try addMembers(of: spec) }
    }

    /// `NAME:STREAM` of the active streams, and of those that are active by default where nothing is asked for.
    var activeLabels: Set<String> { Set(active.map { streams[$0].label }) }

    /// What is to be enabled in a root that gets these packages, where it isn't yet: the streams that were asked for, those that
    /// the packages are of, and the streams that these require.
    ///
    /// Source: libdnf's `requiresModuleEnablement` and `ModulePackageContainer::enableDependencyTree`.
    func changes(installing packages: [NEVRA]) -> [Selection.Module] {
        var queue = active.filter { enabled[streams[$0].name] == streams[$0].stream }
        let installed = Set(packages.map { "\($0.name)-\($0.epoch):\($0.version)-\($0.release).\($0.arch)" })
        queue.formUnion(active.filter { streams[$0].artifacts.contains(where: installed.contains) })
        var states: [String: Selection.Module] = [:]
        while let number = queue.popFirst() {
            let stream = streams[number]
            let old = before.first { $0.name == stream.name }?.profiles ?? []
            let named = members.filter { $0.profile.hasPrefix("\(stream.label)/") }.map(\.name)
            states[stream.name] = Selection.Module(
                name: stream.name, stream: stream.stream, profiles: Set(old).union(profiles[stream.name] ?? []).sorted(),
                members: Set(named).sorted())
            let required = Set(stream.requires.flatMap(\.keys))
            queue.formUnion(active.filter { required.contains(streams[$0].name) && states[streams[$0].name] == nil })
        }
        return states.values.filter { !before.contains($0) }.sorted { $0.name < $1.name }
    }

    // MARK: - Streams

    /// Of a module with two different default streams no stream is one, as libmodulemd unites them.
    static func united(_ all: [ModuleDefaults]) -> [String: ModuleDefaults] {
        var result: [String: ModuleDefaults] = [:]
        var contradicting: Set<String> = []
        for one in all {
            guard var known = result[one.module] else {
                result[one.module] = one
                continue
            }
            if let stream = one.stream {
                if known.stream == nil, !contradicting.contains(one.module) { known.stream = stream }
                if known.stream != stream {
                    known.stream = nil
                    contradicting.insert(one.module)
                }
            }
            known.profiles.merge(one.profiles) { ours, theirs in ours + theirs.filter { !ours.contains($0) } }
            result[one.module] = known
        }
        return result
    }

    /// By module, the stream that the request enables.
    private func enabledStreams(_ specs: [ModuleSpec]) throws(ProvisionError) -> [String: String] {
        var enabled = Dictionary(before.map { ($0.name, $0.stream) }) { first, _ in first }
        for spec in specs {
            let there = Set(streams.filter(spec.matches).map(\.stream)).sorted()
            var stream = there.first
            if there.count > 1 {
                stream = enabled[spec.name] ?? defaults[spec.name]?.stream
                if !there.contains(stream ?? "") { stream = nil }
            }
            guard let stream else {
                let all = there.isEmpty ? streams.filter { $0.name == spec.name }.map(\.stream) : there
                throw Self.refusal(
                    spec, there.isEmpty ? "no such stream" : "none of its streams is the default",
                    hint: "name one: \(Set(all).sorted().map { "@\(spec.name):\($0)" }.joined(separator: ", "))")
            }
            if let other = enabled[spec.name], other != stream {
                throw Self.refusal(
                    spec,
                    before.contains { $0.name == spec.name }
                        ? "only one stream of a module can be enabled, and \"\(spec.name):\(other)\" is enabled in the root"
                        : "only one stream of a module can be enabled, and \"\(spec.name):\(other)\" is asked for too")
            }
            enabled[spec.name] = stream
        }
        return enabled
    }

    private static func refusal(_ spec: ModuleSpec, _ cause: String, hint: String? = nil) -> ProvisionError {
        Refusal.combined([Refusal(subjects: ["\"@\(spec.text)\""], causes: [cause], hint: hint)])
    }

    /// What the newest package that is the system's release says, if all say the same.
    private static func platform(in pool: SolvPool) -> String? {
        guard let capability = pool.id(of: "system-release") else { return nil }
        let packages = pool.providers(of: capability)
        for group in [packages.filter { !pool.isInstalled($0) }, packages.filter { pool.isInstalled($0) }] {
            var found: Set<String> = []
            for package in Refusal.newest(group, in: pool) {
                for provide in pool.dependencies(SOLVABLE_PROVIDES, of: package) {
                    let text = pool.string(pool.relation(provide)?.name ?? provide)
                    if text.hasPrefix("base-module("), text.hasSuffix(")") {
                        found.insert(String(text.dropFirst(12).dropLast()))
                    }
                }
            }
            if let only = found.first, found.count == 1 { return only }
        }
        return nil
    }

    // MARK: - Packages

    private mutating func collect() {
        for (number, stream) in streams.enumerated() {
            guard active.contains(number) else {
                for artifact in stream.artifacts { hidden[artifact] = stream.label }
                continue
            }
            shown.formUnion(stream.artifacts)
            let released = Set(stream.demodularized)
            for artifact in stream.artifacts where !artifact.hasSuffix(".src") && !artifact.hasSuffix(".nosrc") {
                guard let name = NEVRA.name(in: artifact).map(String.init), !released.contains(name) else { continue }
                ownNames[name] = stream.label
            }
        }
    }

    private mutating func addMembers(of spec: ModuleSpec) throws(ProvisionError) {
        let matching = streams.indices.filter {
            spec.matches(streams[$0]) && streams[$0].stream == enabled[spec.name] && active.contains($0)
        }
        guard let newest = matching.max(by: { streams[$0].version < streams[$1].version }) else {
            throw Self.refusal(spec, "no version of it can be active on this system")
        }
        let module = streams[newest]
        let names = spec.profile.map { [$0] } ?? defaults[module.name]?.profiles[module.stream] ?? []
        let there = module.profiles.map { "@\(module.label)/\($0.name)" }
        let hint = there.isEmpty ? nil : "name one: \(there.joined(separator: ", "))"
        guard !names.isEmpty else { throw Self.refusal(spec, "\"\(module.label)\" has no default profile", hint: hint) }
        let artifacts = Set(matching.flatMap { streams[$0].artifacts })
        profiles[module.name, default: []].formUnion(names)
        for name in names {
            guard let profile = module.profiles.first(where: { $0.name == name }) else {
                throw Self.refusal(spec, "\"\(module.label)\" has no profile \"\(name)\"", hint: hint)
            }
            members += profile.packages.map { package in
                Member(name: package, profile: "\(module.label)/\(name)", artifacts: artifacts)
            }
        }
    }
}
