import FoundationEssentials
import Glibc
import System
import SystemPackage
import Testing

extension EndToEnd {
    /// Debian's docker-registry with tokens, which a server of the tests signs.
    @Suite final class RegistryLoginTests {
        private struct Pushed: Decodable { var sentBytes: UInt64 }
        private struct Pulled: Decodable {
            struct Layer: Decodable { var digest: String }
            var layer: Layer
        }

        private let directory = World.directory.appending("tokens-\(UInt32.random(in: 0 ... .max))")
        private let tokens: TokenServer
        private let registry: DockerRegistry
        private let program: Program

        init() throws {
            try Files.makeDirectory(directory)
            let grants = [
                "maker": ["repository:team/.*:(pull|push)"], "reader": ["repository:team/.*:pull"],
                "guest": ["repository:team/guests:(pull|push)"],
            ]
            tokens = try TokenServer(
                in: directory.appending("server"), users: ["maker": "se:cret", "reader": "letters", "guest": "word"],
                grants: grants)
            registry = try DockerRegistry(in: directory.appending("registry"), auth: tokens.configuration)
            program = Program(in: directory.appending("here"))
            _ = try program.succeed(["minimal", "box"])
        }

        deinit { #expect(throws: Never.self) { try Files.remove(directory) } }

        /// Runs `body` with no logins but those of the files `docker/config.json` and `podman/containers/auth.json`.
        private func withLogins<Value>(docker: String? = nil, podman: String? = nil, _ body: () throws -> Value) throws -> Value
        {
            let places = ["HOME": "home", "XDG_RUNTIME_DIR": "podman", "XDG_CONFIG_HOME": "config", "DOCKER_CONFIG": "docker"]
            let before = places.keys.map { name in (name, getenv(name).map { String(cString: $0) }) }
            for (name, place) in places { setenv(name, directory.appending(place).string, 1) }
            defer { for (name, value) in before { if let value { setenv(name, value, 1) } else { unsetenv(name) } } }
            for (file, text) in [("docker/config.json", docker), ("podman/containers/auth.json", podman)] {
                let path = directory.appending(file)
                try Files.makeDirectory(path.removingLastComponent())
                try Files.remove(path)
                if let text { try Files.write(text, to: path) }
            }
            return try body()
        }

        private func logins(_ words: [String: String]) -> String {
            let entries = words.sorted { $0.key < $1.key }.map { place, words in
                "\"\(place)\": {\"auth\": \"\(Data(words.utf8).base64EncodedString())\"}"
            }
            return "{\"auths\": {\(entries.joined(separator: ", "))}}"
        }

        @Test("a token is asked for with the login that docker or podman kept, for what is done and no more")
        func scopes() throws {
            let pushed = try withLogins(docker: logins([registry.host: "maker:se:cret"])) {
                try program.json(Pushed.self, ["push", "box", "\(registry.host)/team/box:1"])
            }
            #expect(pushed.sentBytes > 0)
            let pushing = try #require(try tokens.requests().first)
            #expect(pushing.user == "maker" && pushing.scopes == ["repository:team/box:pull,push"], "\(pushing)")
            // The entry of the repository's folder comes before the registry's, which is wrong here.
            let there = Program(in: directory.appending("there"))
            try withLogins(podman: logins([registry.host: "maker:wrong", "\(registry.host)/team": "reader:letters"])) {
                let pulled = try there.json(Pulled.self, ["pull", "\(registry.host)/team/box:1"])
                #expect(try program.layers().first?.digest == pulled.layer.digest)
            }
            let pulling = try #require(try tokens.requests().last)
            #expect(pulling.user == "reader" && pulling.scopes == ["repository:team/box:pull"], "\(pulling)")
            #expect(try tokens.requests().count == 2)
        }

        @Test("a wrong password, none, and one that isn't enough end with 4, each with its own sentence")
        func refused() throws {
            let place = "\(registry.host)/team/box:1"
            try withLogins {
                let nobody = try program.failure(["push", "box", place])
                #expect(nobody.status == 4 && nobody.error.message.contains("without a login"), "\(nobody.error)")
                #expect(nobody.error.hint == "log in: podman login \(registry.host)")
            }
            try withLogins(docker: logins([registry.host: "maker:wrong"])) {
                let wrong = try program.failure(["push", "box", place])
                #expect(wrong.status == 4 && wrong.error.message.contains("refuses the login of \"maker\""), "\(wrong.error)")
                #expect(wrong.error.causes.contains { $0.contains("docker/config.json") }, "\(wrong.error.causes)")
            }
            try withLogins(docker: logins([registry.host: "reader:letters"])) {
                let reader = try program.failure(["push", "box", place])
                #expect(reader.status == 4 && reader.error.message.contains("doesn't let \"reader\" at"), "\(reader.error)")
            }
        }

        @Test("a token that is too old in the middle of a push is replaced by a new one, and the push goes on")
        func expiry() throws {
            let busybox = directory.appending("large-busybox")
            try runChecked([
                "sh", "-c", "cat /bin/busybox > \(busybox); head -c 40000000 /dev/urandom >> \(busybox); chmod 755 \(busybox)",
            ])
            _ = try program.succeed(["minimal", "large", "--busybox", busybox.string])
            let old = try tokens.agedToken(scope: "repository:team/large:pull,push")
            let aged = DoorRule(method: "PATCH", path: "/blobs/uploads/", skip: 1, authorization: "Bearer \(old)")
            let door = try RegistryDoor(to: registry.host, rules: [aged], log: directory.appending("door.log"))
            try withLogins(docker: logins([door.host: "maker:se:cret"])) {
                let push = ["push", "large", "\(door.host)/team/large:1", "--compression", "none"]
                #expect(try program.json(Pushed.self, push).sentBytes > 40_000_000)
                let there = Program(in: directory.appending("large-there"))
                _ = try there.succeed(["pull", "\(door.host)/team/large:1"])
            }
            let pieces = try door.requests().filter { $0.method == "PATCH" }.map(\.status)
            #expect(pieces == [202, 401, 202, 202])
            #expect(try tokens.requests().filter { $0.scopes == ["repository:team/large:pull,push"] }.count == 2)
        }

        @Test("docker's refresh token is traded for a token by OAuth2, with its scopes in one field")
        func refreshToken() throws {
            let user = Data("maker:".utf8).base64EncodedString()
            let entry = "{\"auths\": {\"\(registry.host)\": {\"auth\": \"\(user)\", \"identitytoken\": \"terc:es\"}}}"
            try withLogins(docker: entry) {
                _ = try program.succeed(["push", "box", "\(registry.host)/team/box:1"])
                // A second repository: its blobs may come from the first, which takes a scope more.
                _ = try program.succeed(["push", "box", "\(registry.host)/team/more:1"])
            }
            let seen = try tokens.requests()
            #expect(seen.allSatisfy { $0.method == "POST" && $0.status == 200 && $0.fields == 1 }, "\(seen)")
            #expect(seen.last?.scopes == ["repository:team/box:pull", "repository:team/more:pull,push"])
        }

        @Test("a blob is sent where the repository that has it may not be read")
        func foreignSource() throws {
            try withLogins(docker: logins([registry.host: "maker:se:cret"])) {
                _ = try program.succeed(["push", "box", "\(registry.host)/team/box:1"])
            }
            try withLogins(docker: logins([registry.host: "guest:word"])) {
                let pushed = try program.json(Pushed.self, ["push", "box", "\(registry.host)/team/guests:1"])
                #expect(pushed.sentBytes > 0)
            }
        }
    }
}
