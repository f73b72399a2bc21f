import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Connections to registries that break, registries that are busy, and certificates.
    @Suite final class RegistryFaultTests {
        private struct Pushed: Decodable {
            struct Layer: Decodable { var digest: String, size: UInt64 }
            var layers: [Layer]
        }
        private struct Pulled: Decodable {
            struct Layer: Decodable { var digest: String }
            var layer: Layer
            var downloadedBytes: UInt64
        }

        private let directory = World.directory.appending("faults-\(UInt32.random(in: 0 ... .max))")
        private let program: Program

        init() throws {
            try Files.makeDirectory(directory)
            program = Program(in: directory.appending("here"))
            _ = try program.succeed(["minimal", "box"])
        }

        deinit { #expect(throws: Never.self) { try Files.remove(directory) } }

        /// A layer of 40 MB that nothing makes smaller: three pieces.
        private func makeLarge() throws {
            let busybox = directory.appending("large-busybox")
            try runChecked([
                "sh", "-c", "cat /bin/busybox > \(busybox); head -c 40000000 /dev/urandom >> \(busybox); chmod 755 \(busybox)",
            ])
            _ = try program.succeed(["minimal", "large", "--busybox", busybox.string])
        }

        @Test("an upload that breaks off goes on from the byte that arrived: none is sent twice")
        func brokenUpload() throws {
            try makeLarge()
            // In the first piece, in the second, and once more in that.
            let registry = try ExactRegistry(cuts: [5_000_000, 20_000_001, 30_000_000], log: directory.appending("exact.log"))
            let pushed = try program.json(Pushed.self, ["push", "large", "\(registry.host)/large:1", "--compression", "none"])
            let size = try #require(pushed.layers.first?.size)
            let seen = try registry.requests()
            let pieces = seen.filter { $0.method == "PATCH" }
            #expect(size > 40_000_000 && pieces.reduce(0) { $0 + $1.bytes } == Int(size), "\(pieces)")
            #expect(pieces.filter { $0.status == 0 }.count == 3 && pieces.allSatisfy { $0.status != 416 })
            #expect(
                seen.filter { $0.method == "POST" && $0.path.contains("uploads") }.count == 2,
                "one each for layer and configuration")
        }

        @Test("docker-registry, which can't go on within a piece, gets the blob anew, and the image is whole")
        func lostUpload() throws {
            try makeLarge()
            let registry = try DockerRegistry(in: directory.appending("registry"))
            let rules = [
                DoorRule(method: "PATCH", path: "/uploads/", skip: 1, cut: 3_000_000),
                // The configuration, and the layer's last request.
                DoorRule(method: "PUT", path: "/uploads/", skip: 1, cut: 100),
                DoorRule(method: "PUT", path: "/uploads/", cut: 0),
            ]
            let door = try RegistryDoor(to: registry.host, rules: rules, log: directory.appending("door.log"))
            _ = try program.succeed(["push", "large", "\(door.host)/large:1", "--compression", "none"])
            #expect(try door.requests().filter { $0.status == 0 }.count == 3)
            let there = Program(in: directory.appending("there"))
            let pulled = try there.json(Pulled.self, ["pull", "\(registry.host)/large:1"])
            #expect(try program.layers().first { $0.name == "large" }?.digest == pulled.layer.digest)
        }

        @Test("a pull that is cut goes on from there; without ranges it begins anew", arguments: [true, false])
        func brokenDownload(ranges: Bool) throws {
            try makeLarge()
            let registry = try DockerRegistry(in: directory.appending("registry"))
            let push = ["push", "large", "\(registry.host)/large:1", "--compression", "none"]
            let layer = try #require(try program.json(Pushed.self, push).layers.first)
            var rules = [
                DoorRule(method: "GET", path: layer.digest, cutAnswer: 7_000_000),
                DoorRule(method: "GET", path: layer.digest, cutAnswer: 9_000_000),
            ]
            if !ranges {
                rules[1].drop = "Range"
                rules.append(DoorRule(method: "GET", path: layer.digest, drop: "Range"))
            }
            let door = try RegistryDoor(to: registry.host, rules: rules, log: directory.appending("door.log"))
            let there = Program(in: directory.appending("there"))
            let pulled = try there.json(Pulled.self, ["pull", "\(door.host)/large:1"])
            #expect(try program.layers().first { $0.name == "large" }?.digest == pulled.layer.digest)
            let gets = try door.requests().filter { $0.path.contains(layer.digest) }
            #expect(gets.count == 3, "\(gets)")
            if ranges {
                #expect(gets.last.map { $0.sent < Int(layer.size) } == true, "\(gets)")
                #expect(pulled.downloadedBytes >= layer.size && pulled.downloadedBytes < layer.size + 100_000)
            }
        }

        @Test("a busy registry is asked again, not before it wants to be; one that stays busy is told of with 5")
        func busy() throws {
            let registry = try DockerRegistry(in: directory.appending("registry"))
            let rules = [
                DoorRule(method: "HEAD", path: "/blobs/", status: 503),
                DoorRule(method: "POST", path: "/uploads/", status: 502),
                DoorRule(method: "PUT", path: "/uploads/", status: 429, retryAfter: 2),
                DoorRule(method: "PUT", path: "/manifests/", status: 500),
                DoorRule(method: "GET", path: "/manifests/1", status: 504),
                DoorRule(method: "GET", path: "/manifests/later", status: 429, retryAfter: 86400),
                DoorRule(method: "GET", path: "/manifests/never", times: 100, status: 503),
            ]
            let door = try RegistryDoor(to: registry.host, rules: rules, log: directory.appending("door.log"))
            _ = try program.succeed(["push", "box", "\(door.host)/box:1"])
            let seen = try door.requests()
            let refused = try #require(seen.firstIndex { $0.status == 429 })
            let next = try #require(seen[(refused + 1)...].first { $0.path.contains("/blobs/") })
            #expect(next.time - seen[refused].time >= 2, "asked again after \(next.time - seen[refused].time) seconds")
            let there = Program(in: directory.appending("there"))
            _ = try there.succeed(["pull", "\(door.host)/box:1"])
            let later = try there.failure(["pull", "\(door.host)/box:later"])
            #expect(later.status == 5 && later.error.message.contains("86400 seconds"), "\(later.error)")
            let never = try there.failure(["pull", "\(door.host)/box:never"])
            #expect(never.status == 5 && never.error.message.contains("answers 503"), "\(never.error)")
        }

        @Test("a private authority's registry is refused until it is trusted, and is never spoken to in clear")
        func privateAuthority() throws {
            let certificates = try TestCertificates(in: directory.appending("certificates"))
            let tls = "tls: {certificate: \(certificates.server), key: \(certificates.serverKey)}"
            let registry = try DockerRegistry(in: directory.appending("registry"), http: tls)
            let place = "\(registry.host)/box:1"
            let stranger = try program.failure(["push", "box", place])
            #expect(stranger.status == 5 && stranger.error.message.contains("certificate"), "\(stranger.error)")
            #expect(stranger.error.hint?.contains("--cacert FILE") == true && stranger.error.message.contains("https://"))
            // Nothing is packed for a registry that can't be used.
            #expect(!Files.exists(program.cache.appending("packed")))
            #expect(try !runProgram(program.arguments(["push", "box", place])).standardError.contains("pack:"))
            _ = try program.succeed(["push", "box", place, "--cacert", certificates.authority.string])
            let there = Program(in: directory.appending("there"))
            _ = try there.succeed(["pull", place, "--no-tls-verify"])
            let log = try Files.readText(directory.appending("registry/log"))
            #expect(!log.contains("HTTP request to an HTTPS server"), "\(log)")
        }

        @Test("a registry that wants a client's certificate gets it")
        func clientCertificate() throws {
            let certificates = try TestCertificates(in: directory.appending("certificates"))
            let tls =
                "tls: {certificate: \(certificates.server), key: \(certificates.serverKey), clientcas: [\(certificates.authority)]}"
            let registry = try DockerRegistry(in: directory.appending("registry"), http: tls)
            let push = ["push", "box", "\(registry.host)/box:1", "--cacert", certificates.authority.string]
            // TLS 1.3 says so only when the request is under way, and the words depend on who is faster.
            #expect(try program.failure(push).status == 5)
            _ = try program.succeed(push + ["--cert", certificates.client.string, "--key", certificates.clientKey.string])
        }
    }
}
