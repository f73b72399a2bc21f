internal import System
internal import SystemPackage

/// config.json of an OCI bundle, as far as provision uses it. Names are the specification's.
struct OCIConfiguration: Encodable {
    struct Process: Encodable {
        struct User: Encodable {
            var uid: UInt32
            var gid: UInt32
            var additionalGids: [UInt32]

            init(_ identity: ProcessIdentity) {
                uid = identity.user
                gid = identity.group
                additionalGids = PrivateMounts.isInUserNamespace ? [] : identity.groups.filter { $0 != identity.group }
            }
        }

        struct Capabilities: Encodable {
            var bounding: [String]
            var effective: [String]
            var permitted: [String]

            init(_ names: [String]) { (bounding, effective, permitted) = (names, names, names) }
        }

        struct ConsoleSize: Encodable {
            var height: Int
            var width: Int
        }

        var terminal: Bool
        /// What the terminal has to begin with.
        var consoleSize: ConsoleSize?
        var user: User
        var args: [String]
        var env: [String]
        var cwd = "/"
        var capabilities: Capabilities
        var noNewPrivileges = true
    }

    struct Root: Encodable {
        var path: String
        var readonly: Bool
    }

    struct Mount: Encodable {
        var destination: String
        var type: String
        var source: String
        var options: [String]

        init(_ destination: String, _ type: String, _ source: String, _ options: [String]) {
            self.destination = destination
            self.type = type
            self.source = source
            self.options = options
        }

        init(_ bind: BindMount) {
            self.init(bind.destination, "bind", bind.source.string, ["rbind", bind.readOnly ? "ro" : "rw"])
        }
    }

    struct Linux: Encodable {
        struct Namespace: Encodable { var type: String }
        struct Seccomp: Encodable {
            struct Rule: Encodable {
                var names: [String]
                var action: String
            }
            var defaultAction = "SCMP_ACT_ALLOW"
            var syscalls: [Rule]
        }

        /// The network namespace is the one that crun starts in.
        var namespaces = ["pid", "ipc", "uts", "mount", "cgroup"].map(Namespace.init)
        var seccomp = Seccomp(syscalls: [Seccomp.Rule(names: OCIConfiguration.refusedCalls, action: "SCMP_ACT_ERRNO")])
        var maskedPaths = [
            "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
            "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
        ]
        var readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
    }

    struct Hooks: Encodable {
        struct Hook: Encodable {
            var path: String
            var args: [String]
        }
        /// In the container's mount namespace, before its root becomes `/`.
        var createContainer: [Hook]
    }

    var ociVersion = "1.0.2"
    var process: Process
    var root: Root
    var hostname: String
    var mounts: [Mount]
    var linux: Linux
    var hooks: Hooks

    /// What systemd-nspawn mounts too. sysfs can be mounted by who owns the network namespace alone; others see the host's, read-only.
    static func systemMounts(ownsNetwork: Bool) -> [Mount] {
        let strict = ["nosuid", "noexec", "nodev"]
        let gid = PrivateMounts.isInUserNamespace ? [] : ["gid=5"]
        return [
            Mount("/proc", "proc", "proc", strict),
            Mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=4m"]),
            Mount("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"] + gid),
            Mount("/dev/shm", "tmpfs", "shm", strict + ["mode=1777"]),
            Mount("/dev/mqueue", "mqueue", "mqueue", strict),
            ownsNetwork
                ? Mount("/sys", "sysfs", "sysfs", strict + ["ro"]) : Mount("/sys", "bind", "/sys", ["rbind"] + strict + ["ro"]),
            Mount("/run", "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=755"]),
            Mount("/tmp", "tmpfs", "tmpfs", ["nosuid", "nodev", "mode=1777"]),
        ]
    }

    /// Calls that reach the whole kernel and that no capability of the default set allows either: two locks on one door.
    static let refusedCalls = [
        "acct", "add_key", "adjtimex", "bpf", "clock_adjtime", "clock_settime", "delete_module", "fanotify_init",
        "finit_module", "fsconfig", "fsmount", "fsopen", "fspick", "init_module", "io_uring_enter", "io_uring_register",
        "io_uring_setup", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl", "lookup_dcookie", "mount",
        "mount_setattr", "move_mount", "name_to_handle_at", "nfsservctl", "open_by_handle_at", "open_tree", "perf_event_open",
        "pivot_root", "quotactl", "reboot", "request_key", "setdomainname", "sethostname", "setns", "settimeofday", "stime",
        "swapoff", "swapon", "syslog", "umount2", "unshare", "userfaultfd", "vhangup",
    ]
}
