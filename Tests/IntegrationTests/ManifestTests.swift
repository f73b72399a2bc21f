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
