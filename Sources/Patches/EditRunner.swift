internal import Diagnostics
internal import System

/// Carries out edits in one root.
struct EditRunner: ~Copyable {
    /// What became of an edit.
    enum Outcome: Equatable {
        /// One text for each thing that changed, such as `/etc/pam.d/login: 2 lines removed`.
        case changed([String])
        /// Why nothing had to be done: all is so already.
        case notNeeded(String)
        /// Which condition doesn't hold.
        case skipped(String)
    }

    let root: RootedDirectory
    /// The patch's VALUE.
    let value: String?
    let memory: LineMemory

    func run(_ edit: Edit) throws -> Outcome {
        if let reason = try unmet(edit.condition) { return .skipped(reason) }
        switch edit.action {
        case .deleteLines(let paths, let pattern):
            let matcher = LineMatcher(pattern: pattern, memory: memory)
            return try editLines(paths, otherwise: "no line to remove in \(list(paths))") { lines in
                counted(try lines.removeLines(matching: matcher), "removed")
            }
        case .replace(let paths, let pattern, let template):
            let matcher = LineMatcher(pattern: pattern, memory: memory)
            return try editLines(paths, otherwise: "no line to change in \(list(paths))") { lines in
                counted(try lines.replace(matcher, with: template), "changed")
            }
        case .addLines(let path, let lines): return try add(lines, to: path)
        case .write(let path, let content, let mode): return try write(content, to: path, mode: mode)
        case .remove(let paths): return try remove(paths)
        case .chmod(let paths, let mode): return try setMode(mode, of: paths)
        case .link(let path, let target): return try link(path, to: target)
        case .setPassword(let user):
            return try PasswordChange(user: user, value: value ?? "").apply(to: root)
        }
    }

    /// Looks for the edit's patterns in the lines that there are, and changes nothing.
    func rehearse(_ edit: Edit) throws {
        if try unmet(edit.condition) != nil { return }
        switch edit.action {
        case .deleteLines(let paths, let pattern), .replace(let paths, let pattern, _):
            let matcher = LineMatcher(pattern: pattern, memory: memory)
            for path in try root.files(matching: paths) {
                if let bytes = try root.read(path) { try TextLines(bytes).look(matcher) }
            }
        default: break
        }
    }

    /// Why the condition doesn't hold; nil where it does.
    private func unmet(_ condition: Edit.Condition) throws -> String? {
        if let path = condition.exists, try root.resolvedStatus(path) == nil { return "\(path) is not there" }
        if let path = condition.missing, try root.resolvedStatus(path) != nil { return "\(path) is there" }
        if let content = condition.contains {
            guard try root.resolvedStatus(content.path)?.kind == .file, let bytes = try root.read(content.path) else {
                return "\(content.path) is not there"
            }
            let matcher = LineMatcher(pattern: content.pattern, memory: memory)
            if try !TextLines(bytes).contains(matcher) {
                return "\(content.path) has nothing that matches \(content.pattern.text)"
            }
        }
        return nil
    }

    private func editLines(
        _ paths: [String], otherwise: String, _ edit: (inout TextLines) throws -> String?
    ) throws -> Outcome {
        let files = try root.files(matching: paths)
        guard !files.isEmpty else { return .notNeeded("\(list(paths)) is not there") }
        var changes: [String] = []
        for path in files {
            guard let bytes = try root.read(path) else { continue }
            var lines = TextLines(bytes)
            guard let change = try edit(&lines) else { continue }
            try root.write(path, lines.bytes)
            changes.append("\(path): \(change)")
        }
        return changes.isEmpty ? .notNeeded(otherwise) : .changed(changes)
    }

    private func add(_ wanted: [String], to path: String) throws -> Outcome {
        let bytes = try root.read(path) ?? []
        let lines = TextLines(bytes)
        let missing = wanted.filter { !lines.contains($0) }
        guard !missing.isEmpty else { return .notNeeded("\(path) has the lines already") }
        let separator = bytes.isEmpty || bytes.last == UInt8(ascii: "\n") ? "" : "\n"
        try root.write(path, bytes + Array((separator + missing.joined(separator: "\n") + "\n").utf8))
        return .changed(["\(path): \(counted(missing.count, "added") ?? "")"])
    }

    private func write(_ content: String, to path: String, mode: UInt32) throws -> Outcome {
        let bytes = Array(content.utf8)
        if let status = try root.resolvedStatus(path), status.kind == .file, status.mode == mode, try root.read(path) == bytes {
            return .notNeeded(content.isEmpty ? "\(path) is empty already" : "\(path) is so already")
        }
        let existed = try root.resolvedStatus(path) != nil
        try root.write(path, bytes, mode: mode)
        return .changed(["\(path): \(!existed ? "made" : content.isEmpty ? "emptied" : "rewritten")"])
    }

    private func remove(_ paths: [String]) throws -> Outcome {
        var changes: [String] = []
        for path in try root.entries(matching: paths) where try root.remove(path) { changes.append("\(path): removed") }
        return changes.isEmpty ? .notNeeded("\(list(paths)) is not there") : .changed(changes)
    }

    private func setMode(_ mode: UInt32, of paths: [String]) throws -> Outcome {
        var changes: [String] = []
        let files = try root.files(matching: paths)
        for path in files where try root.resolvedStatus(path)?.mode != mode {
            try root.setMode(path, mode)
            changes.append("\(path): mode \(String(mode, radix: 8))")
        }
        if !changes.isEmpty { return .changed(changes) }
        return .notNeeded(files.isEmpty ? "\(list(paths)) is not there" : "the mode is \(String(mode, radix: 8)) already")
    }

    private func link(_ path: String, to target: String) throws -> Outcome {
        if try root.linkTarget(path) == target { return .notNeeded("\(path) leads to \(target) already") }
        try root.makeLink(path, to: target)
        return .changed(["\(path): made a link to \(target)"])
    }
}

private func list(_ paths: [String]) -> String { paths.joined(separator: ", ") }

/// `2 lines removed`; nil for none.
private func counted(_ count: Int, _ verb: String) -> String? {
    count == 0 ? nil : "\(count) line\(count == 1 ? "" : "s") \(verb)"
}
