import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

extension ContainerTests {
    /// cp, diff and commit, on a minimal layer.
    @Suite struct ChangesTests {
        private struct Changes: Decodable {
            struct File: Decodable, Equatable { var path: String, change: String, differs: [String] }
            var files: [File]
        }

        /// A state with a minimal layer, and the directory that it lies in.
        private final class Place {
            private let temporary: TemporaryDirectory
            let program: Program
            var path: FilePath { temporary.path }

            init() throws {
                temporary = try TemporaryDirectory()
                program = Program(in: temporary.path)
                try program.succeed(["minimal"])
            }
        }

        private func minimal() throws -> (Place, Program) {
            let place = try Place()
            return (place, place.program)
        }

        /// Runs a script in the machine `m`, whose changes are kept.
        private func change(_ program: Program, _ script: String) throws {
            try program.succeed(["run", "minimal", "--machine", "m", "--", "sh", "-c", script])
        }

        @Test("commit and pack take what a machine may leave: a socket goes, names that are no UTF-8 and holes stay")
        func oddLeavings() throws {
            let (directory, program) = try minimal()
            defer { withExtendedLifetime(directory) {} }
            try change(program, "printf x > /root/$(printf 'caf\\351'); truncate -s 64M /root/sparse; echo end >> /root/sparse")
            let upper = program.state.appending("machines/m/upper")
            try check(mknod(upper.appending("root/socket").string, S_IFSOCK | 0o600, 0), "make", "a socket")
            try program.succeed(["commit", "m", "--name", "app"])
            let tree = program.state.appending("layers/app/tree/root")
            #expect(try runChecked(["ls", "-b", tree.string]).text == "caf\\351\nsparse\n")
            var status = stat()
            try check(stat(tree.appending("sparse").string, &status), "look at", "sparse")
            #expect(status.st_size == 64 << 20 + 4 && status.st_blocks < 4096)
            let file = directory.path.appending("m.tar").string
            try program.succeed(["pack", "m", "-o", file])
            #expect((Files.size(FilePath(file)) ?? .max) < 4 << 20)
            try check(mkfifo(directory.path.appending("fifo").string, 0o600), "make", "a fifo")
            let refused = try program.failure(["pack", "m", "-o", "\(directory.path)/fifo", "--format", "tar"])
            #expect(refused.status == 2 && refused.error.hint?.contains("-o -") == true)
        }

        @Test("show tells of the machine that bears its layer's name, with all addresses")
        func shown() throws {
            let (directory, program) = try minimal()
            defer { withExtendedLifetime(directory) {} }
            let addresses = [
                "--address", "10.77.93.2/24", "--host-address", "10.77.93.1/24", "--address", "fd77:93::2/64", "--host-address",
                "fd77:93::1/64",
            ]
            try program.succeed(["run", "minimal", "--machine", "minimal", "--detach"] + addresses + ["--", "sleep", "600"])
            struct Shown: Decodable {
                struct Machine: Decodable { var state: String, addresses: [String]?, interface: String? }
                var machine: Machine?
            }
            let shown = try program.json(Shown.self, ["show", "minimal"])
            #expect(shown.machine?.state == "running" && shown.machine?.addresses == ["10.77.93.2/24", "fd77:93::2/64"])
            #expect(shown.machine?.interface == "vp-minimal")
            let busy = try program.failure(["rm", "minimal"])
            #expect(busy.error.hint?.contains("provision stop minimal") == true)
            try program.succeed(["stop", "minimal"])
        }

