internal import Diagnostics
internal import Model
internal import Repositories
internal import Solving
internal import System

/// Turns the groups and environments that were asked for into members for the solver.
struct GroupResolution {
    let snapshots: [RepositorySnapshot]
    /// Of mandatory, default, optional, conditional.
    let types: Set<String>
    let withOptional: Bool

    /// The groups for the solver, and for the root's package manager.
    ///
    /// - Throws: `.unsatisfiable` where no repository defines a group, with the nearest id.
    func resolve(_ words: [String]) throws -> (requested: [RequestedGroup], selection: Selection) {
        var selection = Selection()
        guard !words.isEmpty else { return ([], selection) }
        let comps = try Comps(of: snapshots)
        let groups = try words.uniqued(by: { $0 }).flatMap { word -> [Comps.Group] in
            let groups = comps.groups.named(word)
            let environments = comps.environments.named(word)
            guard !groups.isEmpty || !environments.isEmpty else {
                throw unknown(word, comps.groups.map(\.id) + comps.environments.map(\.id))
            }
            selection.environments += environments.map { environment in
                Selection.Environment(
                    id: environment.id, name: environment.name.text, groups: environment.groupIDs,
                    options: environment.options.map(\.groupID))
            }
            // dnf chooses none of an environment's options, nor those that are marked as default: that mark is the installer's.
            return groups + environments.flatMap(\.groupIDs).uniqued(by: { $0 }).compactMap(comps.group)
        }
        selection.environments.sort { $0.id < $1.id }
        selection.environments = selection.environments.uniqued(by: \.id)
        selection.groups = groups.uniqued(by: \.id).sorted { $0.id < $1.id }.map { group in
            let members = Dictionary(grouping: group.members) { Selection.MemberKind(rawValue: $0.kind.rawValue) ?? .optional }
            return Selection.Group(
                id: group.id, name: group.name.text, members: members.mapValues { Set($0.map(\.name)).sorted() })
        }
        selection.kinds = Selection.MemberKind.allCases.filter {
            types.contains($0.rawValue) || (withOptional && $0 == .optional)
        }
        return (groups.map(requested), selection)
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
