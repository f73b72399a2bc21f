internal import Diagnostics
internal import Glibc
internal import Layers
internal import Model
internal import System
internal import SystemPackage

/// Writes a layer's whole tree as an OCI layer: a pax archive in which `.wh.NAME` stands for a path that is removed and
/// `.wh..wh..opq` for a directory that hides what is below; see the OCI image specification, "Image Layer Filesystem Changeset".
struct OCILayerWriter {
    static let whiteout = Array(".wh.".utf8)
    static let opaque = Array(".wh..wh..opq".utf8)

    let encoder = PaxEncoder(carriesHoles: false, writesAll: true)
    let progress: any ProgressSink

    struct Written {
        /// Of the archive before compression.
        var diffID: ContentDigest
        /// Of the tree, as the manifest has it.
        var measure: TreeMeasure
    }

    /// - Throws: `.unsupported` for a path whose name OCI would take for a mark of its own.
    func write(_ tree: Tree, to output: inout ArchiveOutput) throws(ProvisionError) -> Written {
        var contents: [Int: ContentDigest] = [:]
        var told: UInt64 = 0
        var written: UInt64 = 0
        let links = tree.linkCounts
        for (index, entry) in tree.entries.enumerated() {
            try Interruption.check()
            if output.isBroken { break }
            let name = entry.path.components.last.map(Array.init) ?? []
            guard !name.starts(with: OCILayerWriter.whiteout) else {
                throw ProvisionError(
                    .unsupported, "\"\(entry.path)\" begins with \".wh.\", which means a removed path in OCI images",
                    hint: "pack it as .tar.zst or .cpio.zst, which know no such marks")
            }
            if entry.isWhiteout {
                try output.write(encoder.header(of: mark(OCILayerWriter.whiteout + name, beside: entry)))
                continue
            }
            var plain = entry
            plain.attributes.removeAll { $0.name == TreeScanner.opaqueAttribute }
            let isFirst = entry.firstLink == nil
            let hasData = entry.kind == .file && isFirst
            var archived = ArchiveEntry(
                entry: plain, name: entry.path.isRoot ? Array(".".utf8) : entry.path.bytes, dataSize: hasData ? entry.size : 0,
                link: nil, number: UInt32(truncatingIfNeeded: index + 1))
            if links[index] > 1 {
                archived.link = .init(
                    count: links[index], firstName: tree.entries[entry.firstLink ?? index].path.bytes, isFirst: isFirst)
            }
            try output.write(try encoder.header(of: archived))
            if hasData {
                contents[index] = try tree.copyContent(of: entry, to: &output)
                try output.writeZeros(encoder.padding(after: entry.size))
                written += entry.size
                if written - told >= 1 << 20 {
                    told = written
                    progress.report(.advanced(.pack, completed: written, item: entry.path.description))
                }
            }
            if entry.isOpaque {
                var inside = entry
                inside.path = entry.path.appending(ArraySlice(OCILayerWriter.opaque))
                try output.write(encoder.header(of: mark(OCILayerWriter.opaque, beside: inside)))
            }
        }
        try output.write(encoder.trailer(at: output.offset))
        try output.flush()
        var digest = TreeDigest()
        for (index, entry) in tree.entries.enumerated() {
            digest.add(
                entry, firstPath: entry.firstLink.map { tree.entries[$0].path }, content: contents[entry.firstLink ?? index])
        }
        return Written(
            diffID: output.digest,
            measure: TreeMeasure(digest: digest.finalize(), size: tree.size, fileCount: tree.count))
    }

    /// An empty file called `name` in the directory of `entry`.
    private func mark(_ name: [UInt8], beside entry: TreeEntry) -> ArchiveEntry {
        let parent = entry.path.parent.map { $0.isRoot ? [] : $0.bytes + [UInt8(ascii: "/")] } ?? []
        let path = parent + name
        return ArchiveEntry(
            entry: TreeEntry(path: TreePath(bytes: path), kind: .file, mode: 0, modified: max(0, entry.modified)), name: path,
            dataSize: 0, link: nil, number: 1)
    }
}
