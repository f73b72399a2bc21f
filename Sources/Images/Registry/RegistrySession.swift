internal import Diagnostics
internal import FoundationEssentials
internal import Glibc
internal import Model
internal import System
internal import Transfer

/// Requests to one repository of a registry: scheme, login, tokens and retries.
///
/// Sources: the OCI distribution specification 1.1, and Docker's registry token authentication.
final class RegistrySession {
    let reference: RegistryReference
    private let client: HTTPClient
    private let credentials: RegistryCredentials
    private let retries: Int
    private let progress: any ProgressSink
    private var base: String
    private let maySpeakHTTP: Bool
    /// What each scope's last answer allowed, as the Authorization header has it.
    private var authorization: String?
    private var scopes: [String]

    /// - Parameters:
    ///   - plainHTTP: speaks HTTP without TLS; a registry on the loopback may always.
    ///   - actions: `pull` or `pull,push`.
    ///   - sources: other repositories that blobs are mounted from.
    init(
        _ reference: RegistryReference, transport: TransportOptions, agent: String, plainHTTP: Bool, actions: String,
        sources: [String] = [], credentials: RegistryCredentials = RegistryCredentials(), progress: any ProgressSink
    ) throws(ProvisionError) {
        self.reference = reference
        client = try HTTPClient(agent: agent, transport: transport)
        self.credentials = credentials
        retries = transport.retries
        self.progress = progress
        maySpeakHTTP = plainHTTP || reference.isLoopback
        base = "\(plainHTTP ? "http" : "https")://\(reference.host)/v2/\(reference.name)"
        scopes = ["repository:\(reference.name):\(actions)"] + sources.map { "repository:\($0):pull" }
    }

    /// `https://HOST/`: the login goes nowhere else.
    private var root: String { base.range(of: "/v2/").map { String(base[..<$0.lowerBound]) + "/" } ?? base }

    /// An absolute URL of a place below the repository, or of a Location that it answered with.
    func url(_ place: String) throws(ProvisionError) -> String {
        if place.hasPrefix("http://") || place.hasPrefix("https://") {
            guard place.hasPrefix("https://") || base.hasPrefix("http://") else {
                throw ProvisionError(.verification, "\"\(reference.registry)\" leads from https to \"\(place)\"")
            }
            return place
        }
        if place.hasPrefix("/") { return root + place.dropFirst() }
        return "\(base)/\(place)"
    }

    /// - Parameter accepted: statuses that are answers; others are errors, told with the registry's words.
    /// - Throws: `.unreachable`; `.notFound` for 404; `.verification` for 401 and 403; `.failed`.
    func perform(
        _ method: String, _ place: String, headers: [(String, String)] = [], body: HTTPRequest.Body = .none,
        limit: UInt64 = 8 << 20, accepted: Set<Int>, repeats: Bool = true,
        sink: ((UnsafeRawBufferPointer) throws(ProvisionError) -> Void)? = nil, sent: ((UInt64) -> Void)? = nil
    ) throws(ProvisionError) -> HTTPAnswer {
        var attempt = 0
        var hasLoggedIn = false
        while true {
            attempt += 1
            var request = HTTPRequest(
                method, try url(place), headers: headers, body: body, limit: limit, sink: sink, sent: sent)
            if let authorization, request.url.hasPrefix(root) {
                request.headers.append(("Authorization", authorization))
            }
            let answer: HTTPAnswer
            do throws(ProvisionError) { answer = try client.perform(request) } catch {
                if error.hint == HTTPClient.tlsHint, maySpeakHTTP, base.hasPrefix("https://") {
                    base = "http://" + base.dropFirst(8)
                    continue
                }
                guard error.code == .unreachable, repeats, attempt <= retries else { throw error }
                try wait(seconds: attempt, after: error.message)
                continue
            }
            if accepted.contains(answer.status) { return answer }
            if answer.status == 401, !hasLoggedIn {
                hasLoggedIn = true
                authorization = try login(answer)
                continue
            }
            if answer.status == 429 || answer.status >= 500, repeats, attempt <= retries {
                try wait(seconds: max(answer.retryAfter, attempt), after: "it answered \(answer.status)")
                continue
            }
            throw failure(answer, method, request.url)
        }
    }

    private func wait(seconds: Int, after reason: String) throws(ProvisionError) {
        progress.detail("\"\(reference.registry)\": \(reason); trying again")
        for _ in 0..<min(seconds, 60) * 10 {
            try Interruption.check()
            usleep(100_000)
        }
    }

    private struct ErrorAnswer: Decodable {
        struct Entry: Decodable {
            var code: String?
            var message: String?
        }
        var errors: [Entry]
    }

