import FoundationEssentials
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Manifests for other tools: held to Kubernetes' schema and to systemd-nspawn itself.
    @Suite struct ManifestTests {
        private struct Pod: Decodable {
            struct Spec: Decodable {
                struct Container: Decodable {
                    struct Environment: Decodable { var name: String, value: String }
                    struct Mount: Decodable { var name: String, mountPath: String, readOnly: Bool? }
                    struct Resources: Decodable { var limits: [String: String] }
                    var image: String
                    var command: [String]
                    var env: [Environment]?
                    var resources: Resources?
                    var volumeMounts: [Mount]?
                    var ports: [Port]?
                }
                struct Port: Decodable, Equatable {
                    var containerPort: Int, hostPort: Int
                    var hostIP: String?
                    var `protocol`: String
                }
                struct Volume: Decodable {
                    struct HostPath: Decodable { var path: String }
                    var name: String
                    var hostPath: HostPath
                }
                var containers: [Container]
                var volumes: [Volume]?
            }
            var kind: String
            var spec: Spec
        }
        private struct File: Decodable { var name: String, place: String, text: String }

        private func checked(_ text: String) throws -> Pod {
            try JSONDecoder().decode(Pod.self, from: Data(try StatementTests.check(text, "kubernetes").utf8))
        }

        private static let options = [
            "--memory", "256M", "--cpus", "1.5", "--publish", "127.0.0.1:2121:21", "--publish", "53:53/udp", "--env",
            "GREETING=say: \"yes\" # no", "--bind", "/srv/a b:/data:ro", "--",
            "/bin/serve",
            "--flag", "50%",
        ]

        @Test(
            "a Pod and a Deployment fit the schema of Kubernetes and carry command, environment, limits and binds as they are")
        func kubernetes() throws {
            let program = try World.program("manifests")
            let words = ["manifest", "kube", "ftp_server", "--image", "registry.example.org/ftp:1"]
            let pod = try checked(program.succeed(words + Self.options))
            let container = try #require(pod.spec.containers.first)
            #expect(pod.kind == "Pod" && container.image == "registry.example.org/ftp:1")
            #expect(container.command == ["/bin/serve", "--flag", "50%"])
            #expect(container.env?.first?.value == "say: \"yes\" # no")
            #expect(container.resources?.limits == ["memory": "268435456", "cpu": "1500m"])
            #expect(container.volumeMounts?.first?.mountPath == "/data" && container.volumeMounts?.first?.readOnly == true)
            #expect(
                container.ports == [
                    Pod.Spec.Port(containerPort: 21, hostPort: 2121, hostIP: "127.0.0.1", protocol: "TCP"),
                    Pod.Spec.Port(containerPort: 53, hostPort: 53, hostIP: nil, protocol: "UDP"),
                ])
            #expect(pod.spec.volumes?.first?.hostPath.path == "/srv/a b")
            _ = try StatementTests.check(program.succeed(words + ["--deployment"]), "kubernetes")
        }

        @Test("what a tool has no words for is told, in the file and as a warning")
        func notCarriedOver() throws {
            let program = try World.program("manifests-notes")
            let output = try runProgram(
                program.arguments([
                    "manifest", "kube", "ftp", "--image", "i:1", "--address", "10.0.0.2/24", "--host-address", "10.0.0.1/24",
                    "--pids",
                    "100",
                ]))
            #expect(output.status.succeeded)
            for option in ["--address", "--pids 100"] {
                #expect(output.text.contains("# Not carried over: \(option)"), "\(output.text)")
                #expect(output.standardError.contains("not carried over: \(option)"), "\(output.standardError)")
            }
            let lacking = try program.failure(["manifest", "quadlet", "ftp"])
            #expect(lacking.status == 2 && lacking.error.hint?.contains("--image") == true)
        }

        /// podman-systemd.unit(5), "Container section options": what each key is to `podman create`. Debian 12's podman comes without
        /// the generator that reads these files, so that its table stands for it.
        private static let quadletKeys = [
            "AddCapability": "--cap-add", "ContainerName": "--name", "DropCapability": "--cap-drop", "Environment": "--env",
            "Network": "--network", "PublishPort": "--publish", "User": "--user", "Volume": "--volume",
        ]

        /// What the generator makes of a `.container` file by that table; `$` and `%` are systemd's there, and doubled.
        private func podmanWords(_ container: [String]) throws -> [String] {
            var (options, image, command) = ([String](), "", [String]())
            for line in container {
                let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
                let (key, value) = (parts[0], parts[1].replacing("%%", with: "%").replacing("$$", with: "$"))
                let words = try JSONDecoder().decode(
                    [String].self,
                    from: Data(
                        try runChecked([
                            "python3", "-c", "import json, shlex, sys; print(json.dumps(shlex.split(sys.argv[1])))", value,
                        ])
                        .standardOutput))
                switch key {
                case "Image": image = value
                case "Exec": command = words
                case "PodmanArgs": options += words
                case "ReadOnly": options += ["--read-only"]
                case "NoNewPrivileges": options += ["--security-opt", "no-new-privileges"]
                case "Environment": options += words.flatMap { ["--env", $0] }
                default: options += [try #require(Self.quadletKeys[key], "podman knows no key \(key)"), value]
                }
            }
            return options + [image] + command
        }

        @Test("a .container file has keys that podman documents, values that podman takes, and sections that systemd takes")
        func quadlet() throws {
            let program = try World.program("manifests-quadlet")
            let directory = program.state.removingLastComponent()
            defer { _ = try? runProgram(["rm", "-rf", directory.string, "/run/provision-quadlet"]) }
            _ = try program.succeed(["minimal", "box"])
            let image = directory.appending("box.oci.tar")
            _ = try program.succeed(["pack", "box", "-o", image.string])
            let podman = [
                "podman", "--root", directory.appending("storage").string, "--runroot", "/run/provision-quadlet",
                "--storage-driver",
                "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none",
            ]
            let name = try runChecked(podman + ["pull", "-q", "oci-archive:\(image)"]).text.filter { !$0.isNewline }
            try Files.makeDirectory(directory.appending("a b"))
            let options = [
                "--memory", "256M", "--cpus", "1.5", "--pids", "100", "--io-weight", "200", "--env",
                "GREETING=say: \"yes\" # $no",
                "--bind", "\(directory)/a b:/data:ro", "--capability", "+NET_ADMIN", "--capability=-CHOWN", "--read-only",
                "--user",
                "nobody", "--timeout", "30",
            ]
            let words =
                ["manifest", "quadlet", "box", "--image", name] + options + ["--", "/bin/sh", "-c", "echo 50% \"$GREETING\""]
            let text = try program.succeed(words)
            var sections: [String: [String]] = [:]
            var section = ""
            for line in text.split(separator: "\n").map(String.init) where !line.hasPrefix("#") {
                if line.hasPrefix("[") { section = line } else { sections[section, default: []].append(line) }
            }
            #expect(sections.keys.sorted() == ["[Container]", "[Install]", "[Service]", "[Unit]"])

            let container = try #require(sections["[Container]"])
            let id = try runChecked(podman + ["create"] + podmanWords(container)).text.filter { !$0.isNewline }
            let shown = try runChecked(podman + ["container", "inspect", id]).text
            struct Shown: Decodable {
                struct Config: Decodable { var Cmd: [String], Env: [String], User: String }
                struct HostConfig: Decodable {
                    var Memory: Int, NanoCpus: Int, PidsLimit: Int, ReadonlyRootfs: Bool, NetworkMode: String
                    var CapAdd: [String], CapDrop: [String], SecurityOpt: [String], Binds: [String]
                }
                var Name: String, Config: Config, HostConfig: HostConfig
            }
            let made = try #require(try JSONDecoder().decode([Shown].self, from: Data(shown.utf8)).first)
            #expect(made.Name == "box" && made.Config.Cmd == ["/bin/sh", "-c", "echo 50% \"$GREETING\""])
            #expect(made.Config.Env.contains("GREETING=say: \"yes\" # $no") && made.Config.User == "nobody", "\(made.Config)")
            let host = made.HostConfig
            #expect(
                host.Memory == 256 << 20 && host.NanoCpus == 1_500_000_000 && host.PidsLimit == 100)
            #expect(
                host.ReadonlyRootfs && host.NetworkMode == "none"
                    && host.SecurityOpt.contains { $0.contains("no-new-privileges") })
            #expect(
                host.CapAdd == ["CAP_NET_ADMIN"] && host.CapDrop.contains("CAP_CHOWN") && !host.CapDrop.contains("CAP_KILL"),
                "\(host.CapAdd) \(host.CapDrop)")
            #expect(host.Binds.contains { $0.contains("/a b:/data:ro") }, "\(host.Binds)")

            // The other sections go to systemd as they are.
            let unit = directory.appending("box-verified.service")
            let rest = ["[Unit]", "[Service]", "[Install]"].flatMap { section in
                [section] + (sections[section] ?? []) + (section == "[Service]" ? ["ExecStart=/bin/true"] : [])
            }
            try Files.write(rest.joined(separator: "\n") + "\n", to: unit)
            let verified = try runProgram(["systemd-analyze", "verify", "--man=no", unit.string])
            #expect(verified.status.succeeded && !verified.standardError.contains("box-verified"), "\(verified.standardError)")
        }

        @Test("systemd-nspawn reads the .nspawn file and runs the command with its environment and binds")
        func nspawn() throws {
            let box = try BusyboxRoot()
            let program = try World.program("manifests-nspawn")
            let place = box.root.removingLastComponent()
            try Files.makeDirectory(place.appending("shown"))
            try Files.write("from the host\n", to: place.appending("shown/file"))
            _ = try program.succeed([
                "manifest", "nspawn", "box", "--directory", place.string, "--env", "GREETING=100% good", "--bind",
                "\(place)/shown:/mnt:ro", "--memory", "64M", "--", "/bin/sh", "-c",
                "echo $GREETING; cat /mnt/file; touch /mnt/x || echo kept",
            ])
            // A settings file beside the root is used as it stands when it is trusted; the command is nspawn's alone.
            let output = try runProgram([
                "systemd-nspawn", "--settings=trusted", "--register=no", "--keep-unit", "--quiet", "--pipe", "-D",
                box.root.string,
            ])
            #expect(output.text == "100% good\nfrom the host\nkept\n", "\(output.text)\n\(output.standardError)")
            let limits = try Files.readText(place.appending("limits.conf"))
            #expect(limits == "[Service]\nMemoryMax=67108864\nMemorySwapMax=0\n")
        }
    }
}
