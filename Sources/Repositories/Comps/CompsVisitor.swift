internal import Diagnostics

/// Builds a `Comps` while the document is read. Elements that it doesn't know are passed over, as dnf does.
final class CompsVisitor: XMLVisitor {
    private(set) var comps = Comps()
    private(set) var sawComps = false
    private var group = Comps.Group()
    private var environment = Comps.Environment()
    private var category = Comps.Category()
    private var attributes: [String: String] = [:]

    func begin(_ path: [String], attributes: [String: String]) throws(ProvisionError) {
        self.attributes = attributes
        guard path.first == "comps" else { return }
        sawComps = true
        switch path.dropFirst() {
        case ["group"]: group = Comps.Group()
        case ["environment"]: environment = Comps.Environment()
        case ["category"]: category = Comps.Category()
        case ["langpacks", "match"]:
            if let name = attributes["name"], let install = attributes["install"] { comps.langpacks[name] = install }
        default: break
        }
    }

    func end(_ path: [String], text: String) throws(ProvisionError) {
        guard path.first == "comps", path.count >= 2 else { return }
        let inner = path.dropFirst(2)
        switch path[1] {
        case "group": endGroup(inner, text)
        case "environment": endEnvironment(inner, text)
        case "category": endCategory(inner, text)
        default: break
        }
    }

    private func endGroup(_ path: ArraySlice<String>, _ text: String) {
        switch path {
        case []: if !group.id.isEmpty { comps.groups.append(group) }
        case ["id"]: group.id = text
        case ["name"]: set(&group.name, text)
        case ["description"]: set(&group.description, text)
        case ["uservisible"]: group.isVisible = isTrue(text)
        case ["default"]: group.isDefault = isTrue(text)
        case ["langonly"]: group.language = text
        case ["display_order"]: group.displayOrder = Int(text)
        case ["packagelist", "packagereq"]:
            guard !text.isEmpty else { return }
            group.members.append(
                Comps.Member(
                    // A member without a type, or with one from the future, is mandatory to libcomps and so here.
                    name: text, kind: attributes["type"].flatMap(Comps.Member.Kind.init) ?? .mandatory,
                    requires: attributes["requires"], isBaseArchitectureOnly: isTrue(attributes["basearchonly"] ?? "")))
        default: break
        }
    }

    private func endEnvironment(_ path: ArraySlice<String>, _ text: String) {
        switch path {
        case []: if !environment.id.isEmpty { comps.environments.append(environment) }
        case ["id"]: environment.id = text
        case ["name"]: set(&environment.name, text)
        case ["description"]: set(&environment.description, text)
        case ["display_order"]: environment.displayOrder = Int(text)
        case ["grouplist", "groupid"]: environment.groupIDs.append(text)
        case ["optionlist", "groupid"]:
            environment.options.append(Comps.Option(groupID: text, isDefault: isTrue(attributes["default"] ?? "")))
        default: break
        }
    }

    private func endCategory(_ path: ArraySlice<String>, _ text: String) {
        switch path {
        case []: if !category.id.isEmpty { comps.categories.append(category) }
        case ["id"]: category.id = text
        case ["name"]: set(&category.name, text)
        case ["description"]: set(&category.description, text)
        case ["display_order"]: category.displayOrder = Int(text)
        case ["grouplist", "groupid"]: category.groupIDs.append(text)
        default: break
        }
    }

    private func set(_ target: inout Comps.Text, _ text: String) {
        if let language = attributes["xml:lang"] { target.translations[language] = text } else { target.text = text }
    }

    private func isTrue(_ text: String) -> Bool { ["true", "1", "yes"].contains(text.lowercased()) }
}
