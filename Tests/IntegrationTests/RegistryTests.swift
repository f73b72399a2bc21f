import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// OCI images: read and run by the programs of others, and through Debian's docker-registry to another state.
    @Suite struct RegistryTests {
        private struct Pushed: Decodable {
            struct Layer: Decodable { var name: String, digest: String, size: UInt64, sentBytes: UInt64 }
            var digest: String
            var layers: [Layer]
            var sentBytes: UInt64
            var attached: [String]
        }
        private struct Pulled: Decodable {
            struct Layer: Decodable { var name: String, digest: String, reused: Bool, brought: [String], parent: String? }
            var layer: Layer
            var downloadedBytes: UInt64
        }
        private struct Unpacked: Decodable { var name: String, digest: String, brought: [String] }
        private struct Index: Decodable {
            struct Platform: Decodable { var architecture: String, os: String }
            struct Entry: Decodable { var platform: Platform, digest: String }
            var manifests: [Entry]
        }

        /// What a tag is, as skopeo fetches it.
        private func index(_ tag: String) throws -> Index {
            let output = try runChecked(["skopeo", "inspect", "--raw", "--tls-verify=false", "docker://\(tag)"])
            return try JSONDecoder().decode(Index.self, from: Data(output.standardOutput))
        }

        private static let made: Result<(Program, base: BuildDocument, app: BuildDocument), any Error> = Result {
            let program = try World.program("registry")
            let base = try program.json(BuildDocument.self, ["base", "base", "bash", "coreutils", "vsftpd"])
            return (program, base, try program.json(BuildDocument.self, ["app", "tar", "--on", "base", "--name", "app"]))
        }

        @Test(
            "an OCI archive goes to another state and is the same layers there, whole in the eyes of rpm",
            arguments: ["oci.tar", "oci"])
        func roundTrip(format: String) throws {
            let (program, base, app) = try Self.made.get()
            let directory = World.directory.appending("oci-\(format)")
            try Files.makeDirectory(directory)
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            let there = Program(in: directory)
            let image = directory.appending("app.\(format)").string
            _ = try program.succeed(["pack", "app", "-o", image])
            let unpacked = try there.json(Unpacked.self, ["unpack", image])
            #expect(unpacked.digest == app.digest && unpacked.brought == ["base"])
            #expect(try there.layers().first { $0.name == "base" }?.digest == base.digest)
            let known = try program.withMounted("app", installedPackages)
            #expect(try there.withMounted("app", installedPackages) == known && !known.isEmpty)
            #expect(try there.run("verify", "app").status.succeeded)
        }

        @Test("skopeo, umoci and podman read the image, and podman and crun run it")
        func peers() throws {
            let (program, _, _) = try Self.made.get()
            let directory = World.directory.appending("oci-peers")
            try Files.makeDirectory(directory)
            defer { _ = try? runProgram(["rm", "-rf", directory.string, "/run/provision-podman"]) }
            let image = directory.appending("app.oci.tar")
            _ = try program.succeed(["pack", "app", "-o", image.string])
            let layout = directory.appending("app.oci")
            _ = try program.succeed(["pack", "app", "-o", layout.string])
            let inspected = try runChecked(["skopeo", "inspect", "oci-archive:\(image)"]).text
            #expect(inspected.contains("\"Architecture\": \"amd64\""))
            try runChecked(["umoci", "unpack", "--image", "\(layout):app", directory.appending("bundle").string])
            let rootfs = directory.appending("bundle/rootfs")
            // What umoci made of it is what we show merged, but for times.
            let place = directory.appending("merged")
            try Files.makeDirectory(place)
            _ = try program.succeed(["mount", "app", place.string])
            defer { #expect(throws: Never.self) { try program.succeed(["umount", place.string]) } }
            let differences = try TreeListing(of: rootfs).differences(from: TreeListing(of: place))
            #expect(differences.isEmpty, "\(differences.prefix(10))")
            let podman = [
                "podman", "--root", directory.appending("storage").string, "--runroot", "/run/provision-podman",
                "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--events-backend", "none",
            ]
            let pulled = try runChecked(podman + ["pull", "-q", "oci-archive:\(image)"]).text.filter { !$0.isNewline }
            let ran = try runProgram(
                podman + [
                    "run", "--rm", "--network", "none", "--cgroups", "disabled", "--security-opt", "seccomp=unconfined", pulled,
                    "/bin/bash", "-c", "tar --version | head -n 1; exit 7",
                ])
            #expect(ran.status == .exited(7) && ran.text.hasPrefix("tar (GNU tar)"), "\(ran.standardError)")
            let changes = """
                .process.terminal = false | .process.args = ["/bin/bash", "-c", "tar --version | head -n 1; exit 7"]
                | .linux.resources = {} | .linux.cgroupsPath = "" | .mounts |= map(select(.type != "cgroup"))
                """
            let configuration = directory.appending("bundle/config.json")
            try Files.write(try runChecked(["jq", changes, configuration.string]).text, to: configuration)
            let crun = try runProgram([
                "crun", "--root", directory.appending("crun").string, "--cgroup-manager", "disabled", "run", "--bundle",
                directory.appending("bundle").string, "provision-peer",
            ])
            #expect(crun.status == .exited(7) && crun.text.hasPrefix("tar (GNU tar)"), "\(crun.standardError)")
        }

        @Test("a registry takes what it lacks and nothing else, and gives it back to a state that lacks it")
        func pushAndPull() throws {
            let (program, _, app) = try Self.made.get()
            let registry = try DockerRegistry(in: World.directory.appending("docker-registry"))
            let name = "\(registry.host)/team/app"
            let first = try program.json(Pushed.self, ["push", "app", "\(name):1", "--sbom", "spdx", "--provenance"])
            #expect(first.layers.map(\.name) == ["base", "app"] && first.layers.allSatisfy { $0.sentBytes == $0.size })
            #expect(first.attached == ["application/spdx+json", "application/vnd.in-toto+json"])
            let again = try program.json(Pushed.self, ["push", "app", "\(name):1"])
            #expect(again.sentBytes == 0 && again.digest == first.digest)

            // A second version sends its own layer, counted on the wire.
            _ = try program.succeed(["app", "tar", "gzip", "--on", "base", "--name", "app2"])
            let before = try registry.receivedBytes()
            let second = try program.json(Pushed.self, ["push", "app2", "\(name):2"])
            #expect(second.layers.first?.sentBytes == 0 && second.layers.last?.sentBytes == second.layers.last?.size)
            let onTheWire = try registry.receivedBytes() - before
            #expect(onTheWire < second.sentBytes + second.sentBytes / 20 + (1 << 20), "\(onTheWire) for \(second.sentBytes)")
            // Another repository of the same registry takes its blobs from the first.
            let other = try program.json(Pushed.self, ["push", "app", "\(registry.host)/team/other:1"])
            #expect(other.layers.allSatisfy { $0.sentBytes == 0 })

            let there = Program(in: World.directory.appending("pulled"))
            defer { #expect(throws: Never.self) { try Files.remove(World.directory.appending("pulled")) } }
            let pulled = try there.json(Pulled.self, ["pull", "\(name):1"])
            #expect(pulled.layer.digest == app.digest && pulled.layer.brought == ["base"] && pulled.downloadedBytes > 0)
            let delta = try there.json(Pulled.self, ["pull", "\(name):2"])
            #expect(delta.layer.brought.isEmpty && delta.layer.parent == "base")
            #expect(delta.downloadedBytes < pulled.downloadedBytes / 2)
            let nothing = try there.json(Pulled.self, ["pull", "\(name):2"])
            #expect(nothing.layer.reused)
            // What others see of it.
            let referrers = try runChecked([
                "skopeo", "inspect", "--raw", "--tls-verify=false",
                "docker://\(name):\(first.digest.replacing(":", with: "-"))",
            ]).text
            #expect(referrers.contains("application/spdx+json") && referrers.contains("application/vnd.in-toto+json"))
            let missing = try there.failure(["pull", "\(name):3"])
            #expect(missing.error.code == "not-found", "\(missing.error)")
        }

        @Test("a tag for several architectures keeps those of others, one that it was alone too, and a pull takes its own")
        func multiArch() throws {
            let (program, _, _) = try Self.made.get()
            let directory = World.directory.appending("multi-arch")
            let registry = try DockerRegistry(in: directory)
            defer { #expect(throws: Never.self) { try Files.remove(directory) } }
            _ = try program.succeed(["minimal", "boxes"])
            let tag = "\(registry.host)/boxes:1"
            // Somebody else's image for another architecture, without an index.
            let layout = directory.appending("foreign.oci")
            _ = try program.succeed(["pack", "boxes", "-o", layout.string])
            try runChecked(["umoci", "config", "--image", "\(layout):boxes", "--architecture", "arm64"])
            try runChecked([
                "skopeo", "copy", "-q", "--dest-tls-verify=false", "oci:\(layout):boxes", "docker://\(tag)",
            ])
            let pushed = try program.json(Pushed.self, ["push", "boxes", tag, "--multi-arch"])
            let entries = try index(tag).manifests
            #expect(entries.map(\.platform.architecture).sorted() == ["amd64", "arm64"])
            #expect(entries.allSatisfy { $0.platform.os == "linux" })
            #expect(try program.json(Pushed.self, ["push", "boxes", tag, "--multi-arch"]).digest == pushed.digest)
            // A new version (what a machine changed) takes the place of its own architecture's.
            try program.succeed(["run", "boxes", "--machine", "newer", "--", "touch", "/etc/newer"])
            let newer = try program.json(Pushed.self, ["push", "newer", tag, "--multi-arch"])
            #expect(newer.layers.map(\.name) == ["boxes", "newer"] && newer.layers.first?.sentBytes == 0)
            let unknown = try program.failure(["push", "newer", "\(registry.host)/other:1", "--provenance"])
            #expect(unknown.error.code == "not-found")
            #expect(
                !(try runProgram(["skopeo", "inspect", "--tls-verify=false", "docker://\(registry.host)/other:1"]).status
                    .succeeded))
            let then = try index(tag).manifests
            #expect(then.count == 2 && Set(then.map(\.digest)).intersection(entries.map(\.digest)).count == 1)
            for (arch, name) in [("amd64", "x86_64"), ("arm64", "aarch64")] {
                let there = Program(in: World.directory.appending("pulled-\(arch)"))
                defer { #expect(throws: Never.self) { try Files.remove(there.state.removingLastComponent()) } }
                let pulled = try there.json(Pulled.self, ["pull", tag, "--name", "box", "--arch", name])
                #expect(pulled.layer.brought == (arch == "amd64" ? ["boxes"] : []))
                let raw = try runChecked([
                    "skopeo", "inspect", "--tls-verify=false", "--override-arch", arch, "docker://\(tag)",
                ]).text
                #expect(raw.contains("\"Architecture\": \"\(arch)\""))
            }
        }

        @Test("a registry that wants a password gets the one that podman or docker kept, and a wrong one is told")
        func passwords() throws {
            let (program, _, _) = try Self.made.get()
            let directory = World.directory.appending("private-registry")
            let registry = try DockerRegistry(in: directory, user: "maker", password: "secret:word")
            _ = try program.succeed(["minimal", "box"])
            let refused = try program.failure(["push", "box", "\(registry.host)/box:1"])
            #expect(refused.status == 4 && refused.error.hint?.contains("podman login") == true, "\(refused.error)")
            let file = directory.appending("auth.json")
            func login(_ words: String) throws {
                let auth = Data(words.utf8).base64EncodedString()
                try Files.write("{\"auths\": {\"\(registry.host)\": {\"auth\": \"\(auth)\"}}}", to: file)
            }
            setenv("REGISTRY_AUTH_FILE", file.string, 1)
            defer { unsetenv("REGISTRY_AUTH_FILE") }
            try login("maker:wrong")
            #expect(try program.failure(["push", "box", "\(registry.host)/box:1"]).status == 4)
            try login("maker:secret:word")
            #expect(try program.json(Pushed.self, ["push", "box", "\(registry.host)/box:1"]).sentBytes > 0)
            try Files.write("{\"credHelpers\": {\"\(registry.host)\": \"pass\"}}", to: file)
            let helper = try program.failure(["pull", "\(registry.host)/box:1"])
            #expect(helper.error.code == "unsupported" && helper.error.message.contains("docker-credential-pass"))
        }

        @Test("a layer from a registry that isn't what its digest says is refused, and nothing of it stays")
        func wrongBlob() throws {
            let (program, _, _) = try Self.made.get()
            let directory = World.directory.appending("lying-registry")
            let registry = try DockerRegistry(in: directory)
            _ = try program.succeed(["minimal", "liar"])
            let pushed = try program.json(Pushed.self, ["push", "liar", "\(registry.host)/liar:1"])
            let hex = try #require(pushed.layers.first?.digest.split(separator: ":").last.map(String.init))
            let blob = directory.appending("storage/docker/registry/v2/blobs/sha256/\(hex.prefix(2))/\(hex)/data")
            try runChecked(["dd", "if=/dev/zero", "of=\(blob)", "bs=1", "count=16", "seek=100", "conv=notrunc", "status=none"])
            let there = Program(in: World.directory.appending("pulled-lie"))
            defer { #expect(throws: Never.self) { try Files.remove(World.directory.appending("pulled-lie")) } }
            let failure = try there.failure(["pull", "\(registry.host)/liar:1"])
            #expect(failure.status == 4 && failure.error.message.contains("another blob"), "\(failure.error)")
            #expect(try there.layers().isEmpty && there.stagings == [])
            #expect(!Files.exists(there.cache.appending("blobs/sha256").appending(hex)))
        }
    }
}
