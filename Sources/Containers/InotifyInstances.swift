internal import Glibc
internal import System

/// Inotify instances, of which every booted systemd takes about seven, and of which the host allows each of its users a number
/// (128 in many distributions): the roots of all containers count as one user there. See inotify(7).
public enum InotifyInstances {
    /// What a system needs to boot, with some to spare.
    static let ofOneSystem = 10
    static let hint =
        "allow more of them: sysctl -w fs.inotify.max_user_instances=1024, and a file in /etc/sysctl.d for the next start"

    /// How many more this user may have, as far as `enough`; tried, because the kernel counts but doesn't tell.
    static func free(upTo enough: Int) -> Int {
        var instances: [Int32] = []
        defer { instances.forEach { close($0) } }
        while instances.count < enough {
            let instance = inotify_init1(Int32(IN_CLOEXEC))
            if instance < 0 { break }
            instances.append(instance)
        }
        return instances.count
    }

    /// Why a system may not boot now; nil where there are enough.
    static func warning() -> (text: String, hint: String)? {
        let free = free(upTo: ofOneSystem)
        if free == ofOneSystem { return nil }
        return (
            "of inotify instances \(free == 0 ? "none is" : "only \(free) are") left for root on this host, and a booting systemd takes about seven",
            hint
        )
    }

    /// For how many more systems there are enough, and what to do where that are few.
    public static func room() -> (systems: Int, hint: String?) {
        let systems = free(upTo: 10 * ofOneSystem) / ofOneSystem
        return (systems, systems < 5 ? hint : nil)
    }
}
