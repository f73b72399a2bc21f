internal import CRpm
internal import Diagnostics
internal import Model
internal import System
internal import SystemPackage

/// dnf 4's history: /var/lib/dnf/history.sqlite as libdnf's `Swdb` reads and writes it, version 1.2 of its schema.
///
/// One transaction is added for one of rpm's, as dnf would have added it: later runs of dnf in the root know by it which
/// packages were asked for. The same transaction on the same file makes the same bytes.
struct DnfHistory {
    static let directory: FilePath = "/var/lib/dnf"
    static let file = directory.appending("history.sqlite")

    /// libdnf's `TransactionItemReason`.
    private enum Reason: Int64 {
        case unknown, dependency, user, clean, weakDependency, group

        init(_ reason: HistoryRecord.Reason) {
            self =
                switch reason {
                case .user: .user
                case .group: .group
                case .dependency: .dependency
                case .weak: .weakDependency
                }
        }

        /// `TransactionItemReasonCompare`.
        var rank: Int { [Reason.clean, .weakDependency, .dependency, .unknown, .group, .user].firstIndex(of: self) ?? 0 }
    }

    /// libdnf's `TransactionItemAction`, as far as an installation needs it.
    private enum Action: Int64 {
        case install = 1, downgrade, downgraded, obsolete, obsoleted, upgrade, upgraded, remove
    }

    /// libdnf's `CompsPackageType`.
    private static func bit(_ kind: Selection.MemberKind) -> Int64 {
        switch kind {
        case .conditional: 1
        case .default: 2
        case .mandatory: 4
        case .optional: 8
        }
    }

    private let database: SQLiteDatabase
    private let transaction: Int64
    private var repositories: [String: Int64] = [:]

    /// Adds one transaction to the history of the root that is this process's own, making the file where there is none.
    static func add(
        _ record: HistoryRecord, packages: [InstallJob.PackageFile], _ trace: TransactionTrace
    ) throws(ProvisionError) {
        try Files.makeDirectory(directory)
        if trace.inOverlay { try bringUpFiles(of: directory) }
        let isNew = !Files.exists(file)
        let database = try SQLiteDatabase("history of dnf", at: file, creating: true)
        // dnf leaves it in WAL mode. Whoever can't write beside it (a read-only layer) must be able to read it.
        try database.execute("PRAGMA trusted_schema=OFF; PRAGMA journal_mode=DELETE")
        // A root whose making fails is thrown away.
        try database.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN")
        if isNew { try database.execute(schema) }
        var history = try DnfHistory(database, record, trace)
        try history.add(record.selection, installed: trace.installed)
        let replaced = Dictionary(grouping: trace.replaced, by: \.new)
        for (index, (package, reason)) in zip(packages, record.reasons).enumerated() {
            try history.add(package, Reason(reason), replaces: (replaced[index] ?? []).map(\.old))
        }
        for gone in replaced[nil] ?? [] { try history.add(gone.old, .remove, .dependency) }
        try database.execute("COMMIT")
    }

    /// Makes it one file that needs no other, where dnf in a machine has left a write-ahead log.
    static func park() throws(ProvisionError) {
        guard Files.exists(file) else { return }
        try SQLiteDatabase("history of dnf", at: file).execute("PRAGMA journal_mode=DELETE")
    }

    private init(
        _ database: SQLiteDatabase, _ record: HistoryRecord, _ trace: TransactionTrace
    ) throws(ProvisionError) {
        self.database = database
        // Nobody's login made it (the user that libdnf writes then is -1), and it went well (state 1).
        transaction = try database.insert(
            """
            INSERT INTO trans (dt_begin, dt_end, rpmdb_version_begin, rpmdb_version_end, releasever, user_id, cmdline, state)
            VALUES (?1, ?1, ?2, ?3, ?4, -1, ?5, 1)
            """,
            [
                .init(trace.time), .init(trace.cookieBefore), .init(trace.cookieAfter), .init(record.releasever),
                .init(record.words),
            ])
    }

    // MARK: - Packages

    private mutating func add(
        _ package: InstallJob.PackageFile, _ reason: Reason, replaces old: [NEVRA]
    ) throws(ProvisionError) {
        var action = Action.install
        var reason = reason
        let previous = old.first { $0.name == package.nevra.name }
        if let previous {
            action = RpmVersion.isNewer(package.nevra, than: previous) ? .upgrade : .downgrade
            reason = try self.reason(of: previous)
        } else if let known = try knownReason(of: package.nevra) {
            // One more version of a package that may be there several times.
            reason = known
        }
        for obsoleted in old where obsoleted != previous {
            let its = try self.reason(of: obsoleted)
            if its.rank > reason.rank { reason = its }
        }
        let item = try add(package.nevra, action, reason, from: package.repository)
        for one in old {
            let gone: Action = one == previous ? (action == .upgrade ? .upgraded : .downgraded) : .obsoleted
            let replaced = try add(one, gone, try self.reason(of: one))
            try database.run(
                "INSERT INTO item_replaced_by (trans_item_id, by_trans_item_id) VALUES (?, ?)", [.init(replaced), .init(item)])
        }
    }

    /// One line of the transaction; returns its number.
    @discardableResult
    private mutating func add(
        _ package: NEVRA, _ action: Action, _ reason: Reason, from repository: String = "@System"
    ) throws(ProvisionError) -> Int64 {
        try add(item: try item(of: package), from: repository, action, reason)
    }

