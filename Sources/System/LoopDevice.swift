internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// A file shown as a block device, read-only, for as long as this value or a mount of it lives: the kernel frees it by itself, also
/// when we are killed. See loop(4), LO_FLAGS_AUTOCLEAR.
public struct LoopDevice: ~Copyable {
    private let descriptor: Int32
    /// `/dev/loopN`.
    public let path: String

    /// - Throws: `.unsupported` where the host (a container, say) has no loop devices to give.
    public init(showing file: FilePath) throws(ProvisionError) {
        let source = try check(open(file.string, O_RDONLY | O_CLOEXEC), "open", file)
        defer { close(source) }
        var name = [CChar](repeating: 0, count: 64)
        let device = provision_attach_loop(source, &name, name.count)
        guard device >= 0 else {
            throw ProvisionError(
                .unsupported, "cannot show \"\(file)\" as a block device: \(describe(errno: currentErrno))",
                hint: "loop devices (/dev/loop-control, the kernel's module loop) are needed for this format, and root")
        }
        descriptor = device
        path = name.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { close(descriptor) }
}