    private func failure(_ answer: HTTPAnswer, _ method: String, _ url: String) -> ProvisionError {
        let said = (try? JSONDecoder().decode(ErrorAnswer.self, from: Data(answer.body)))?.errors ?? []
        let causes =
            said.map { "\($0.code ?? "error"): \($0.message ?? "")" } + ["\(method) \(url) was answered with \(answer.status)"]
        switch answer.status {
        case 401, 403:
            return ProvisionError(
                .verification, "\"\(reference.registry)\" doesn't let us at \"\(reference.name)\"",
                hint: "log in: podman login \(reference.registry)", causes: causes)
        case 404:
            return ProvisionError(.notFound, "\"\(reference)\" is not in the registry", causes: causes)
        default:
            return ProvisionError(.failed, "\"\(reference.registry)\" refused", causes: causes)
        }
    }

    // MARK: - Logging in

    private struct Token: Decodable {
        var token: String?
        var access_token: String?
    }

    /// The Authorization header that an answer of 401 asks for.
    private func login(_ answer: HTTPAnswer) throws(ProvisionError) -> String {
        let login = try credentials.login(for: reference)
        for challenge in answer.headers["www-authenticate"] ?? [] {
            let (scheme, parameters) = RegistrySession.challenge(challenge)
            switch scheme {
            case "basic":
                guard let login else { throw failure(answer, "GET", base) }
                return login.basic
            case "bearer":
                guard let realm = parameters["realm"] else { continue }
                return "Bearer " + (try token(realm, parameters, login))
            default: continue
            }
        }
        throw failure(answer, "GET", base)
    }

    private func token(
        _ realm: String, _ parameters: [String: String], _ login: RegistryCredentials.Login?
    ) throws(ProvisionError) -> String {
        guard realm.hasPrefix("https://") || (realm.hasPrefix("http://") && base.hasPrefix("http://")) else {
            throw ProvisionError(.verification, "\"\(reference.registry)\" wants the password sent to \"\(realm)\"")
        }
        var query: [(String, String)] = parameters["service"].map { [("service", $0)] } ?? []
        query += Set(scopes + (parameters["scope"].map { [$0] } ?? [])).sorted().map { ("scope", $0) }
        var request: HTTPRequest
        if let login, let identity = login.identityToken {
            // OAuth2, RFC 6749 section 6.
            query += [("grant_type", "refresh_token"), ("refresh_token", identity), ("client_id", "provision")]
            request = HTTPRequest(
                "POST", realm, headers: [("Content-Type", "application/x-www-form-urlencoded")],
                body: .bytes(Array(RegistrySession.form(query).utf8)))
        } else {
            request = HTTPRequest("GET", realm + (realm.contains("?") ? "&" : "?") + RegistrySession.form(query))
            if let login { request.headers.append(("Authorization", login.basic)) }
        }
        let answer = try client.perform(request)
        guard answer.status == 200 else { throw failure(answer, request.method, realm) }
        let token = try? JSONDecoder().decode(Token.self, from: Data(answer.body))
        guard let text = token?.token ?? token?.access_token, !text.contains(where: \.isNewline) else {
            throw ProvisionError(.failed, "\"\(realm)\" gave no token")
        }
        return text
    }

    /// `Bearer realm="…",service="…"` taken apart (RFC 9110, 11.2); names in lower case.
    static func challenge(_ text: String) -> (scheme: String, parameters: [String: String]) {
        let scheme = text.prefix { $0 != " " }
        var parameters: [String: String] = [:]
        var rest = text.dropFirst(scheme.count)
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].filter { $0 != "," && $0 != " " }.lowercased()
            rest = rest[rest.index(after: equals)...]
            var value = ""
            if rest.first == "\"" {
                rest = rest.dropFirst()
                while let character = rest.popFirst(), character != "\"" {
                    value.append(character == "\\" ? rest.popFirst() ?? character : character)
                }
            } else {
                while let character = rest.first, character != "," { value.append(character); rest = rest.dropFirst() }
            }
            parameters[name] = value
        }
        return (scheme.lowercased(), parameters)
    }

    static func form(_ pairs: [(String, String)]) -> String {
        pairs.map { "\($0.0)=\(encoded($0.1))" }.joined(separator: "&")
    }

    private static func encoded(_ text: String) -> String {
        text.utf8.map { byte in
            let character = Character(Unicode.Scalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
                return String(character)
            }
            let digits = String(byte, radix: 16, uppercase: true)
            return "%" + (digits.utf8.count == 1 ? "0" : "") + digits
        }.joined()
    }
}
