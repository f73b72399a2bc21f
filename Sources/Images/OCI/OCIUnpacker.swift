internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// Makes layers of an OCI image: one of ours for each of its layers. What the store has already is neither fetched nor unpacked.
struct OCIUnpacker {
    let store: LayerStore
    let rules: DeltaRules
    let progress: any ProgressSink
    /// For messages: a file's name, or a registry's.
    let image: String

    /// Bytes that a manifest or an index may have; registries refuse larger ones too.
    static let manifestLimit: UInt64 = 4 << 20
    static let configurationLimit: UInt64 = 64 << 20
    private static let mostLayers = 500

    /// One layer of the image, as it will be here.
    private struct Wanted {
        var descriptor: OCI.Descriptor
        var diffID: ContentDigest
        /// nil for an image that others made.
        var manifest: LayerManifest?
        var attributes: AttributeSidecar?
    }

    /// - Parameters:
    ///   - manifest: its bytes, checked against their digest.
    ///   - blob: brings a blob and says where it is; its digest and size are checked by whoever brings it.
    /// - Returns: the top layer, and whether all of it was here.
    /// - Throws: `.verification` for what isn't as its digests say, or isn't an image of a Linux root.
    func unpack(
        _ manifest: OCI.Manifest, _ request: UnpackRequest, blob: (OCI.Descriptor) throws -> FilePath
    ) throws -> UnpackedLayer {
        guard OCI.MediaType.manifests.contains(manifest.mediaType ?? OCI.MediaType.manifest), manifest.artifactType == nil
        else {
            throw refused("it is a \(manifest.artifactType ?? manifest.mediaType ?? "?"), not an image of a root file system")
        }
        guard manifest.config.size <= OCIUnpacker.configurationLimit else { throw refused("its configuration is too large") }
        let configuration: OCI.Configuration = try decode(
            try Files.read(blob(manifest.config), limit: Int(OCIUnpacker.configurationLimit)), "configuration")
        guard configuration.os == "linux" else { throw refused("it is for \(configuration.os)") }
        guard manifest.layers.count == configuration.rootfs.diffIDs.count, !manifest.layers.isEmpty,
            manifest.layers.count <= OCIUnpacker.mostLayers
        else { throw refused("its \(manifest.layers.count) layers don't fit its configuration") }
        let own = configuration.provision?.layers
        guard own == nil || own?.count == manifest.layers.count else { throw refused("its layers don't fit their manifests") }
        let attributes = configuration.provision?.attributes
        guard attributes == nil || attributes?.count == manifest.layers.count else {
            throw refused("its layers don't fit their attributes")
        }
        let wanted = manifest.layers.indices.map {
            Wanted(
                descriptor: manifest.layers[$0], diffID: configuration.rootfs.diffIDs[$0], manifest: own?[$0],
                attributes: attributes?[$0])
        }
        try checkRoom(for: wanted)
        var notes: [String] = []
        if own == nil { notes.append("the image wasn't made by provision: its packages are not known from it") }
        var below: Layer?
        var all = true
        var brought: [String] = []
        for (index, layer) in wanted.enumerated() {
            let isTop = index == wanted.count - 1
            let (found, wasThere) = try take(
                layer, on: below, name: isTop ? request.name : nil,
                plainName: "\(request.name ?? fallbackName)\(isTop ? "" : "-\(index + 1)")", isTop: isTop, request, blob: blob)
            all = all && wasThere
            if !wasThere, !isTop { brought.append(found.name) }
            below = found
        }
        guard let top = below else { throw refused("it has no layers") }
        if let parent = request.parent, top.manifest.parent?.name != parent {
            throw ProvisionError(
                .verification, "the image \"\(image)\" was made on another layer than \"\(parent)\"",
                hint: "leave out --on: an image brings all its layers")
        }
        return UnpackedLayer(layer: top, wasThere: all, notes: all ? [] : notes, brought: brought)
    }

    /// What a foreign image's layer is called where nobody says: the last part of the image's own name.
    private var fallbackName: String {
        let last = image.split(separator: "/").last.map(String.init) ?? image
        return String(last.prefix { $0 != ":" && $0 != "@" && $0 != "." })
    }

