public import Diagnostics
internal import Glibc
internal import System
public import SystemPackage
internal import TOMLKit

/// What an install touches without meaning anything by it: read from config/delta.toml, which explains its keys.
public struct DeltaRules: Sendable, Equatable {
    public struct Rule: Sendable, Equatable {
        public var pattern: PathPattern
        public var why: String
        /// Applies only to files without content.
        public var onlyEmpty: Bool

        public init(_ pattern: String, why: String, onlyEmpty: Bool = false) {
            self.pattern = PathPattern(pattern)
            self.why = why
            self.onlyEmpty = onlyEmpty
        }

        func applies(to entry: TreeEntry) -> Bool {
            entry.kind != .directory && !(onlyEmpty && entry.size > 0) && pattern.matches(entry.path)
        }
    }

    /// Files that no layer keeps.
    public var removed: [Rule]
    /// Files that an application's layer keeps only when their content differs from the layers below.
    public var rewritten: [Rule]
    /// Files that an application's layer keeps as the difference from the layers below, where that is smaller.
    public var differences: [Rule]

    public init(removed: [Rule] = [], rewritten: [Rule] = [], differences: [Rule] = []) {
        self.removed = removed
        self.rewritten = rewritten
        self.differences = differences
    }

    /// Keeps everything.
    public static let none = DeltaRules()

    /// Reads a rules file strictly.
    ///
    /// - Throws: `.configuration` with file and line for a key that isn't known, a value of the wrong type, a path that isn't
    ///   relative; as `Files.read` where it can't be read.
    public init(contentsOf file: FilePath) throws(ProvisionError) {
        try self.init(parsing: try Files.readText(file), file: file)
    }

    /// As above, from text; `file` is for messages.
    public init(parsing text: String, file: FilePath) throws(ProvisionError) {
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw ProvisionError(
                .configuration, "\(file):\(error.source.begin.line): \(error.description.split(separator: "\n").first ?? "")")
        } catch {
            throw ProvisionError(.configuration, "cannot read \"\(file)\": \(error)")
        }
        var lists: [String: [Rule]] = ["remove": [], "rewritten": [], "difference": []]
        for key in table.keys {
            guard lists[key] != nil else { throw unknown(key, in: file, known: lists.keys.sorted()) }
            guard let array = table[key]?.array else {
                throw ProvisionError(.configuration, "\(file): \"\(key)\" is not a list of tables", hint: "write [[\(key)]]")
            }
            lists[key] = try array.map { value throws(ProvisionError) in
                guard let entry = value.table else {
                    throw ProvisionError(
                        .configuration, "\(file): \"\(key)\" is not a list of tables", hint: "write [[\(key)]]")
                }
                return try Rule(entry, section: key, file: file)
            }
        }
        self.init(removed: lists["remove"] ?? [], rewritten: lists["rewritten"] ?? [], differences: lists["difference"] ?? [])
    }
}

extension DeltaRules.Rule {
    fileprivate init(_ table: TOMLTable, section: String, file: FilePath) throws(ProvisionError) {
        let known = ["path", "why"] + (section == "remove" ? ["empty"] : [])
        for key in table.keys where !known.contains(key) { throw unknown(key, in: file, known: known) }
        guard let path = table["path"]?.string, let why = table["why"]?.string else {
            throw ProvisionError(.configuration, "\(file): an entry of \"\(section)\" lacks its path or its why")
        }
        guard !path.isEmpty, !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw ProvisionError(
                .configuration, "\(file): \"\(path)\" is not a path below the root",
                hint: "write it without the leading slash and without ..")
        }
        if table["empty"] != nil, table["empty"]?.bool == nil {
            throw ProvisionError(.configuration, "\(file): \"empty\" of \"\(path)\" is neither true nor false")
        }
        self.init(path, why: why, onlyEmpty: table["empty"]?.bool ?? false)
    }
}

private func unknown(_ key: String, in file: FilePath, known: [String]) -> ProvisionError {
    ProvisionError(
        .configuration, "\(file): unknown key \"\(key)\"",
        hint: nearest(to: key, in: known).map { "did you mean \"\($0)\"?" } ?? "known keys: \(known.joined(separator: ", "))")
}

/// A path with wildcards: `*`, `?` and `[…]` within one name, `**` for any number of names.
public struct PathPattern: Sendable, Equatable, CustomStringConvertible {
    public let description: String
    private let components: [[UInt8]]
    /// What every path that matches begins with: most paths are done with by a look at it.
    private let start: [UInt8]

    public init(_ text: String) {
        description = text
        components = text.utf8.split(separator: 0x2f).map(Array.init)
        var start: [UInt8] = []
        for (number, component) in components.enumerated() {
            if component == Array("**".utf8) { break }
            let literal = component.prefix { !"*?[\\".utf8.contains($0) }
            start += (number == 0 ? [] : [0x2f]) + literal
            if literal.count < component.count { break }
        }
        self.start = start
    }

    /// The one path that matches; nil for a pattern with wildcards.
    var onlyPath: TreePath? {
        components.joined(separator: [0x2f]).elementsEqual(start) ? TreePath(bytes: start) : nil
    }

    public func matches(_ path: TreePath) -> Bool {
        path.bytes.starts(with: start) && PathPattern.match(components[...], path.components[...])
    }

    private static func match(_ pattern: ArraySlice<[UInt8]>, _ path: ArraySlice<ArraySlice<UInt8>>) -> Bool {
        guard let first = pattern.first else { return path.isEmpty }
        if first == Array("**".utf8) {
            let rest = pattern.dropFirst()
            return (path.startIndex...path.endIndex).contains { match(rest, path[$0...]) }
        }
        guard let name = path.first, fnmatch(first, name) else { return false }
        return match(pattern.dropFirst(), path.dropFirst())
    }

    private static func fnmatch(_ pattern: [UInt8], _ name: ArraySlice<UInt8>) -> Bool {
        (pattern + [0]).withUnsafeBufferPointer { pattern in
            (Array(name) + [0]).withUnsafeBufferPointer { name in
                pattern.withMemoryRebound(to: CChar.self) { pattern in
                    name.withMemoryRebound(to: CChar.self) { name in
                        Glibc.fnmatch(pattern.baseAddress, name.baseAddress, 0) == 0
                    }
                }
            }
        }
    }
}
