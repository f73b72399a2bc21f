internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import System
internal import SystemPackage

/// User names and passwords for registries, from the files that podman, skopeo and docker keep; see containers-auth.json(5).
struct RegistryCredentials {
    struct Login: Equatable {
        var user: String
        var password: String
        /// An OAuth2 refresh token, which docker keeps instead of a password.
        var identityToken: String?
        /// Where it was found.
        var file: FilePath

        var basic: String { "Basic " + Data("\(user):\(password)".utf8).base64EncodedString() }
    }

    private struct File: Decodable {
        struct Entry: Decodable {
            var auth: String?
            var username: String?
            var password: String?
            var identitytoken: String?
        }
        var auths: [String: Entry]?
        var credHelpers: [String: String]?
        var credsStore: String?
    }

    /// In the order in which they are asked.
    let files: [FilePath]

    /// Whether somebody named the file, which must be there then.
    private let isNamed: Bool

    /// Where the programs look, by the environment.
    init(environment: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }) {
        if let file = environment("REGISTRY_AUTH_FILE") {
            files = [FilePath(file)]
            isNamed = true
            return
        }
        isNamed = false
        let home = FilePath(environment("HOME") ?? "/root")
        let runtime = environment("XDG_RUNTIME_DIR").map { FilePath($0) } ?? FilePath("/run/containers/\(geteuid())")
        let configuration = environment("XDG_CONFIG_HOME").map { FilePath($0) } ?? home.appending(".config")
        let docker = environment("DOCKER_CONFIG").map { FilePath($0) } ?? home.appending(".docker")
        files = [
            runtime.appending("containers/auth.json"), runtime.appending("auth.json"),
            configuration.appending("containers/auth.json"), docker.appending("config.json"),
        ]
    }

    /// The login for an image: by its full name, then by ever shorter ones, last by the registry alone.
    ///
    /// - Throws: `.configuration` for a file that can't be read as one; `.unsupported` where a credential helper holds it.
    func login(for reference: RegistryReference) throws(ProvisionError) -> Login? {
        var keys = [reference.registry]
        for part in reference.name.split(separator: "/") { keys.insert(keys[0] + "/" + part, at: 0) }
        if reference.registry == "docker.io" { keys += ["https://index.docker.io/v1/", "index.docker.io"] }
        keys += ["https://\(reference.registry)", "https://\(reference.registry)/v1/", "https://\(reference.registry)/v2/"]
        for path in files {
            guard let bytes = try Files.readIfPresent(path) else {
                if isNamed {
                    throw ProvisionError(
                        .configuration, "there is no \"\(path)\", which REGISTRY_AUTH_FILE names",
                        hint: "log in with podman login --authfile FILE, or unset the variable")
                }
                continue
            }
            let file: File
            do { file = try JSONDecoder().decode(File.self, from: Data(bytes)) } catch {
                throw ProvisionError(
                    .configuration, "cannot read \"\(path)\": it isn't what podman or docker write", causes: ["\(error)"])
            }
            for key in keys {
                if let entry = file.auths?[key], let login = try login(entry, key, path) { return login }
            }
            if let helper = file.credHelpers?[reference.registry]
                ?? (file.auths?[reference.registry] != nil ? file.credsStore : nil)
            {
                throw ProvisionError(
                    .unsupported,
                    "the password for \"\(reference.registry)\" is kept by the program docker-credential-\(helper)",
                    hint: "log in with podman login --authfile FILE and set REGISTRY_AUTH_FILE=FILE",
                    causes: ["\"\(path)\" says so"])
            }
        }
        return nil
    }

    /// nil for an entry that only says that somebody logged in.
    private func login(_ entry: File.Entry, _ key: String, _ path: FilePath) throws(ProvisionError) -> Login? {
        if let user = entry.username, let password = entry.password {
            return Login(user: user, password: password, identityToken: entry.identitytoken, file: path)
        }
        guard let auth = entry.auth, !auth.isEmpty else {
            return entry.identitytoken.map { Login(user: "<token>", password: "", identityToken: $0, file: path) }
        }
        guard let data = Data(base64Encoded: auth), let colon = data.firstIndex(of: UInt8(ascii: ":")) else {
            throw ProvisionError(.configuration, "\"\(path)\": the entry of \"\(key)\" is not USER:PASSWORD in base64")
        }
        return Login(
            user: String(decoding: data[..<colon], as: UTF8.self),
            password: String(decoding: data[data.index(after: colon)...].filter { $0 != 0 }, as: UTF8.self),
            identityToken: entry.identitytoken, file: path)
    }
}