        @Test(
            "cp carries trees both ways with modes, owners, times, links and attributes; a running machine sees them at once",
            arguments: [[], ["--private-users"]])
        func roundTrip(_ users: [String]) throws {
            let (directory, program) = try minimal()
            defer { withExtendedLifetime(directory) {} }
            let tree = directory.path.appending("tree")
            try Files.makeDirectory(tree.appending("sub"))
            try Files.write("secret", to: tree.appending("sub/file"), mode: 0o4750)
            #expect(chown(tree.appending("sub/file").string, 12, 34) == 0)
            #expect(chmod(tree.appending("sub/file").string, 0o4750) == 0)
            #expect(symlink("/etc/shadow", tree.appending("link").string) == 0)
            try runChecked(["setfattr", "-n", "user.note", "-v", "kept", tree.appending("sub/file").string])
            try runChecked(["setcap", "cap_net_raw+ep", tree.appending("sub/file").string])
            try runChecked(["touch", "-d", "@1000000000", tree.appending("sub/file").string])
            try program.succeed(
                ["run", "minimal", "--machine", "m", "--detach"] + users
                    + ["--", "sh", "-c", "while :; do sleep 0.05; done"])
            try program.succeed(["cp", tree.string, "m:/srv"])
            #expect(try program.succeed(["exec", "m", "--", "cat", "/srv/sub/file"]) == "secret")
            #expect(try program.succeed(["exec", "m", "--", "stat", "-c", "%a %u %g", "/srv/sub/file"]) == "4750 12 34\n")
            // Once more: into the directory that is there now.
            try program.succeed(["cp", tree.string, "m:/srv"])
            #expect(try program.succeed(["exec", "m", "--", "readlink", "/srv/tree/link"]) == "/etc/shadow\n")
            try program.succeed(["cp", "m:/srv", directory.path.appending("running").string])
            try program.succeed(["stop", "m"])
            try program.succeed(["cp", "m:srv", directory.path.appending("stopped").string])
            for copy in ["running", "stopped"] {
                let file = directory.path.appending(copy).appending("sub/file").string
                let facts = try runChecked(["stat", "-c", "%a %u %g %Y", file]).text
                #expect(facts == "4750 12 34 1000000000\n")
                #expect(try runChecked(["getfattr", "--only-values", "-n", "user.note", file]).text == "kept")
                #expect(try runChecked(["getcap", file]).text.contains("cap_net_raw=ep"))
            }
        }

        @Test("links planted in a machine lead nowhere but into the machine, for what is read and what is written")
        func plantedLinks() throws {
            let (directory, program) = try minimal()
            let outside = directory.path.appending("outside")
            try Files.makeDirectory(outside)
            try Files.write("host", to: outside.appending("file"))
            try change(program, "ln -s \(outside) /trap; ln -s \(outside)/file /leak; ln -s / /srv; mkdir -p /etc")
            try Files.write("payload", to: directory.path.appending("payload"))
            let into = try program.failure(["cp", directory.path.appending("payload").string, "m:/trap/file"])
            #expect(into.status == 1 && into.error.code == "not-found", "\(into.error)")
            #expect(try Files.readText(outside.appending("file")) == "host")
            // A link to / is the machine's own /.
            try program.succeed(["cp", directory.path.appending("payload").string, "m:/srv/inside"])
            #expect(try program.succeed(["run", "m", "--", "cat", "/inside"]) == "payload")
            // A link is copied as a link, never as what it leads to on the host.
            try program.succeed(["cp", "m:/leak", directory.path.appending("copied").string])
            #expect(try runChecked(["readlink", directory.path.appending("copied").string]).text == "\(outside)/file\n")
            #expect(
                try program.failure(["cp", "m:/trap/file", directory.path.appending("x").string]).error.code == "not-found")
        }

        @Test("wrong uses of cp are told apart: no machine named, unknown machine, the root itself, a missing directory")
        func misuse() throws {
            let (directory, program) = try minimal()
            try change(program, "true")
            let file = directory.path.appending("f").string
            try Files.write("x", to: FilePath(file))
            #expect(try program.failure(["cp", file, file + "2"]).status == 2)
            #expect(try program.failure(["cp", file, "n:/x"]).error.hint == "did you mean \"m\"?")
            #expect(try program.failure(["cp", "m:/", file]).status == 2)
            #expect(try program.failure(["cp", file, "m:/no/such/"]).error.message.contains("no directory"))
            #expect(try program.failure(["cp", "m:/none", file]).error.message.contains("there is no"))
        }

