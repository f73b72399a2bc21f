internal import Diagnostics
internal import Glibc
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// Writes a tree as an archive: the envelope first, then every path in byte order.
///
/// Contents are digested on the way, so that a layer that changed on disk is found out without being read twice.
struct ArchiveWriter<Encoder: ArchiveEncoder> {
    let encoder: Encoder
    let progress: any ProgressSink
    /// The bytes of `.provision/layer.json`, where there is a manifest, and the time that the envelope's files get.
    let manifest: [UInt8]?
    let time: Int64
    /// What the tree holds empty files for, and the layer's directory, where the differences are.
    let differences: [LayerManifest.Difference]
    let layer: FilePath
    /// Whether what the format doesn't carry goes along as files of our own.
    var hasEnvelope = true

    /// - Returns: what was written: equal to the manifest's where the tree is as it was when it was made.
    func write(_ tree: Tree, to output: inout ArchiveOutput) throws(ProvisionError) -> TreeMeasure {
        guard !tree.entries.contains(where: { $0.path == TreePath(Envelope.directory) }) else {
            throw ProvisionError(
                .failed, "\"\(tree.root)\" holds a \"\(Envelope.directory)\", where an image has its own things",
                hint: "rename or remove it")
        }
        var number: UInt32 = 0
        try writeEnvelope(of: tree, number: &number, to: &output)

        let links = tree.linkCounts
        let last = lastLinks(of: tree)
        var numbers: [Int: UInt32] = [:]
        var contents: [Int: ContentDigest] = [:]
        var written: UInt64 = 0
        var told: UInt64 = 0
        for (index, entry) in tree.entries.enumerated() {
            try Interruption.check()
            if output.isBroken { break }
            let first = entry.firstLink ?? index
            if numbers[first] == nil {
                number += 1
                numbers[first] = number
            }
            let hasData =
                entry.kind == .file && (Encoder.linkedDataComesLast ? last[first, default: index] == index : first == index)
            var archived = ArchiveEntry(
                entry: entry, name: entry.path.isRoot ? [0x2e] : entry.path.bytes, dataSize: hasData ? entry.size : 0,
                link: nil,
                number: numbers[first]!)
            if links[index] > 1 {
                archived.link = .init(
                    count: links[index], firstName: tree.entries[first].path.bytes, isFirst: first == index)
            }
            if case .link(let target) = entry.kind, Encoder.linkedDataComesLast { archived.dataSize = UInt64(target.count) }
            if hasData {
                contents[first] = try writeFile(&archived, in: tree, to: &output)
                written += entry.size
                if written - told >= 1 << 20 {
                    told = written
                    progress.report(.advanced(.pack, completed: written, item: entry.path.description))
                }
            } else {
                try output.write(try encoder.header(of: archived))
                if case .link(let target) = entry.kind, Encoder.linkedDataComesLast { try output.write(target) }
            }
            try output.writeZeros(encoder.padding(after: archived.dataSize))
        }
        try output.write(encoder.trailer(at: output.offset))
        try output.flush()
        return measure(tree, contents)
    }

    private func writeEnvelope(of tree: Tree, number: inout UInt32, to output: inout ArchiveOutput) throws(ProvisionError) {
        if !hasEnvelope { return }
        let sidecar = try AttributeSidecar(of: tree, lostBy: encoder)
        var files: [(String, [UInt8])] = []
        if let manifest { files.append((Envelope.manifest, manifest)) }
        if !sidecar.entries.isEmpty { files.append((Envelope.attributes, try sidecar.encoded())) }
        if files.isEmpty { return }
        files.insert((Envelope.directory, []), at: 0)
        if !differences.isEmpty { files.append((Envelope.differences, [])) }
        for (index, difference) in differences.enumerated() {
            files.append((Envelope.difference(index), try content(of: difference, index)))
        }
        for (name, bytes) in files {
            number += 1
            let isDirectory = name == Envelope.directory || name == Envelope.differences
            let entry = TreeEntry(
                path: TreePath(name), kind: isDirectory ? .directory : .file, mode: isDirectory ? 0o755 : 0o644,
                size: UInt64(bytes.count), modified: isDirectory ? tree.entries[0].modified : time)
            let archived = ArchiveEntry(
                entry: entry, name: Array(name.utf8), dataSize: UInt64(bytes.count), link: nil, number: number)
            try output.write(try encoder.header(of: archived))
            try output.write(bytes)
            try output.writeZeros(encoder.padding(after: archived.dataSize))
        }
    }

