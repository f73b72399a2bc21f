internal import Diagnostics
internal import Model
internal import Provisioning

/// What a build came to, for people on standard output; progress was shown already.
func show(_ answer: BuildAnswer, global: GlobalOptions) {
    if global.json { return printJSON(answer) }
    if global.quiet { return }
    print(sentence(answer))
    if !answer.reused {
        for patch in answer.patches {
            print("  patch \(patch.name): \(label(patch.outcome)), \(patch.detail)")
        }
    }
    switch answer.kind {
    case .base where answer.packages.isEmpty:
        print("next: provision run \(answer.name) -- sh")
    case .base:
        print("next: provision boot \(answer.name), or provision app PACKAGE --on \(answer.name)")
    case .app:
        print("next: provision boot \(answer.name), or provision pack \(answer.name) -o \(answer.name).cpio.bz2")
    }
}

/// What several builds came to: a line each.
func show(_ answers: [BuildAnswer], global: GlobalOptions) {
    if global.json { return printJSON(["layers": answers]) }
    if global.quiet { return }
    for answer in answers { print(sentence(answer)) }
    if let first = answers.first { print("next: provision boot \(first.name), or provision show \(first.name)") }
}

private func sentence(_ answer: BuildAnswer) -> String {
    let what = answer.kind == .base ? "base \"\(answer.name)\"" : "app \"\(answer.name)\" on \"\(answer.parent?.name ?? "?")\""
    let size = "\(count(answer.packages.count, "package")), \(formatted(bytes: answer.layerBytes ?? 0))"
    return answer.reused
        ? "\(what) is there already: \(size)" : "\(what) is ready: \(size), in \(seconds(.seconds(answer.elapsed)))"
}

private func label(_ outcome: PatchReport.Outcome) -> String {
    switch outcome {
    case .applied: "applied"
    case .notNeeded: "not needed"
    case .off: "off"
    }
}

/// The table that dnf's users know: what was asked for, then groups, then what they need.
func showPlan(_ answer: BuildAnswer, global: GlobalOptions) {
    guard !global.json else { return printJSON(answer) }
    let terminal = Terminal(color: global.color)
    if answer.packages.isEmpty {
        print("nothing to install: all that was asked for is there")
        return
    }
    for (title, packages) in sections(answer.packages) {
        var table = Table([
            ("Package", .left), ("Arch", .left), ("Version", .left), ("Repository", .left), ("Size", .right),
            ("Because", .left),
        ])
        for package in packages {
            table.add([
                "  " + package.nevra.name, package.nevra.arch, package.nevra.evr, package.repository,
                formatted(bytes: package.size), because(package.reason),
            ])
        }
        print(terminal.styled(title, .bold))
        print(table.rendered(width: outputWidth()) { terminal.styled($0, .dim) } + "\n")
    }
    for warning in answer.warnings { print("warning: \(warning)") }
    let parent = answer.parent.map { " on top of \"\($0.name)\"" } ?? ""
    print(
        "\(count(answer.packages.count, "package"))\(parent): \(formatted(bytes: answer.downloadBytes)) to download, "
            + "\(formatted(bytes: answer.installedBytes)) installed")
}

private func sections(_ packages: [PlannedPackage]) -> [(String, [PlannedPackage])] {
    let sorted = packages.sorted { $0.nevra.description < $1.nevra.description }
    var requested: [PlannedPackage] = []
    var groups: [String: [PlannedPackage]] = [:]
    var needed: [PlannedPackage] = []
    var weak: [PlannedPackage] = []
    for package in sorted {
        switch package.reason {
        case .requested: requested.append(package)
        case .group(let id): groups[id, default: []].append(package)
        case .requires: needed.append(package)
        case .recommended: weak.append(package)
        }
    }
    let all =
        [("Requested", requested)] + groups.sorted { $0.key < $1.key }.map { ("Group \($0.key)", $0.value) }
        + [("Dependencies", needed), ("Weak dependencies", weak)]
    return all.filter { !$0.1.isEmpty }
}

private func because(_ reason: Reason) -> String {
    switch reason {
    case .requested, .group: ""
    case .requires(let capability, let by): "\(NEVRA(by)?.name ?? by) needs \(capability)"
    case .recommended(let capability, let by): "\(NEVRA(by)?.name ?? by) recommends \(capability)"
    }
}