        @Test("diff shows what a machine changed, running or not, and nothing else") func diff() throws {
            let (directory, program) = try minimal()
            defer { withExtendedLifetime(directory) {} }
            try change(program, "echo new > /etc/new; rm /bin/vi; chmod 700 /root; touch -d 2001-01-01 /etc/os-release")
            let changes = try program.json(Changes.self, ["diff", "m"]).files
            #expect(changes.contains(Changes.File(path: "/etc/new", change: "added", differs: [])))
            #expect(changes.contains(Changes.File(path: "/bin/vi", change: "removed", differs: [])))
            #expect(!changes.contains { $0.path == "/etc/os-release" || $0.path == "/bin/busybox" })
            #expect(try program.failure(["diff", "nn"]).error.message.contains("there is no machine"))
        }

        @Test("commit makes an app layer of exactly that, on which machines start; the machine itself goes on unchanged")
        func commit() throws {
            let (directory, program) = try minimal()
            defer { withExtendedLifetime(directory) {} }
            try change(
                program,
                "echo new > /etc/new; ln /etc/new /etc/twin; rm /bin/vi; echo t > /tmp/t; mkfifo /srv; chown 7:8 /etc/new")
            let shown = try program.json(Changes.self, ["diff", "m"]).files
            let text = try program.succeed(["commit", "m", "--name", "made"])
            #expect(text.contains("\"made\" on \"minimal\""))
            let layer = try program.json(Changes.self, ["diff", "minimal", "made"]).files
            #expect(layer == shown.filter { $0.path != "/tmp/t" })
            let there = try program.succeed(
                ["run", "made", "--", "sh", "-c", "cat /etc/twin; stat -c '%u %g %h' /etc/new; ls /bin/vi /tmp/t 2>&1 | wc -l"])
            #expect(there == "new\n7 8 2\n2\n")
            #expect(try program.succeed(["verify", "made"]).contains("is as it was made"))
            // What the machine does afterwards is its own: no file is shared with the layer.
            try change(program, "echo later >> /etc/new")
            #expect(try program.succeed(["run", "made", "--", "cat", "/etc/new"]) == "new\n")
            #expect(try program.failure(["commit", "m", "--name", "made"]).error.code == "conflict")
        }

        @Test("a stopped machine is packed as the layer that commit makes of it, and a machine that runs is not")
        func packed() throws {
            struct Packed: Decodable { var name: String, digest: String }
            let (directory, program) = try minimal()
            defer { withExtendedLifetime(directory) {} }
            try change(program, "echo own >/etc/own; rm /bin/vi; mkdir -p /srv/d")
            let file = directory.path.appending("m.tar.zst").string
            let packed = try program.json(Packed.self, ["pack", "m", "-o", file])
            try program.succeed(["commit", "m", "--name", "made"])
            let made = try #require(try program.layers().first { $0.name == "made" })
            #expect(packed.digest == made.digest && packed.name == "m")
            #expect(try program.layers().count == 2 && program.stagings == [])
            let whole = directory.path.appending("whole.tar").string
            try program.succeed(["pack", "m", "--whole", "-o", whole])
            let listed = try runChecked(["tar", "-tf", whole]).text
            #expect(listed.contains("etc/own\n") && !listed.contains("bin/vi\n") && listed.contains("bin/busybox\n"))
            let there = Program(in: directory.path.appending("there"))
            try Files.makeDirectory(directory.path.appending("there"))
            try program.succeed(["pack", "minimal", "-o", directory.path.appending("minimal.tar").string])
            try there.succeed(["unpack", directory.path.appending("minimal.tar").string])
            try there.succeed(["unpack", file])
            #expect(try there.succeed(["run", "m", "--", "cat", "/etc/own"]) == "own\n")
            try program.succeed(["run", "minimal", "--machine", "m", "--detach", "--", "sleep", "60"])
            #expect(try program.failure(["pack", "m", "-o", file]).error.code == "conflict")
            try program.succeed(["stop", "m", "--force"])
        }