    private func take(
        _ wanted: Wanted, on parent: Layer?, name: String?, plainName: String, isTop: Bool, _ request: UnpackRequest,
        blob: (OCI.Descriptor) throws -> FilePath
    ) throws -> (layer: Layer, wasThere: Bool) {
        guard var manifest = wanted.manifest else {
            return (try unpackForeign(wanted, on: parent, as: name ?? plainName, request, blob: blob), false)
        }
        guard (manifest.parent == nil) == (parent == nil), manifest.parent?.digest == parent?.digest else {
            throw refused("its layers don't stand on each other")
        }
        manifest.parent = parent.map { .init(name: $0.name, digest: $0.digest) }
        manifest.name = name ?? manifest.name
        try LayerName.check(manifest.name)
        let twin = try store.find(digest: manifest.digest, preferring: manifest.name)
        if let twin, twin.manifest.parent?.digest == parent?.digest, name == nil || twin.name == name { return (twin, true) }
        if let other = try store.layerIfPresent(manifest.name), other.digest != manifest.digest {
            // A base of that name that is another: this one goes beside it.
            if isTop {
                throw ProvisionError(
                    .conflict, "a layer \"\(manifest.name)\" exists already, and is another",
                    hint: "give this one another name with --name",
                    causes: ["here is \(other.digest)", "the image holds \(manifest.digest)"])
            }
            manifest.name = "\(manifest.name.prefix(50))-\(manifest.digest.short)"
        }
        let digest = manifest.digest
        let layer = try unpack(
            try blob(wanted.descriptor), wanted, manifest: manifest, limit: sizeLimit(of: manifest)
        ) { staging in
            try store.commitUnpacked(staging, manifest: manifest, rules: rules) { measure in
                guard measure.digest == digest else {
                    throw refused(
                        "its layer \"\(manifest.name)\" isn't what it says",
                        ["it says \(digest)", "it holds \(measure.digest)"])
                }
            }
        }
        return (layer, false)
    }

    private func unpackForeign(
        _ wanted: Wanted, on parent: Layer?, as name: String, _ request: UnpackRequest,
        blob: (OCI.Descriptor) throws -> FilePath
    ) throws -> Layer {
        try LayerName.check(name)
        if let there = try store.layerIfPresent(name) {
            guard there.manifest.request == wanted.diffID, there.manifest.parent?.digest == parent?.digest else {
                throw ProvisionError(
                    .conflict, "a layer \"\(name)\" exists already", hint: "give this one another name with --name")
            }
            return there
        }
        let manifest = LayerManifest(
            name: name, kind: parent == nil ? .base : .app, release: "custom", arch: request.arch,
            parent: parent.map { .init(name: $0.name, digest: $0.digest) }, digest: wanted.diffID, request: wanted.diffID,
            command: request.command, created: request.now, database: nil, yumConfiguration: nil, packages: [], patches: [],
            warnings: [], size: 0, fileCount: 0)
        return try unpack(try blob(wanted.descriptor), wanted, manifest: manifest, limit: try store.freeBytes()) { staging in
            try store.commitUnpacked(staging, manifest: manifest, rules: rules) { _ in }
        }
    }

    // MARK: - One layer

    private func unpack(
        _ file: FilePath, _ wanted: Wanted, manifest: LayerManifest, limit: UInt64, commit: (Staging) throws -> Layer
    ) throws -> Layer {
        let lock = try store.lock(manifest.name, words: "provision unpack \(image)") { [progress] in
            progress.detail("waiting for \($0)")
        }
        return try withExtendedLifetime(lock) {
            try unpackLocked(file, wanted, manifest: manifest, limit: limit, commit: commit)
        }
    }

    private func unpackLocked(
        _ file: FilePath, _ wanted: Wanted, manifest: LayerManifest, limit: UInt64, commit: (Staging) throws -> Layer
    ) throws -> Layer {
        let descriptor = FileDescriptor(rawValue: try check(open(file.string, O_RDONLY | O_CLOEXEC), "open", file))
        defer { close(descriptor.rawValue) }
        return try progress.phase(.unpack, total: wanted.descriptor.size) {
            let staging = try store.stage("provision unpack \(image)")
            do {
                var reader = try ArchiveReader.open(
                    descriptor, name: image, compression: try compression(of: wanted.descriptor.mediaType), digests: true)
                try Extraction(directory: staging.tree, name: image, limit: limit, progress: progress).run(&reader)
                guard reader.digest == wanted.diffID else {
                    throw refused(
                        "the layer \"\(manifest.name)\" is damaged", ["it says \(wanted.diffID)", "it holds \(reader.digest)"])
                }
                // Before anything is read: a file with holes may claim to be larger than any disk.
                let claimed = try TreeScanner.scan(staging.tree).size
                guard claimed <= limit else { throw refused("it claims to hold \(claimed) bytes") }
                try OCIWhiteouts(tree: staging.tree, hasParent: manifest.parent != nil).replace()
                try wanted.attributes?.apply(to: TreeScanner.scan(staging.tree))
                let layer = try commit(staging)
                return (layer, note: "\(layer.name): \(layer.manifest.fileCount) paths")
            } catch {
                try staging.discard()
                throw error
            }
        }
    }

    private func compression(of mediaType: String) throws -> ImageFormat.Compression {
        switch mediaType {
        case OCI.MediaType.layer, "application/vnd.docker.image.rootfs.diff.tar": .none
        case OCI.MediaType.layer + "+gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip": .gzip
        case OCI.MediaType.layer + "+zstd", "application/vnd.docker.image.rootfs.diff.tar.zstd": .zstd
        default: throw refused("it has a layer of type \"\(mediaType)\"")
        }
    }

