public import Diagnostics

/// How a layer becomes a file: an archive format and what compresses it. The name of the file tells.
public struct ImageFormat: Sendable, Hashable, CaseIterable, CustomStringConvertible {
    public enum Archive: String, Sendable, CaseIterable {
        /// cpio's "new ASCII" format (newc): what Linux' initramfs and Debian's cpio read.
        case cpio
        /// POSIX pax, with extended attributes as star, GNU tar and libarchive write them.
        case tar
        /// A read-only file system of Linux', compressed by zstd: mounted as it is, whiteouts and opaque directories as overlayfs has them.
        case squashfs
        /// The newer one, compressed by lz4.
        case erofs
        /// An OCI image layout as a directory, and as one tar file: the layer with all that it stands on.
        case oci
        case ociTar = "oci.tar"

        /// Made by a program of the file system's, which wants a file that it can seek in.
        public var isFileSystem: Bool { self == .squashfs || self == .erofs }
        /// Holds a whole chain instead of one layer.
        public var isOCI: Bool { self == .oci || self == .ociTar }
        /// Whether it can be written to a pipe and read from one.
        public var streams: Bool { self == .cpio || self == .tar }
    }

    public enum Compression: String, Sendable, CaseIterable {
        case none = ""
        case bzip2 = ".bz2"
        case zstd = ".zst"
        case gzip = ".gz"
        case xz = ".xz"
    }

    public let archive: Archive
    public let compression: Compression

    public init(_ archive: Archive, _ compression: Compression) {
        self.archive = archive
        self.compression = compression
    }

    public static var allCases: [ImageFormat] {
        Archive.allCases.flatMap { archive in
            (archive.streams ? Compression.allCases : [.none]).map { ImageFormat(archive, $0) }
        }
    }

    /// Those that hold one layer.
    public static var singleLayer: [ImageFormat] { allCases.filter { !$0.archive.isOCI } }

    /// As `--format` takes it: `cpio.bz2`, `tar.zst`.
    public var description: String { archive.rawValue + compression.rawValue }

    /// - Parameter name: with or without a leading dot.
    /// - Throws: `.usage` that lists the known ones.
    public init(named name: String) throws(ProvisionError) {
        let wanted = name.hasPrefix(".") ? String(name.dropFirst()) : name
        guard let format = ImageFormat.allCases.first(where: { $0.description == wanted }) else {
            throw ProvisionError(.usage, "unknown image format \"\(name)\"", hint: ImageFormat.hint(for: wanted))
        }
        self = format
    }

    /// The format that a file's name ends with.
    ///
    /// - Throws: `.usage` that lists the known ones.
    public init(ofFileNamed name: String) throws(ProvisionError) {
        // The longest: an OCI archive's name ends like a tar archive's.
        let fitting = ImageFormat.allCases.filter { name.hasSuffix(".\($0)") }
        guard let format = fitting.max(by: { $0.description.utf8.count < $1.description.utf8.count }) else {
            let ending = name.split(separator: ".", maxSplits: 1).dropFirst().first.map(String.init) ?? ""
            throw ProvisionError(
                .usage, "the name \"\(name)\" doesn't tell the image's format", hint: ImageFormat.hint(for: ending))
        }
        self = format
    }

    private static func hint(for wanted: String) -> String {
        let known = allCases.map(\.description)
        if let near = nearest(to: wanted, in: known) { return "did you mean \".\(near)\"?" }
        return "known formats: " + known.map { "." + $0 }.joined(separator: ", ")
    }
}
