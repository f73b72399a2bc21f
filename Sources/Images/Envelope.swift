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
    /// What the archive format doesn't carry: extended attributes, holes, times.
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
