internal import CLinux
public import Diagnostics
internal import Glibc
public import SystemPackage

/// A network namespace held open by a descriptor; a new one vanishes with its last process and this value.
public struct NetworkNamespace: ~Copyable {
    public let descriptor: FileDescriptor

    private init(_ descriptor: Int32) { self.descriptor = FileDescriptor(rawValue: descriptor) }

    deinit { close(descriptor.rawValue) }

    /// Makes a namespace with nothing but a loopback interface, which is up. The calling thread stays in its own, but for a
    /// process in a user namespace (`PrivateMounts.isInUserNamespace`): the way back to the host's isn't open to it.
    ///
    /// - Throws: `.unsupported` without the privilege.
    public static func make() throws(ProvisionError) -> NetworkNamespace {
        if PrivateMounts.isInUserNamespace {
            try check(provision_unshare(PROVISION_CLONE_NEWNET), "make", "a network namespace")
            try check(provision_loopback_up(), "bring up", "lo")
            return NetworkNamespace(try opened("/proc/thread-self/ns/net"))
        }
        let ours = try opened("/proc/thread-self/ns/net")
        defer { close(ours) }
        guard provision_unshare(PROVISION_CLONE_NEWNET) == 0 else {
            throw systemError("make", "a network namespace", hint: "creating namespaces needs root")
        }
        let made = Result { () throws(ProvisionError) in
            try check(provision_loopback_up(), "bring up", "lo")
            return try opened("/proc/thread-self/ns/net")
        }
        guard provision_setns(ours, PROVISION_CLONE_NEWNET) == 0 else {
            // Going on would configure the wrong network: nothing may run in this thread any more.
            fatalError("cannot return to the host's network namespace: \(describe(errno: currentErrno))")
        }
        return NetworkNamespace(try made.get())
    }

    /// Opens the namespace that `ip netns add NAME` made.
    ///
    /// - Throws: `.notFound` where there is none of that name.
    public static func named(_ name: String) throws(ProvisionError) -> NetworkNamespace {
        guard !name.isEmpty, !name.contains("/"), name != ".", name != "..",
            let path = ["/run/netns/", "/var/run/netns/"].map({ $0 + name }).first(where: { Files.exists(FilePath($0)) })
        else {
            throw ProvisionError(
                .notFound, "there is no network namespace \"\(name)\"", hint: "make it: ip netns add \(name)")
        }
        return NetworkNamespace(try opened(path))
    }

    /// A path to it that needs no name on the host, while this process lives: what `ip link add … netns` takes.
    public var path: String { "/proc/\(getpid())/fd/\(descriptor.rawValue)" }

    private static func opened(_ path: String) throws(ProvisionError) -> Int32 {
        try check(open(path, O_RDONLY | O_CLOEXEC), "open", path)
    }
}
