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
    func resolve(_ words: [String], arch: String) throws -> [RequestedGroup] {
        guard !words.isEmpty else { return [] }
        let comps = try snapshots.compactMap { try $0.comps.map { try Comps(reading: $0.path) } }
        let groups = comps.flatMap(\.groups)
        let environments = comps.flatMap(\.environments)
        return try words.uniqued(by: { $0 }).flatMap { word -> [RequestedGroup] in
            let found = groups.filter { matches($0.id, $0.name, word) }
            if !found.isEmpty { return [requested(found)] }
            let environment = environments.filter { matches($0.id, $0.name, word) }
            guard let first = environment.first else { throw unknown(word, groups.map(\.id) + environments.map(\.id)) }
            let ids = first.groups + (withOptional ? first.options : [])
            return ids.compactMap { id in
                let members = groups.filter { $0.id == id }
                return members.isEmpty ? nil : requested(members)
            }
        }
    }

    private func matches(_ id: String, _ name: String, _ word: String) -> Bool { id == word || name == word }

    /// The same group of several repositories is one, as dnf merges them.
    private func requested(_ groups: [Comps.Group]) -> RequestedGroup {
        let members = groups.flatMap(\.members).filter { member in
            types.contains(member.kind.name) || (withOptional && member.kind.name == "optional")
        }
        return RequestedGroup(
            id: groups[0].id,
            members: members.map { member in
                RequestedGroup.Member(member.name, condition: member.kind.condition, nativeOnly: member.basearchOnly)
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
