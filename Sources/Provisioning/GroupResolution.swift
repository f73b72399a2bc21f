internal import Diagnostics
internal import Repositories
internal import Solving
internal import System

/// Turns the groups and environments that were asked for into members for the solver.
struct GroupResolution {
    let snapshots: [RepositorySnapshot]
    /// Of mandatory, default, optional, conditional.
    let types: Set<String>
    let withOptional: Bool

    /// - Throws: `.unsatisfiable` where no repository defines a group, with the nearest id.
    func resolve(_ words: [String]) throws -> [RequestedGroup] {
        guard !words.isEmpty else { return [] }
        var comps = Comps()
        for snapshot in snapshots { comps.merge(try Comps(of: snapshot)) }
        return try words.uniqued(by: { $0 }).flatMap { word -> [RequestedGroup] in
            if let group = comps.groups.first(where: { $0.id == word || $0.name.text == word }) { return [requested(group)] }
            guard let environment = comps.environments.first(where: { $0.id == word || $0.name.text == word }) else {
                throw unknown(word, comps.groups.map(\.id) + comps.environments.map(\.id))
            }
            // dnf doesn't choose the options that are marked as default either: that mark is the installer's.
            let options = withOptional ? environment.options.map(\.groupID) : []
            return (environment.groupIDs + options).uniqued(by: { $0 }).compactMap(comps.group).map(requested)
        }
    }

    private func requested(_ group: Comps.Group) -> RequestedGroup {
        let members = group.members.filter { types.contains($0.kind.rawValue) || (withOptional && $0.kind == .optional) }
        return RequestedGroup(
            id: group.id,
            members: members.map {
                RequestedGroup.Member($0.name, condition: $0.requires, nativeOnly: $0.isBaseArchitectureOnly)
            })
    }

    private func unknown(_ word: String, _ ids: [String]) -> ProvisionError {
        guard !ids.isEmpty else {
            return ProvisionError(
                .unsatisfiable, "no group \"\(word)\": the enabled repositories define no groups",
                hint: "switch a repository on that has them, with --enable-repo")
        }
        let near = nearest(to: word, in: ids).map { "did you mean \"\($0)\"?" }
        return ProvisionError(
            .unsatisfiable, "no enabled repository defines the group \"\(word)\"",
            hint: near ?? "there are: \(Set(ids).sorted().joined(separator: ", "))")
    }
}