    private func content(of difference: LayerManifest.Difference, _ index: Int) throws(ProvisionError) -> [UInt8] {
        let file = DifferenceFile.path(index, in: layer)
        let bytes = try Files.read(file, limit: Int(clamping: difference.storedSize) + 1 << 20)
        var digester = Digester.sha256
        bytes.withUnsafeBytes { digester.update($0) }
        let found = digester.finalize()
        guard found == difference.stored else {
            throw ProvisionError(
                .verification, "\"\(file)\" was changed on disk after it was made", hint: "make the layer again with --fresh",
                causes: ["it was \(difference.stored)", "it is \(found)"])
        }
        return bytes
    }

    /// The last path of each hard-linked file, by its first.
    private func lastLinks(of tree: Tree) -> [Int: Int] {
        var last: [Int: Int] = [:]
        for (index, entry) in tree.entries.enumerated() { if let first = entry.firstLink { last[first] = index } }
        return last
    }

    /// The header and the content of a regular file; `archived` learns how many bytes that took.
    private func writeFile(
        _ archived: inout ArchiveEntry, in tree: Tree, to output: inout ArchiveOutput
    ) throws(ProvisionError) -> ContentDigest {
        let entry = archived.entry
        let path = tree.place(of: entry)
        let file = FileDescriptor(
            rawValue: try tree.withHostPath(entry.path) { (host) throws(ProvisionError) in
                try check(open(host, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), "read", path)
            })
        defer { close(file.rawValue) }
        var digester = Digester.sha256
        guard encoder.carriesHoles, let data = Holes.data(of: file, size: entry.size) else {
            try output.write(try encoder.header(of: archived))
            try copyBytes(entry.size, of: file, path, to: &output, &digester)
            return digester.finalize()
        }
        let map = SparseMap(data: data, size: entry.size)
        archived.sparse = map
        archived.dataSize = map.encodedSize
        try output.write(try encoder.header(of: archived))
        try output.write(map.encoded)
        let zeros = [UInt8](repeating: 0, count: 1 << 16)
        var position: UInt64 = 0
        for range in data + [entry.size..<entry.size] {
            while position < range.lowerBound {
                let count = min(UInt64(zeros.count), range.lowerBound - position)
                zeros[..<Int(count)].withUnsafeBytes { digester.update($0) }
                position += count
            }
            if range.isEmpty { break }
            try check(lseek(file.rawValue, Int(range.lowerBound), SEEK_SET), "read", path)
            try copyBytes(UInt64(range.count), of: file, path, to: &output, &digester)
            position = range.upperBound
        }
        return digester.finalize()
    }

    private func measure(_ tree: Tree, _ contents: [Int: ContentDigest]) -> TreeMeasure {
        var digest = TreeDigest()
        let whole = Dictionary(differences.map { (TreePath($0.path), $0) }) { first, _ in first }
        for (index, var entry) in tree.entries.enumerated() {
            // The digest is that of the whole tree.
            let difference = entry.kind == .file && entry.size == 0 ? whole[entry.path] : nil
            if let difference { entry.size = difference.size }
            digest.add(
                entry, firstPath: entry.firstLink.map { tree.entries[$0].path }, content: difference?.digest ?? contents[index])
        }
        return TreeMeasure(digest: digest.finalize(), size: tree.size, fileCount: tree.count)
    }
}
