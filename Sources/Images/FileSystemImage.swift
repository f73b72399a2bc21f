internal import Diagnostics
internal import Glibc
internal import Layers
internal import System
internal import SystemPackage

/// A squashfs or erofs image, read by the kernel: mounted read-only, without devices and setuid, in the mount namespace of this
/// process, and unmounted when the value goes.
///
/// Names are names there, and links are looked at and never followed, so that nothing in it leads out of it. What is copied was
/// measured before.
struct FileSystemImage: ~Copyable {
    private let mountPoint: FilePath
    private let image: String

    /// - Parameters:
    ///   - directory: where the mount point is made.
    ///   - image: for messages.
    init(
        mounting file: FilePath, _ format: ImageFormat.Archive, in directory: FilePath, image: String
    ) throws(ProvisionError) {
        self.image = image
        mountPoint = directory.appending("image")
        try Files.makeDirectory(mountPoint, mode: 0o700)
        let device = try LoopDevice(showing: file)
        do throws(ProvisionError) {
            try mount(
                device.path, at: mountPoint, type: format.rawValue, flags: [.readOnly, .noDevices, .noSetuid, .noExecution])
        } catch {
            rmdir(mountPoint.string)
            // The kernel loads the module for us, if there is one.
            let known = try Files.readText("/proc/filesystems").split(whereSeparator: \.isWhitespace)
            if !known.contains(Substring(format.rawValue)) {
                throw ProvisionError(
                    .unsupported, "this host's kernel can't read \(format.rawValue)",
                    hint: "load its module: modprobe \(format.rawValue)", causes: [error.message])
            }
            if error.code == .unsupported { throw error }
            throw ProvisionError(
                .verification, "\"\(image)\" is no \(format.rawValue) image, or a damaged one", hint: "copy it here again",
                causes: [error.message])
        }
    }

    deinit {
        // Nothing can be thrown from here; the mount goes with the process at the latest.
        try? unmount(mountPoint, lazily: true)
        rmdir(mountPoint.string)
    }

    /// The bytes of the layer's manifest; nil for an image made by hand.
    func manifest() throws(ProvisionError) -> [UInt8]? {
        do throws(ProvisionError) {
            return try RootedDirectory(mountPoint).read(Envelope.manifest, limit: ArchiveReader.headSize)
        } catch {
            throw damaged(error)
        }
    }

    /// Copies everything into an existing, empty directory.
    ///
    /// - Parameter limit: most bytes that the files may have.
    func copy(to directory: FilePath, limit: UInt64, progress: any ProgressSink) throws(ProvisionError) {
        let tree: Tree
        do throws(ProvisionError) {
            tree = try TreeScanner.scan(mountPoint)
        } catch {
            throw damaged(error)
        }
        // A few bytes may say that they are a file larger than any disk.
        guard tree.size <= limit else {
            throw ProvisionError(
                .verification, "the image \"\(image)\" holds more than it says, or than there is room for",
                hint: "nothing of it was kept", causes: ["its files have \(tree.size) bytes"])
        }
        let result = try runProgram(
            ["cp", "-a", "-T", "--sparse=never", mountPoint.string, directory.string],
            environment: ["PATH": ChildProcess.searchPath, "LC_ALL": "C.UTF-8"])
        guard result.status.succeeded, result.standardError.isEmpty else {
            throw ProvisionError(
                .verification, "the image \"\(image)\" can't be unpacked as it is", hint: "nothing of it was kept",
                causes: result.standardError.split(separator: "\n").prefix(3).map(String.init))
        }
    }

    private func damaged(_ error: ProvisionError) -> ProvisionError {
        if error.code == .interrupted { return error }
        return ProvisionError(
            .verification, "the image \"\(image)\" is damaged", hint: "copy it here again", causes: [error.message])
    }
}
