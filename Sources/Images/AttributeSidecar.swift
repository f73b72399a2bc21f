internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// What an archive format doesn't carry, by path: the content of `.provision/xattrs.json`.
struct AttributeSidecar: Codable, Equatable {
    struct Entry: Codable, Equatable {
        /// Relative to the root, empty for the root itself; or, where the name is not UTF-8, `bytes` in base64.
        var path: String?
        var bytes: Data?
        /// Extended attributes: values in base64, by name.
        var attributes: [String: Data]
        /// Offsets and lengths of a file's holes, one after the other.
        var holes: [UInt64]?
        /// Seconds since 1970.
        var modified: Int64?
    }

    var schema = 1
    var entries: [Entry] = []

    /// What of a tree an encoder doesn't carry.
    init(of tree: Tree, lostBy encoder: some ArchiveEncoder) throws(ProvisionError) {
        let type = Swift.type(of: encoder)
        for entry in tree.entries where entry.firstLink == nil {
            let lost = entry.attributes.filter { !type.carries(attribute: $0.name) }
            let holes = encoder.carriesHoles ? nil : try AttributeSidecar.holes(of: entry, in: tree)
            let time = encoder.carries(time: entry.modified) ? nil : entry.modified
            if lost.isEmpty, holes == nil, time == nil { continue }
            let text = String(validating: entry.path.bytes, as: UTF8.self)
            entries.append(
                Entry(
                    path: text, bytes: text == nil ? Data(entry.path.bytes) : nil,
                    attributes: Dictionary(uniqueKeysWithValues: lost.map { ($0.name, Data($0.value)) }), holes: holes,
                    modified: time))
        }
    }

    private static func holes(of entry: TreeEntry, in tree: Tree) throws(ProvisionError) -> [UInt64]? {
        guard entry.kind == .file, entry.size >= 1 << 16 else { return nil }
        return try tree.withHostPath(entry.path) { (host) throws(ProvisionError) in
            let file = try check(open(host, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", String(cString: host))
            defer { close(file) }
            guard let data = Holes.data(of: FileDescriptor(rawValue: file), size: entry.size) else { return nil }
            return SparseMap(data: data, size: entry.size).holes.flatMap { [$0.lowerBound, UInt64($0.count)] }
        }
    }

    /// What of a layer's tree an OCI layer doesn't carry as bsdtar restores it, and the root's time, which bsdtar leaves alone.
    init(ofLayer tree: Tree) throws(ProvisionError) {
        try self.init(of: tree, lostBy: PaxEncoder(carriesHoles: false))
        if entries.first?.treePath.isRoot != true { entries.insert(Entry(path: "", attributes: [:]), at: 0) }
        entries[0].modified = tree.entries[0].modified
    }

    /// What of a layer's tree an OCI layer doesn't carry at all: container runtimes take access lists from it.
    init(lostByOCI tree: Tree) throws(ProvisionError) {
        try self.init(of: tree, lostBy: PaxEncoder(carriesHoles: false))
        for index in entries.indices { entries[index].attributes = [:] }
        entries.removeAll { $0.holes == nil && $0.modified == nil }
    }

    /// - Throws: `.unsupported` that names what would be lost, where there is any.
    func refuse(in format: String) throws(ProvisionError) {
        if entries.isEmpty { return }
        let lines = descriptions
        let more = lines.count > 5 ? ["and \(count(lines.count - 5, "path")) more"] : []
        throw ProvisionError(
            .unsupported, "the format \(format) can't carry all of the layer",
            hint: "without --strict it goes along in a file that provision unpack restores it from",
            causes: lines.prefix(5) + more)
    }

    /// One line for each path, for people: what of it would travel beside the format only.
    var descriptions: [String] {
        entries.map { entry in
            var what = entry.attributes.keys.sorted()
            if entry.holes != nil { what.append("holes") }
            if entry.modified != nil { what.append("time") }
            return "\(entry.treePath): \(what.joined(separator: ", "))"
        }
    }

    func encoded() throws(ProvisionError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(self)) + [0x0a]
        } catch {
            throw ProvisionError(.failed, "cannot write the attributes of the image: \(error)")
        }
    }

    init(decoding bytes: [UInt8]) throws(ProvisionError) {
        do {
            self = try JSONDecoder().decode(AttributeSidecar.self, from: Data(bytes))
        } catch {
            throw ProvisionError(.verification, "the image's \(Envelope.attributes) is damaged: \(error)")
        }
    }

    /// Sets them on a tree. Paths that are not in the tree, or attributes that no layer keeps, are refused: whoever wrote this may
    /// mean harm, and a path could lead through a link.
    func apply(to tree: Tree) throws(ProvisionError) {
        let known = Dictionary(tree.entries.map { ($0.path, $0) }) { first, _ in first }
        for entry in entries {
            let path = entry.treePath
            guard let found = known[path] else {
                throw ProvisionError(.verification, "the image has attributes for \"\(path)\", which is not in it")
            }
            for name in entry.attributes.keys.sorted() where !TreeScanner.isKept(name) {
                throw ProvisionError(.verification, "the image sets the attribute \"\(name)\" of \"\(path)\"")
            }
            try tree.withHostPath(path) { (host) throws(ProvisionError) in
                for (name, value) in entry.attributes.sorted(by: { $0.key < $1.key }) {
                    try ExtendedAttributes.set(.init(name: name, value: Array(value)), at: host)
                }
                if let holes = entry.holes { try AttributeSidecar.punch(holes, found, host) }
                // Last: a hole is a change.
                let time = entry.modified ?? (entry.holes != nil ? found.modified : nil)
                if let time { try setModified(time, at: host) }
            }
        }
    }

    private static func punch(
        _ numbers: [UInt64], _ entry: TreeEntry, _ host: UnsafePointer<CChar>
    ) throws(ProvisionError) {
        var holes: [Range<UInt64>] = []
        var end: UInt64 = 0
        for index in stride(from: 0, to: numbers.count, by: 2) {
            guard index + 1 < numbers.count, numbers[index] >= end, numbers[index] <= entry.size,
                numbers[index + 1] <= entry.size - numbers[index], entry.kind == .file
            else {
                throw ProvisionError(.verification, "the image tells of holes of \"\(entry.path)\" that it can't have")
            }
            end = numbers[index] + numbers[index + 1]
            holes.append(numbers[index]..<end)
        }
        let path = FilePath(platformString: host)
        let file = try check(open(host, O_RDWR | O_NOFOLLOW | O_CLOEXEC), "write", path)
        defer { close(file) }
        try Holes.punch(holes, in: FileDescriptor(rawValue: file), path: path)
    }
}

extension AttributeSidecar.Entry {
    var treePath: TreePath { bytes.map { TreePath(bytes: Array($0)) } ?? TreePath(path ?? "") }
}

/// Sets the modification time of what lies at a path, links not followed, to whole seconds.
func setModified(_ seconds: Int64, at host: UnsafePointer<CChar>) throws(ProvisionError) {
    // The access time stays as it is: UTIME_OMIT, a macro that Swift doesn't see.
    let times = [timespec(tv_sec: 0, tv_nsec: (1 << 30) - 2), timespec(tv_sec: Int(seconds), tv_nsec: 0)]
    try check(utimensat(AT_FDCWD, host, times, AT_SYMLINK_NOFOLLOW), "set the time of", String(cString: host))
}
