internal import Configuration
internal import Installing
internal import Model
internal import SystemPackage

extension BuildPreparation {
    /// What the root's package manager is to know of a build.
    ///
    /// - Parameter packages: the plan's, in the order of the transaction's.
    func history(of plan: Plan, packages: [PlannedPackage]) -> HistoryRecord {
        var record = HistoryRecord(
            manager: configuration.manager, releasever: configuration.releasever ?? "", words: words, selection: plan.selection,
            reasons: packages.map { reason(of: $0, in: plan.selection) })
        record.leavesHistory = configuration.main.recordsHistory
        return record
    }

    /// `install @core bash`: the same for the same request, however it was written. A file is called by its name alone.
    private var words: String {
        let names = specs.map { isPackageFile($0) ? (FilePath($0).lastComponent?.string ?? $0) : $0 }
        return (["install"] + Set(request.groups.map { "@\($0)" } + names).sorted()).joined(separator: " ")
    }

    /// Members of a group or a profile are theirs also where somebody named them, as in dnf (`Goal.get_reason` of hawkey): they go
    /// with it.
    private func reason(of package: PlannedPackage, in selection: Selection) -> HistoryRecord.Reason {
        switch package.reason {
        case .requested:
            let isMember = selection.groups.contains { group in
                selection.kinds.contains { group.members[$0]?.contains(package.nevra.name) ?? false }
            }
            let isProfiles = selection.modules.contains { $0.members.contains(package.nevra.name) }
            return isMember || isProfiles ? .group : .user
        case .group: return .group
        case .requires: return .dependency
        case .recommended: return .weak
        }
    }
}