        @Test("a root directory is packed as a base, in place and as it is; sockets stay behind")
        func packedDirectory() throws {
            let (directory, program) = try minimal()
            defer { withExtendedLifetime(directory) {} }
            let root = directory.path.appending("hand made")
            try runChecked(["cp", "-a", program.state.appending("layers/minimal/tree").string, root.string])
            try runChecked(["setcap", "cap_net_raw+ep", root.appending("bin/busybox").string])
            try runChecked(["mkfifo", root.appending("run/fifo").string])
            try runChecked([
                "python3", "-c", "import socket; socket.socket(socket.AF_UNIX).bind('\(root)/run/socket')",
            ])
            let before = try TreeListing(of: root)
            let file = directory.path.appending("made.tar.zst").string
            let said = try program.run("pack", root.string, "-o", file)
            #expect(
                said.status.succeeded && said.standardError.contains("socket \"/run/socket\" is left out"),
                "\(said.standardError)")
            #expect(try TreeListing(of: root).differences(from: before).isEmpty)
            #expect(try program.layers().count == 1 && program.stagings == [])
            try program.succeed(["unpack", file])
            unlink(root.appending("run/socket").string)
            let copy = try TreeListing(of: program.state.appending("layers/hand-made/tree"))
            let differences = try copy.differences(from: TreeListing(of: root))
            #expect(differences.isEmpty, "\(differences)")
            #expect(try program.succeed(["run", "hand-made", "--", "echo", "up"]) == "up\n")
            let image = directory.path.appending("made.oci.tar").string
            try program.succeed(["pack", root.string, "-o", image])
            #expect(try runChecked(["skopeo", "inspect", "oci-archive:\(image)"]).text.contains("\"Layers\""))
        }

        @Test("a machine that runs, and one that changed nothing, are not committed; nothing is left of the try")
        func refused() throws {
            let (directory, program) = try minimal()
            defer { withExtendedLifetime(directory) {} }
            try program.succeed([
                "run", "minimal", "--machine", "m", "--detach", "--", "sh", "-c", "while :; do sleep 0.05; done",
            ])
            let running = try program.failure(["commit", "m", "--name", "made"])
            #expect(running.status == 1 && running.error.hint == "stop it first: provision stop m")
            try program.succeed(["stop", "m"])
            #expect(try program.failure(["commit", "m", "--name", "made"]).status == 3)
            #expect(try program.layers().map(\.name) == ["minimal"] && program.stagings.isEmpty)
        }
    }
}

extension EndToEnd {
    @Suite struct CommittedPackageTests {
        private struct Changes: Decodable {
            struct Packages: Decodable { var added: [String], removed: [String] }
            var packages: Packages
        }
        private struct Manifest: Decodable {
            struct Package: Decodable { var name: String, repo: String, installedSize: UInt64 }
            var packages: [Package]
        }

        @Test(
            "packages that rpm removed and added inside a machine are in diff, in the manifest, and in the layer's rpm database"
        )
        func packages() throws {
            let program = try World.vsftpd.get().program
            try program.succeed(["run", "vsftpd", "--machine", "changed", "--", "rpm", "-e", "vsftpd"])
            let changes = try program.json(Changes.self, ["diff", "changed"]).packages
            #expect(changes.added.isEmpty && changes.removed.count == 1 && changes.removed[0].hasPrefix("vsftpd-"))
            try program.succeed(["commit", "changed", "--name", "without"])
            let inside = packageLines(try program.succeed(["run", "without", "--", "rpm", "-qa"]))
            let base = packageLines(try program.succeed(["run", "base", "--", "rpm", "-qa"]))
            #expect(inside == base)
            let database = program.state.appending("layers/without")
            let files = try runChecked(["find", database.string, "-name", "rpmdb.sqlite-*"]).text
            #expect(files == "")
            // And back in, from the package file, in a machine on that layer.
            let file = try #require(
                try runChecked(["find", World.demo.string, "-name", "vsftpd-*.rpm", "-path", "*os*"]).text.split(
                    separator: "\n"
                ).first)
            try program.succeed([
                "run", "without", "--machine", "again", "--bind", "\(file):/tmp/vsftpd.rpm:ro", "--", "rpm", "-U",
                "/tmp/vsftpd.rpm",
            ])
            let manifest = try program.json(Manifest.self, ["commit", "again", "--name", "with"])
            #expect(manifest.packages.map(\.name) == ["vsftpd"])
            #expect(manifest.packages[0].repo == "@machine" && manifest.packages[0].installedSize > 0)
            #expect(try program.succeed(["verify", "with"]).contains("all files are as they should be"))
            for name in ["again", "changed"] { try program.succeed(["rm", name, "--machine"]) }
            try program.succeed(["rm", "with"])
            try program.succeed(["rm", "without"])
        }
    }
}
