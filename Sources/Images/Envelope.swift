internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// What travels in an image beside the tree, under `.provision`.
enum Envelope {
    /// The directory has the root's time: bsdtar restores everything of the root but that.
    static let directory = ".provision"
    /// The layer's manifest, the first file of the archive.
    static let manifest = ".provision/layer.json"
    /// Extended attributes that the archive format doesn't carry.
    static let attributes = ".provision/xattrs.json"

    /// The directory of differences, which the layer has as `deltas` beside its tree.
    static let differences = ".provision/deltas"
    static func difference(_ index: Int) -> String { "\(differences)/\(DifferenceFile.name(index))" }

    /// Takes the envelope out of a tree that was unpacked, sets the attributes that it carries, and moves its differences to
    /// `layer`, the directory that the tree is in.
    static func open(
        in root: FilePath, of image: String, manifest received: LayerManifest?, layer: FilePath
    ) throws(ProvisionError) {
        let envelope = root.appending(directory)
        guard Files.exists(envelope) else { return }
        let rooted = try RootedDirectory(root)
        let hasLateManifest = try rooted.status(manifest) != nil && received == nil
        guard !hasLateManifest else {
            throw ProvisionError(
                .verification, "the manifest of the image \"\(image)\" isn't at its beginning",
                hint: "pack the layer again: the order of the entries matters")
        }
        let sidecar = try rooted.read(attributes, limit: 256 << 20)
        var status = stat()
        try check(lstat(envelope.string, &status), "look at", envelope)
        try takeDifferences(received?.differences ?? [], of: image, from: rooted, to: layer)
        try Files.remove(envelope)
        if let sidecar { try AttributeSidecar(decoding: sidecar).apply(to: try TreeScanner.scan(root)) }
        try check(utimensat(AT_FDCWD, root.string, [status.st_mtim, status.st_mtim], 0), "set the time of", root)
    }

    /// - Throws: `.verification` where one of them isn't there or isn't what the manifest says.
    private static func takeDifferences(
        _ expected: [LayerManifest.Difference], of image: String, from root: borrowing RootedDirectory, to layer: FilePath
    ) throws(ProvisionError) {
        for (index, expectation) in expected.enumerated() {
            // By descriptors that don't leave the root: nothing says that the envelope's directories are none but directories.
            let bytes = try root.read(difference(index), limit: Int(clamping: expectation.storedSize) + 1 << 20)
            var digester = Digester.sha256
            bytes?.withUnsafeBytes { digester.update($0) }
            guard let bytes, digester.finalize() == expectation.stored else {
                throw ProvisionError(
                    .verification, "the image \"\(image)\" lacks the difference of \"/\(expectation.path)\", or has another",
                    hint: "nothing of it was kept")
            }
            let file = DifferenceFile.path(index, in: layer)
            try Files.makeDirectory(file.removingLastComponent())
            try Files.write(bytes, to: file)
        }
    }
}

/// Extended attributes by path: the content of `.provision/xattrs.json`.
struct AttributeSidecar: Codable, Equatable {
    struct Entry: Codable, Equatable {
        /// Relative to the root, empty for the root itself; or, where the name is not UTF-8, `bytes` in base64.
        var path: String?
        var bytes: Data?
        /// Values in base64, by name.
        var attributes: [String: Data]
    }

    var schema = 1
    var entries: [Entry] = []

    /// What of a tree an encoder doesn't carry.
    init(of tree: Tree, carries: (String) -> Bool) {
        for entry in tree.entries where entry.firstLink == nil {
            let lost = entry.attributes.filter { !carries($0.name) }
            if lost.isEmpty { continue }
            let text = String(validating: entry.path.bytes, as: UTF8.self)
            entries.append(
                Entry(
                    path: text, bytes: text == nil ? Data(entry.path.bytes) : nil,
                    attributes: Dictionary(uniqueKeysWithValues: lost.map { ($0.name, Data($0.value)) })))
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
        let paths = Set(tree.entries.map(\.path))
        for entry in entries {
            let path = entry.bytes.map { TreePath(bytes: Array($0)) } ?? TreePath(entry.path ?? "")
            guard paths.contains(path) else {
                throw ProvisionError(.verification, "the image has attributes for \"\(path)\", which is not in it")
            }
            for (name, value) in entry.attributes.sorted(by: { $0.key < $1.key }) {
                guard TreeScanner.isKept(name) else {
                    throw ProvisionError(.verification, "the image sets the attribute \"\(name)\" of \"\(path)\"")
                }
                try tree.withHostPath(path) { (host) throws(ProvisionError) in
                    try ExtendedAttributes.set(.init(name: name, value: Array(value)), at: host)
                }
            }
        }
    }
}