    /// Headers, long names and attributes take room beside the content, and marks of removed paths are files of their own.
    private func sizeLimit(of manifest: LayerManifest) throws -> UInt64 {
        let (size, overflow) = manifest.size.addingReportingOverflow(
            UInt64(min(max(0, manifest.fileCount), 1 << 32)) * 16384 + (64 << 20))
        return min(overflow ? .max : size, try store.freeBytes())
    }

    private func checkRoom(for layers: [Wanted]) throws {
        var needed: UInt64 = 0
        for layer in layers {
            guard let manifest = layer.manifest, try store.find(digest: manifest.digest) == nil else { continue }
            let (sum, overflow) = needed.addingReportingOverflow(manifest.size)
            needed = overflow ? .max : sum
        }
        let room = try store.freeBytes()
        guard needed <= room else {
            throw ProvisionError(
                .failed, "the image \"\(image)\" needs \(formatted(bytes: needed)), and \(formatted(bytes: room)) are free",
                hint: "free some room under \"\(store.state)\"")
        }
    }

    func decode<Document: Decodable>(_ bytes: [UInt8], _ what: String) throws -> Document {
        do { return try JSONDecoder().decode(Document.self, from: Data(bytes)) } catch {
            throw refused("its \(what) can't be read", ["\(error)"])
        }
    }

    func refused(_ reason: String, _ causes: [String] = []) -> ProvisionError {
        ProvisionError(
            .verification, "the image \"\(image)\" can't be taken: \(reason)", hint: "nothing of it was kept", causes: causes)
    }
}

/// Turns the marks of an unpacked OCI layer into what overlayfs knows.
struct OCIWhiteouts {
    let tree: FilePath
    /// A base removes nothing.
    let hasParent: Bool

    /// - Throws: `.verification` for a mark of nothing.
    func replace() throws(ProvisionError) {
        let found = try TreeScanner.scan(tree)
        var kinds: [TreePath: TreeEntry.Kind] = [:]
        for entry in found.entries { kinds[entry.path] = entry.kind }
        var touched: [TreePath: TreeEntry] = [:]
        for entry in found.entries {
            let name = entry.path.components.last.map(Array.init) ?? []
            guard name.starts(with: OCILayerWriter.whiteout), let parent = entry.path.parent else { continue }
            if touched[parent] == nil { touched[parent] = found.entries.first { $0.path == parent } }
            guard entry.kind != .directory else {
                throw ProvisionError(.verification, "the image marks a path as removed by a directory, \"\(entry.path)\"")
            }
            try withPath(entry.path) { (host) throws(ProvisionError) in try check(unlink(host), "remove", entry.path) }
            let rest = Array(name.dropFirst(OCILayerWriter.whiteout.count))
            if name == OCILayerWriter.opaque {
                if hasParent { try makeOpaque(parent) }
            } else if rest.starts(with: OCILayerWriter.whiteout) {
                // Of aufs' own, which images of old carry.
                continue
            } else {
                guard !rest.isEmpty, rest != Array(".".utf8), rest != Array("..".utf8) else {
                    throw ProvisionError(.verification, "the image removes \"\(entry.path)\", which is no path")
                }
                let removed = parent.appending(rest)
                switch kinds[removed] {
                case .directory?: if hasParent { try makeOpaque(removed) }
                case _?: break
                case nil where hasParent:
                    try withPath(removed) { (host) throws(ProvisionError) in
                        try check(mknod(host, S_IFCHR, 0), "make a whiteout at", removed)
                        try setTime(of: entry, at: host, removed)
                    }
                case nil: break
                }
            }
        }
        // Marks came and went: their directories keep their times.
        for (path, entry) in touched {
            try withPath(path) { (host) throws(ProvisionError) in
                try setTime(of: entry, at: host, path)
            }
        }
    }

    private func setTime(
        of entry: TreeEntry, at host: UnsafePointer<CChar>, _ path: TreePath
    ) throws(ProvisionError) {
        let time = timespec(tv_sec: Int(entry.modified), tv_nsec: entry.modifiedNanoseconds)
        try check(utimensat(AT_FDCWD, host, [time, time], AT_SYMLINK_NOFOLLOW), "set the time of", path)
    }

    private func makeOpaque(_ path: TreePath) throws(ProvisionError) {
        try withPath(path) { (host) throws(ProvisionError) in
            try ExtendedAttributes.set(.init(name: TreeScanner.opaqueAttribute, value: Array("y".utf8)), at: host)
        }
    }

    private func withPath(
        _ path: TreePath, _ body: (UnsafePointer<CChar>) throws(ProvisionError) -> Void
    ) throws(ProvisionError) {
        try Tree(root: tree, entries: []).withHostPath(path, body)
    }
}
