internal import Diagnostics
internal import Layers
public import Model
internal import System
internal import SystemPackage

/// Compares a target with what it should be: every layer with its manifest's digest, every packaged file with the rpm database.
///
/// The process must be in a mount namespace of its own (`PrivateMounts.enter()`): the merged view is mounted in it.
public struct Verification {
    private let context: Context

    public init(context: Context) { self.context = context }

    /// - Throws: `.notFound` for an unknown target, `.failed` where rpm can't read the database, `.unsupported` without rpm.
    public func verify(_ target: String) throws -> VerifyAnswer {
        let view = try Inventory(context: context).view(of: target)
        let store = LayerStore(state: context.state, progress: context.progress)
        var answer = VerifyAnswer(target: target)
        for layer in try view.layers.map({ try store.layer(named: $0) }) {
            let condition = try store.condition(of: layer)
            answer.layers.append(
                .init(
                    name: layer.name, digest: layer.digest, found: condition.digest,
                    intact: condition.digest == layer.digest && condition.problems.isEmpty, problems: condition.problems))
        }
        try withMergedRoot(view.trees) { root in
            let known = try view.layers.lazy.compactMap { try store.layer(named: $0).manifest.database?.path }
            guard let database = try installedDatabase(in: root, known: Array(known))?.path else { return }
            answer.database = database
            let rpm = RpmVerifier(root: root, database: database)
            answer.packages = try rpm.packageCount()
            (answer.files, answer.dependencies) = try rpm.verify()
        }
        try explain(&answer, view, store)
        return answer
    }

    /// What a patch of an intact layer says it changed is meant to differ, unless a machine has its own version of the file.
    private func explain(_ answer: inout VerifyAnswer, _ view: Inventory.View, _ store: LayerStore) throws {
        guard answer.layers.allSatisfy(\.intact) else { return }
        var patches: [String: String] = [:]
        for name in view.layers {
            for patch in try store.layer(named: name).manifest.patches where patch.outcome == .applied {
                for path in VerifyAnswer.paths(changedBy: patch) {
                    patches[path] = patches[path].map { "\($0), \(patch.name)" } ?? patch.name
                }
            }
        }
        let own = view.trees.dropLast(view.layers.count)
        for index in answer.files.indices {
            let path = answer.files[index].path
            guard let patch = patches[path] else { continue }
            let isOwn = try own.contains { (upper) throws(ProvisionError) in
                try RootedDirectory(upper).status(String(path.dropFirst())) != nil
            }
            if !isOwn { answer.files[index].patch = patch }
        }
    }
}

/// The document of `provision verify --json`.
public struct VerifyAnswer: Encodable, Sendable {
    /// A layer against its manifest.
    public struct LayerCheck: Encodable, Sendable {
        public var name: String
        /// What the manifest says, and what is on disk.
        public var digest: ContentDigest
        public var found: ContentDigest
        public var intact: Bool
        /// What was changed beside the tree: the difference kept of a file, the whole files made of differences.
        public var problems: [String]
    }

    /// A packaged file that isn't as its package brought it.
    public struct File: Encodable, Sendable, Equatable {
        public var path: String
        /// `missing`, or of these: `size`, `mode`, `content`, `device`, `link target`, `owner`, `group`, `time`, `capabilities`,
        /// `unreadable`.
        public var differs: [String]
        /// `configuration`, `documentation`, `ghost`, `licence`, `readme`, `artifact`.
        public var kind: String?
        /// The clean-up patches that changed it: then it is as it is meant to be.
        public var patch: String?
    }

    public var target: String
    public var layers: [LayerCheck] = []
    /// The rpm database's directory in the root; nil where there is none.
    public var database: String?
    /// How many packages the database has.
    public var packages = 0
    public var files: [File] = []
    /// Requirements of installed packages that nothing provides, in rpm's words.
    public var dependencies: [String] = []

    /// Whether nothing differs but what patches changed.
    public var intact: Bool {
        layers.allSatisfy(\.intact) && dependencies.isEmpty && files.allSatisfy { $0.patch != nil }
    }

    private enum CodingKeys: String, CodingKey { case target, layers, database, packages, files, dependencies, intact }

    init(target: String) { self.target = target }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(target, forKey: .target)
        try container.encode(layers, forKey: .layers)
        try container.encodeIfPresent(database, forKey: .database)
        try container.encode(packages, forKey: .packages)
        try container.encode(files, forKey: .files)
        try container.encode(dependencies, forKey: .dependencies)
        try container.encode(intact, forKey: .intact)
    }

    /// The paths in a patch's report: `PATH: WHAT, PATH: WHAT`.
    static func paths(changedBy patch: PatchReport) -> [String] {
        patch.detail.split(separator: ", ").compactMap { change in
            let parts = change.split(separator: ": ", maxSplits: 1)
            return parts.count == 2 && parts[0].hasPrefix("/") ? String(parts[0]) : nil
        }
    }
}
