internal import Diagnostics
internal import Glibc
internal import Model
internal import System
internal import SystemPackage

/// What yum 3 of EL7 keeps beside rpm's database: /var/lib/yum/yumdb, a directory for each package with a file for each fact, and the
/// installed groups below /var/lib/yum/groups.
///
/// Source: yum's `RPMDBAdditionalData` (yum/rpmsack.py), `YumBase.verifyTransaction` and `InstalledGroups` (yum/igroups.py).
struct YumDatabase {
    private static let packages: FilePath = "/var/lib/yum/yumdb"
    private static let groups: FilePath = "/var/lib/yum/groups"

    private let record: HistoryRecord
    /// Files by their last name and content: yum too makes equal ones links of each other.
    private var written: [String: FilePath] = [:]

    /// Adds one transaction to the database of the root that is this process's own.
    ///
    /// - Parameter ids: yum's of the packages, in their order.
    static func add(
        _ record: HistoryRecord, packages: [InstallJob.PackageFile], ids: [String], _ trace: TransactionTrace
    ) throws(ProvisionError) {
        var database = YumDatabase(record: record)
        let replaced = Dictionary(grouping: trace.replaced, by: \.new)
        for (index, (package, id)) in zip(packages, ids).enumerated() {
            let old = (replaced[index] ?? []).map(\.old)
            try database.add(package, id, record.reasons[index], updates: old.first { $0.name == package.nevra.name })
        }
        for gone in trace.replaced { for directory in try directories(of: gone.old) { try Files.remove(directory) } }
        try database.addGroups()
    }

    private init(record: HistoryRecord) { self.record = record }

    // MARK: - Packages

    private mutating func add(
        _ package: InstallJob.PackageFile, _ id: String, _ reason: HistoryRecord.Reason, updates old: NEVRA?
    ) throws(ProvisionError) {
        let directory = Self.shelf(of: package.nevra).appending(id + Self.label(of: package.nevra))
        var facts = [
            "checksum_data": package.checksum.hex, "checksum_type": package.checksum.algorithm.rawValue,
            "command_line": record.words, "from_repo": package.repository, "releasever": record.releasever,
            "reason": reason == .dependency || reason == .weak ? "dep" : "user",
        ]
        facts["group_member"] = reason == .group ? group(of: package.nevra.name) : nil
        // An update is there for the reason of what it updates.
        if let old, let before = try Self.directories(of: old).first {
            for fact in ["reason", "group_member"] {
                facts[fact] = try Files.readIfPresent(before.appending(fact)).map { String(decoding: $0, as: UTF8.self) }
            }
        }
        try Files.makeDirectory(directory)
        for (name, value) in facts.sorted(by: { $0.key < $1.key }) {
            let file = directory.appending(name)
            if let same = written["\(name) \(value)"] {
                try check(link(same.string, file.string), "make the link", file)
            } else {
                try Files.write(value, to: file)
                written["\(name) \(value)"] = file
            }
        }
    }

    private func group(of package: String) -> String? {
        record.selection.groups.first { group in
            record.selection.kinds.contains { group.members[$0]?.contains(package) ?? false }
        }?.id
    }

    private static func shelf(of package: NEVRA) -> FilePath { packages.appending(String(package.name.prefix(1))) }

    private static func label(of package: NEVRA) -> String {
        "-\(package.name)-\(package.version)-\(package.release)-\(package.arch)"
    }

    private static func directories(of package: NEVRA) throws(ProvisionError) -> [FilePath] {
        let shelf = shelf(of: package)
        guard Files.isDirectory(shelf) else { return [] }
        return try Files.names(in: shelf).filter { $0.hasSuffix(label(of: package)) }.map { shelf.appending($0) }
    }

    // MARK: - Groups

    private func addGroups() throws(ProvisionError) {
        let selection = record.selection
        if selection.groups.isEmpty { return }
        try Files.makeDirectory(Self.groups)
        // All that the repositories name, chosen or not: so yum sees what a group gains later.
        var groups = try Self.read(Self.groups.appending("installed"), fields: 1)
        for group in selection.groups { groups[group.id] = Set(group.members.values.joined()).sorted().map { [$0] } }
        try Self.write(groups, to: Self.groups.appending("installed"))
        var environments = try Self.read(Self.groups.appending("environment"), fields: 2)
        for environment in selection.environments {
            let all = Set(environment.groups + environment.options).sorted()
            environments[environment.id] = all.map { [$0, environment.groups.contains($0) ? "true" : "false"] }
        }
        try Self.write(environments, to: Self.groups.appending("environment"))
    }

    /// A file of lists by name: the format's version, how many lists; of each its name, how many entries, the entries.
    ///
    /// - Parameter fields: lines of an entry.
    private static func read(_ file: FilePath, fields: Int) throws(ProvisionError) -> [String: [[String]]] {
        guard let bytes = try Files.readIfPresent(file) else { return [:] }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)[...]
        var lists: [String: [[String]]] = [:]
        // What isn't of version 1 yum passes over too.
        guard lines.popFirst() == "1", let count = lines.popFirst().flatMap({ Int($0) }) else { return [:] }
        for _ in 0..<max(0, count) {
            guard let name = lines.popFirst(), let entries = lines.popFirst().flatMap({ Int($0) }), entries >= 0,
                lines.count >= entries * fields
            else { break }
            lists[name] = (0..<entries).map { _ in
                defer { lines = lines.dropFirst(fields) }
                return Array(lines.prefix(fields))
            }
        }
        return lists
    }

    private static func write(_ lists: [String: [[String]]], to file: FilePath) throws(ProvisionError) {
        var lines = ["1", "\(lists.count)"]
        for (name, entries) in lists.sorted(by: { $0.key < $1.key }) { lines += [name, "\(entries.count)"] + entries.joined() }
        try Files.write(lines.map { $0 + "\n" }.joined(), to: file)
    }
}
