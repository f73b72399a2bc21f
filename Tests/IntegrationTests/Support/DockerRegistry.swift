import Glibc
import System
import SystemPackage

/// Debian's docker-registry on a free port of the loopback; stopped when the value goes.
final class DockerRegistry {
    private let daemon: Background
    private let directory: FilePath
    let host: String

    /// - Parameters:
    ///   - user: the only one who may, with this password; everybody where there is none.
    ///   - http: more lines of the configuration's section `http`, and `auth`: its section of that name.
    init(
        in directory: FilePath, user: String? = nil, password: String = "", http: String = "", auth: String = ""
    ) throws {
        self.directory = directory
        try Files.makeDirectory(directory.appending("storage"))
        let port = Int.random(in: 20_000..<30_000)
        host = "127.0.0.1:\(port)"
        var configuration = """
            version: 0.1
            log: {level: info, accesslog: {disabled: false}}
            storage:
              filesystem: {rootdirectory: \(directory)/storage}
              delete: {enabled: true}
            http: {addr: "\(host)", secret: test\(http.isEmpty ? "" : ", \(http)")}
            \(auth)
            """
        if let user {
            let passwords = try runChecked(["htpasswd", "-nbB", user, password]).text
            try Files.write(passwords, to: directory.appending("htpasswd"))
            configuration += "\nauth:\n  htpasswd: {realm: test, path: \(directory)/htpasswd}\n"
        }
        try Files.write(configuration, to: directory.appending("config.yml"))
        daemon = try Background(
            ["docker-registry", "serve", directory.appending("config.yml").string], output: directory.appending("log"))
        try daemon.expect("listening on")
    }

    deinit {
        daemon.signal(SIGTERM)
    }

    /// What came in so far, by the counters of the loopback (which counts everything that others send over it too).
    func receivedBytes() throws -> UInt64 {
        let text = try Files.readText("/sys/class/net/lo/statistics/rx_bytes")
        guard let bytes = UInt64(text.filter(\.isNumber)) else { throw TestFailure("no count of bytes: \(text)") }
        return bytes
    }
}