    /// The package's own line, which several transactions may speak of.
    private func item(of package: NEVRA) throws(ProvisionError) -> Int64 {
        let values: [SQLiteDatabase.Value] = [
            .init(package.name), .init(package.epoch), .init(package.version), .init(package.release), .init(package.arch),
        ]
        let known = try database.run(
            "SELECT item_id FROM rpm WHERE name = ? AND epoch = ? AND version = ? AND release = ? AND arch = ?", values)
        if let number = known.first?.first?.integer { return number }
        let number = try newItem()
        try database.run(
            "INSERT INTO rpm (name, epoch, version, release, arch, item_id) VALUES (?, ?, ?, ?, ?, ?)",
            values + [.init(number)])
        return number
    }

    /// What the history says last of a package of this name and architecture that is there; nil where it says nothing.
    ///
    /// Source: libdnf's `RPMItem::resolveTransactionItemReason`.
    private func knownReason(of package: NEVRA) throws(ProvisionError) -> Reason? {
        let found = try database.run(
            """
            SELECT ti.action, ti.reason FROM trans_item ti JOIN trans t ON ti.trans_id = t.id JOIN rpm ON ti.item_id = rpm.item_id
            WHERE t.state = 1 AND t.id < ? AND ti.action NOT IN (3, 5, 7, 10) AND rpm.name = ? AND rpm.arch = ?
            ORDER BY ti.trans_id DESC, ti.id DESC LIMIT 1
            """, [.init(transaction), .init(package.name), .init(package.arch)])
        guard let row = found.first, let action = row[0].integer, action != Action.remove.rawValue else { return nil }
        return row[1].integer.flatMap(Reason.init)
    }

    private func reason(of package: NEVRA) throws(ProvisionError) -> Reason { try knownReason(of: package) ?? .unknown }

    // MARK: - Groups

    /// - Parameter installed: names of all packages in the root.
    private mutating func add(_ selection: Selection, installed: Set<String>) throws(ProvisionError) {
        let kinds = selection.kinds.reduce(0) { $0 | Self.bit($1) }
        for environment in selection.environments {
            let item = try newItem()
            try database.run(
                """
                INSERT INTO comps_environment (item_id, environmentid, name, translated_name, pkg_types)
                VALUES (?1, ?2, ?3, ?3, ?4)
                """, [.init(item), .init(environment.id), .init(environment.name), .init(kinds)])
            for (groups, isInstalled, kind) in [
                (environment.groups, 1, Selection.MemberKind.mandatory), (environment.options, 0, .optional),
            ] {
                for group in groups {
                    try database.run(
                        """
                        INSERT OR IGNORE INTO comps_environment_group (environment_id, groupid, installed, group_type)
                        VALUES (?, ?, ?, ?)
                        """, [.init(item), .init(group), .init(isInstalled), .init(Self.bit(kind))])
                }
            }
            _ = try add(item: item, from: "", .install, .user)
        }
        for group in selection.groups {
            let item = try newItem()
            try database.run(
                "INSERT INTO comps_group (item_id, groupid, name, translated_name, pkg_types) VALUES (?1, ?2, ?3, ?3, ?4)",
                [.init(item), .init(group.id), .init(group.name), .init(kinds)])
            for kind in Selection.MemberKind.allCases {
                for member in group.members[kind] ?? [] {
                    try database.run(
                        "INSERT OR IGNORE INTO comps_group_package (group_id, name, installed, pkg_type) VALUES (?, ?, ?, ?)",
                        [.init(item), .init(member), .init(installed.contains(member) ? 1 : 0), .init(Self.bit(kind))])
                }
            }
            _ = try add(item: item, from: "", .install, .user)
        }
    }

    // MARK: - Lines of all kinds

    /// The item's type stays 0: libdnf means to write what it is, and doesn't.
    private func newItem() throws(ProvisionError) -> Int64 {
        try database.insert("INSERT INTO item (item_type) VALUES (0)", [])
    }

    private mutating func add(
        item: Int64, from repository: String, _ action: Action, _ reason: Reason
    ) throws(ProvisionError) -> Int64 {
        try database.insert(
            "INSERT INTO trans_item (trans_id, item_id, repo_id, action, reason, state) VALUES (?, ?, ?, ?, ?, 1)",
            [
                .init(transaction), .init(item), .init(try number(of: repository)), .init(action.rawValue),
                .init(reason.rawValue),
            ])
    }

    private mutating func number(of repository: String) throws(ProvisionError) -> Int64 {
        if let known = repositories[repository] { return known }
        let found = try database.run("SELECT id FROM repo WHERE repoid = ?", [.init(repository)])
        let number: Int64
        if let known = found.first?.first?.integer {
            number = known
        } else {
            number = try database.insert("INSERT INTO repo (repoid) VALUES (?)", [.init(repository)])
        }
        repositories[repository] = number
        return number
    }
}

/// rpm's order of versions.
enum RpmVersion {
    static func isNewer(_ one: NEVRA, than other: NEVRA) -> Bool {
        let left = rpmverNew(String(one.epoch), one.version, one.release)
        let right = rpmverNew(String(other.epoch), other.version, other.release)
        defer {
            rpmverFree(left)
            rpmverFree(right)
        }
        return rpmverCmp(left, right) > 0
    }
}
