import System
import SystemPackage
import Testing

extension ContainerTests {
    /// A host whose PID 1 is systemd: this host's own root, booted by bare systemd-nspawn over a tmpfs.
    @Suite struct SystemdHostTests {
        /// Makes a cgroup for nspawn in each hierarchy (v2's is one), as the service manager would, and takes it away again.
        private static let boot = """
            root=$1; shift
            hierarchies=$(if [ -e /sys/fs/cgroup/cgroup.procs ]; then echo /sys/fs/cgroup; else ls -d /sys/fs/cgroup/*/; fi)
            for h in $hierarchies; do
                mkdir -p $h/systemd-host || exit
                [ ! -e $h/cpuset.cpus ] || [ ! -e $h/systemd-host/cpuset.cpus ] || for f in cpus mems; do
                    cat $h/cpuset.$f > $h/systemd-host/cpuset.$f; done
            done
            (for h in $hierarchies; do echo $BASHPID > $h/systemd-host/cgroup.procs; done
                exec unshare --mount sh -c 'mount --bind / "$0" && exec "$@"' "$root" "$@") </dev/null
            status=$?
            for h in $hierarchies; do find $h/systemd-host -depth -type d -exec rmdir {} +; done
            exit $status
            """

        /// Runs a script as the only service of a booted systemd; what it prints.
        private func run(_ script: String, in directory: FilePath) throws -> String {
            try Files.write(script, to: directory.appending("script"))
            let unit = """
                [Unit]
                Wants=dbus.service
                After=dbus.service
                SuccessAction=poweroff-force
                FailureAction=poweroff-force
                [Service]
                Type=oneshot
                ExecStart=/bin/bash /script
                StandardOutput=file:/output/text
                StandardError=inherit
                TimeoutStartSec=240

                """
            try Files.write(unit, to: directory.appending("check.service"))
            for name in ["root", "output"] { try Files.makeDirectory(directory.appending(name)) }
            // What lies on file systems of their own isn't in the root: the program, and the folders that it is told of.
            let binds = ["script:/script", "check.service:/run/systemd/system/check.service", "output:/output"].map {
                "--bind=\(directory)/\($0)"
            }
            // nspawn starts no "/" but a bind mount of it.
            let root = directory.appending("root").string
            let words = [
                "timeout", "300", "env", "SYSTEMD_SECCOMP=0", "systemd-nspawn", "--quiet", "--directory=\(root)",
                "--volatile=overlay", "--boot",
                "--private-network",
                "--capability=all", "--register=no", "--keep-unit", "--link-journal=no", "--console=read-only",
                "--machine=systemd-host", "--tmpfs=/state:mode=755", "--bind-ro=\(Program.path):/program",
                "--bind-ro=\(Program.checkout):/checkout",
            ]
            let output = try runProgram(
                ["bash", "-c", Self.boot, "boot", root] + words + binds + ["--", "--unit=check.service", "--show-status=0"])
            let text = try Files.readIfPresent(directory.appending("output/text")).map { String(decoding: $0, as: UTF8.self) }
            return try #require(text, "\(output.text)\(output.standardError)")
        }

        @Test("a container gets a transient scope: its limits hold, list and exec know it; it goes with stop and with kill -9")
        func scope() throws {
            let directory = try TemporaryDirectory()
            // nspawn shows v1's controllers read-only to what it boots; a host's own systemd has them writable.
            let text = try run(
                """
                for c in memory cpu pids; do
                    [ ! -d /sys/fs/cgroup/$c ] || mount -o remount,bind,rw /sys/fs/cgroup/$c; done
                export PROVISION_CONFIG=/checkout
                words="--state /state/state --cache /state/cache"
                units() { systemctl list-units --plain --no-legend 'provision-*' | sed 's/-[0-9]*[.]scope.*/.scope/'; }
                /program minimal --quiet $words || exit
                /program run minimal --detach --machine job --memory 64M --pids 30 $words -- sleep 600
                echo "units: $(units)"
                scope=$(systemctl list-units --plain --no-legend 'provision-job-*' | cut -d' ' -f1)
                systemctl show -P Slice -P Delegate -P Description $scope
                /program list $words | grep '^job' | tr -s ' ' | cut -d' ' -f1-3
                /program list $words --json | grep -B9 -A9 67108864
                grep -l . $(find /sys/fs/cgroup -path '*provision-job-*' -name pids.max) | xargs cat | grep -cx 30
                /program exec job $words -- hostname
                /program stop job $words
                echo "stopped: $(units)"
                /program run minimal --memory 32M $words -- sh -c 'tail -n 1 /dev/zero; echo $?' 2>&1
                /program run minimal --detach --machine killed --memory 64M $words -- sleep 601
                echo "again: $(units)"
                pkill -KILL -f 'machine killed'
                for i in $(seq 100); do [ -n "$(units)" ] || break; sleep 0.1; done
                /program gc $words
                echo "killed: $(units)"
                pgrep -f 'sleep 60[01]'
                find /sys/fs/cgroup -name '*provision*'
                """, in: directory.path)
            #expect(text.contains("units: provision-job.scope\n"), "\(text)")
            #expect(text.contains("machine.slice\nyes\nContainer job of provision\n"), "\(text)")
            #expect(text.contains("job running minimal\n"), "\(text)")
            #expect(text.contains("\njob\nstopped machine \"job\"\nstopped: \n"), "\(text)")
            #expect(text.contains("137\n") && text.contains("memory limit of"), "\(text)")
            #expect(text.contains("again: provision-killed.scope\n"), "\(text)")
            #expect(text.hasSuffix("killed: \n"), "\(text)")
        }
    }
}
