internal import Diagnostics
internal import Glibc
public import Model
internal import System
internal import SystemPackage

/// What a root's package manager is to know of a transaction beside the rpm database.
public struct HistoryRecord: Codable, Sendable, Equatable {
    /// Why a package is there, as package managers tell them apart: what nobody asked for may go with what needed it.
    public enum Reason: String, Codable, Sendable { case user, group, dependency, weak }

    public var manager: PackageManager
    /// What $releasever stood for; empty where nothing says it.
    public var releasever: String
    /// What was asked for, in the words of the manager's own command line.
    public var words: String
    public var selection: Selection
    /// One for each package of the plan, in its order.
    public var reasons: [Reason]
    /// Off leaves out the history, as `history_record=0` makes dnf do; what else a manager keeps is written all the same.
    public var leavesHistory = true

    public init(
        manager: PackageManager, releasever: String, words: String, selection: Selection, reasons: [Reason]
    ) {
        self.manager = manager
        self.releasever = releasever
        self.words = words
        self.selection = selection
        self.reasons = reasons
    }
}

/// What rpm replaces, and what its database was before and after: known only once the transaction was made.
struct TransactionTrace {
    /// A package that goes away, and the place in the plan of what takes its own.
    struct Replacement {
        var old: NEVRA
        var new: Int?
    }

    var replaced: [Replacement]
    /// Names of all that is installed afterwards.
    var installed: Set<String> = []
    /// Of the database: dnf sees by them whether others changed anything between its transactions.
    var cookieBefore: String
    var cookieAfter: String
    /// Seconds since 1970.
    var time: Int64
    /// Files may lie in a lower layer.
    var inOverlay: Bool
}

extension HistoryRecord {
    /// Leaves it all in the root that is this process's own.
    ///
    /// - Parameter ids: yum's of the packages, in their order.
    func write(packages: [InstallJob.PackageFile], ids: [String], _ trace: TransactionTrace) throws(ProvisionError) {
        switch manager {
        case .dnf:
            if leavesHistory { try DnfHistory.add(self, packages: packages, trace) }
            try writeModules()
        case .yum: try YumDatabase.add(self, packages: packages, ids: ids, trace)
        }
    }

    /// Enabled streams of modules. What is in a lower layer is replaced, not written to.
    private func writeModules() throws(ProvisionError) {
        guard !selection.modules.isEmpty else { return }
        let directory = FilePath(Selection.Module.directory)
        try Files.makeDirectory(directory)
        for module in selection.modules {
            guard !module.name.contains("/") else {
                throw ProvisionError(.verification, "\"\(module.name)\" is no name of a module")
            }
            let new = directory.appending(".\(module.fileName).provision")
            try Files.write(module.text, to: new)
            try check(
                rename(new.string, directory.appending(module.fileName).string), "replace", directory.appending(module.fileName)
            )
        }
    }
}
