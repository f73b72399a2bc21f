public import Model
internal import Solving

/// How two locks differ.
public struct LockDiff: Encodable, Sendable, Equatable {
    public struct Change: Encodable, Sendable, Equatable {
        public var old: NEVRA
        public var new: NEVRA
        public var oldRepository: String
        public var newRepository: String
    }

    /// Another reason for the same package.
    public struct ReasonChange: Encodable, Sendable, Equatable {
        public var package: NEVRA
        public var old: String
        public var new: String
    }

    public struct RepositoryChange: Encodable, Sendable, Equatable {
        public var id: String
        /// In words, one for each property that differs.
        public var changes: [String]
    }

    public var added: [PlannedPackage] = []
    public var removed: [PlannedPackage] = []
    public var upgraded: [Change] = []
    public var downgraded: [Change] = []
    /// The same version with other content, from another repository, or of another architecture.
    public var replaced: [Change] = []
    public var reasons: [ReasonChange] = []
    public var repositories: [RepositoryChange] = []
    public var addedKeys: [LockFile.Key]
    public var removedKeys: [LockFile.Key]
    /// What was asked for otherwise, in words.
    public var request: [String]
    public var downloadBytes: Int64
    public var installedBytes: Int64

    public var isEmpty: Bool {
        added.isEmpty && removed.isEmpty && upgraded.isEmpty && downgraded.isEmpty && replaced.isEmpty && reasons.isEmpty
            && repositories.isEmpty && addedKeys.isEmpty && removedKeys.isEmpty && request.isEmpty
    }

    public init(from old: LockFile, to new: LockFile) {
        addedKeys = new.keys.filter { key in !old.keys.contains { $0.fingerprint == key.fingerprint } }
        removedKeys = old.keys.filter { key in !new.keys.contains { $0.fingerprint == key.fingerprint } }
        request = old.request.differences(from: new.request).map {
            "\($0.what): \($0.old) -> \($0.new)"
        }
        func sum(_ lock: LockFile, _ size: (PlannedPackage) -> UInt64) -> Int64 {
            lock.packages.reduce(0) { $0 + Int64(clamping: size($1)) }
        }
        downloadBytes = sum(new, \.size) - sum(old, \.size)
        installedBytes = sum(new, \.installedSize) - sum(old, \.installedSize)
        compareRepositories(old.repositories, new.repositories)
        comparePackages(old.packages, new.packages)
    }

    // MARK: - Packages

    private mutating func comparePackages(_ old: [PlannedPackage], _ new: [PlannedPackage]) {
        let order = VersionOrder()
        let before = Dictionary(grouping: old, by: \.nevra.name)
        let after = Dictionary(grouping: new, by: \.nevra.name)
        for name in Set(before.keys).union(after.keys).sorted() {
            var gone = before[name] ?? []
            var come: [PlannedPackage] = []
            for package in after[name] ?? [] {
                if let index = gone.firstIndex(where: { $0.nevra == package.nevra }) {
                    compare(gone.remove(at: index), package)
                } else {
                    come.append(package)
                }
            }
            for package in come {
                // The predecessor of the same architecture, or else any of the name.
                let index = gone.firstIndex { $0.nevra.arch == package.nevra.arch } ?? gone.indices.first
                guard let index else {
                    added.append(package)
                    continue
                }
                let change = Change(gone.remove(at: index), package)
                switch order.compare(change.old, change.new) {
                case ..<0: upgraded.append(change)
                case 0: replaced.append(change)
                default: downgraded.append(change)
                }
            }
            removed += gone
        }
    }

    private mutating func compare(_ old: PlannedPackage, _ new: PlannedPackage) {
        if old.checksum != new.checksum || old.repository != new.repository { replaced.append(Change(old, new)) }
        // Another version of the same package that needs it is no other reason.
        if old.reason.words != new.reason.words {
            reasons.append(ReasonChange(package: new.nevra, old: old.reason.words, new: new.reason.words))
        }
    }

    // MARK: - Repositories

    private mutating func compareRepositories(_ old: [LockFile.Repository], _ new: [LockFile.Repository]) {
        for id in Set(old.map(\.id) + new.map(\.id)).sorted() {
            let before = old.first { $0.id == id }
            let after = new.first { $0.id == id }
            var changes: [String] = []
            switch (before, after) {
            case (nil, _): changes = ["added"]
            case (_, nil): changes = ["removed"]
            case (let before?, let after?):
                if before.repomd != after.repomd {
                    let revisions = "revision \(before.revision ?? "?") -> \(after.revision ?? "?")"
                    changes.append("metadata \(before.repomd.short) -> \(after.repomd.short), \(revisions)")
                    if after.timestamp < before.timestamp { changes.append("the metadata is older than before") }
                }
                if before.urls != after.urls {
                    changes.append("URLs \(before.urls.joined(separator: " ")) -> \(after.urls.joined(separator: " "))")
                }
                if before.keys != after.keys {
                    changes.append("keys \(before.keys.joined(separator: " ")) -> \(after.keys.joined(separator: " "))")
                }
            }
            if !changes.isEmpty { repositories.append(RepositoryChange(id: id, changes: changes)) }
        }
    }
}

extension LockDiff.Change {
    fileprivate init(_ old: PlannedPackage, _ new: PlannedPackage) {
        self.init(old: old.nevra, new: new.nevra, oldRepository: old.repository, newRepository: new.repository)
    }
}

extension Reason {
    /// `requested`, `group core`, `bash needs libc.so.6`: for people.
    public var words: String {
        switch self {
        case .requested(let spec): "requested as \"\(spec)\""
        case .group(let id): "of group \"\(id)\""
        case .requires(let capability, let by): "\(NEVRA(by)?.name ?? by) needs \(capability)"
        case .recommended(let capability, let by): "\(NEVRA(by)?.name ?? by) recommends \(capability)"
        }
    }
}
