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
    /// Who we said that we are.
    private var login: RegistryCredentials.Login?
    private let scopes: [String]

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
    private var root: String { base.firstRange(of: "/v2/").map { String(base[..<$0.lowerBound]) + "/" } ?? base }

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

    /// - Parameters:
    ///   - accepted: statuses that are answers; others are errors, told with the registry's words.
    ///   - repeats: whether to try again later where no answer came, or one of `isPassing`. Never once the sink got something.
    ///   - sink: told of the answer's status with each piece.
    /// - Throws: `.unreachable`, also for a registry that goes on saying "later"; `.notFound` for 404; `.verification` for 401 and
    ///   403; `.failed`.
    func perform(
        _ method: String, _ place: String, headers: [(String, String)] = [], body: HTTPRequest.Body = .none,
        limit: UInt64 = 8 << 20, accepted: Set<Int>, repeats: Bool = true,
        sink: ((UnsafeRawBufferPointer, Int) throws(ProvisionError) -> Void)? = nil, sent: ((UInt64) -> Void)? = nil
    ) throws(ProvisionError) -> HTTPAnswer {
        var hasLoggedIn = false
        while true {
            var request = HTTPRequest(
                method, try url(place), headers: headers, body: body, limit: limit, sink: sink, sent: sent)
            if let authorization, request.url.hasPrefix(root) {
                request.headers.append(("Authorization", authorization))
            }
            let answer: HTTPAnswer
            do throws(ProvisionError) { answer = try exchange(request, repeats: repeats, accepted: accepted) } catch {
                guard error.hint == HTTPClient.tlsHint, base.hasPrefix("https://") else { throw error }
                guard maySpeakHTTP else {
                    var error = error
                    error.hint = HTTPClient.tlsHint + ": --plain-http allows that"
                    throw error
                }
                base = "http://" + base.dropFirst(8)
                continue
            }
            if accepted.contains(answer.status) { return answer }
            if answer.status == 401, !hasLoggedIn {
                hasLoggedIn = true
                authorization = try login(answer)
                continue
            }
            throw failure(answer, method, request.url)
        }
    }

    /// One request with its retries.
    private func exchange(
        _ request: HTTPRequest, repeats: Bool, accepted: Set<Int>
    ) throws(ProvisionError) -> HTTPAnswer {
        var request = request
        var hasBegun = false
        if let sink = request.sink {
            request.sink = { (bytes, status) throws(ProvisionError) in
                hasBegun = true
                try sink(bytes, status)
            }
        }
        var attempt = 0
        while true {
            attempt += 1
            let mayRepeat = repeats && attempt <= retries
            let pause: (seconds: Int, reason: String)
            do throws(ProvisionError) {
                let answer = try client.perform(request)
                guard RegistrySession.isPassing(answer.status), !accepted.contains(answer.status), mayRepeat else {
                    return answer
                }
                pause = (max(answer.retryAfter, attempt), "it answers \(answer.status)")
            } catch {
                guard error.code == .unreachable, !hasBegun, mayRepeat, !isTLSTrouble(error) else { throw error }
                pause = (attempt, error.message)
            }
            try wait(seconds: pause.seconds, after: pause.reason)
        }
    }

    private func isTLSTrouble(_ error: ProvisionError) -> Bool {
        error.hint == HTTPClient.tlsHint || error.hint == HTTPClient.certificateHint
    }

    /// Whether the same request may succeed later.
    static func isPassing(_ status: Int) -> Bool { status == 429 || status == 408 || status >= 500 }

    /// - Throws: `.unreachable` where that is longer than anybody sits and waits; `.interrupted`.
    func wait(seconds: Int, after reason: String) throws(ProvisionError) {
        guard seconds <= RegistrySession.longestWait else {
            throw ProvisionError(
                .unreachable, "\"\(reference.registry)\" is not to be asked again for \(seconds) seconds",
                hint: "try again then", causes: [reason])
        }
        progress.detail("\"\(reference.registry)\": \(reason); trying again")
        for _ in 0..<seconds * 10 {
            try Interruption.check()
            usleep(100_000)
        }
    }

    /// Seconds.
    private static let longestWait = 120

    private struct ErrorAnswer: Decodable {
        struct Entry: Decodable {
            var code: String?
            var message: String?
        }
        var errors: [Entry]
    }

    /// The specification's words for what is wrong: `DIGEST_INVALID` and the like.
    func errorCodes(_ answer: HTTPAnswer) -> [String] { errors(of: answer).compactMap(\.code) }

    /// None where it says nothing, or nothing that a registry says.
    private func errors(of answer: HTTPAnswer) -> [ErrorAnswer.Entry] {
        (try? JSONDecoder().decode(ErrorAnswer.self, from: Data(answer.body)))?.errors ?? []
    }

    func failure(_ answer: HTTPAnswer, _ method: String, _ url: String) -> ProvisionError {
        let causes =
            errors(of: answer).map { "\($0.code ?? "error"): \($0.message ?? "")" }
            + ["\(method) \(url) was answered with \(answer.status)"]
        switch answer.status {
        case 401, 403:
            guard let login else {
                return ProvisionError(
                    .verification, "\"\(reference.registry)\" doesn't let us at \"\(reference.name)\" without a login",
                    hint: "log in: podman login \(reference.registry)", causes: causes)
            }
            // A token was given for the password: it is what may be done with it that is missing.
            let isKnown = authorization?.hasPrefix("Bearer ") == true && url.hasPrefix(root)
            return ProvisionError(
                .verification,
                isKnown || answer.status == 403
                    ? "\"\(reference.registry)\" doesn't let \"\(login.user)\" at \"\(reference.name)\""
                    : "\"\(reference.registry)\" refuses the login of \"\(login.user)\"",
                hint: "log in as who may: podman login \(reference.registry)",
                causes: causes + ["the login is from \"\(login.file)\""])
        case 404:
            return ProvisionError(.notFound, "\"\(reference)\" is not in the registry", causes: causes)
        case let status where RegistrySession.isPassing(status):
            return ProvisionError(
                .unreachable, "\"\(reference.registry)\" can't be used now: it answers \(status)", hint: "try again later",
                causes: causes)
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
        login = try credentials.login(for: reference)
        authorization = nil
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
        let scopes = RegistrySession.merged(scopes + (parameters["scope"]?.split(separator: " ").map(String.init) ?? []))
        var request: HTTPRequest
        if let login, let identity = login.identityToken {
            // OAuth2, RFC 6749, section 6; scopes are one field (section 3.3).
            query += [("scope", scopes.joined(separator: " "))]
            query += [("grant_type", "refresh_token"), ("refresh_token", identity), ("client_id", "provision")]
            request = HTTPRequest(
                "POST", realm, headers: [("Content-Type", "application/x-www-form-urlencoded")],
                body: .bytes(Array(RegistrySession.form(query).utf8)))
        } else {
            query += scopes.map { ("scope", $0) }
            request = HTTPRequest("GET", realm + (realm.contains("?") ? "&" : "?") + RegistrySession.form(query))
            if let login { request.headers.append(("Authorization", login.basic)) }
        }
        let answer = try exchange(request, repeats: true, accepted: [200])
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

    /// Scopes with one for each resource: `TYPE:NAME:ACTION,ACTION`.
    static func merged(_ scopes: [String]) -> [String] {
        var actions: [String: Set<Substring>] = [:]
        for scope in scopes {
            guard let colon = scope.lastIndex(of: ":") else { continue }
            actions[String(scope[..<colon]), default: []].formUnion(scope[scope.index(after: colon)...].split(separator: ","))
        }
        return actions.map { "\($0.key):\($0.value.sorted().joined(separator: ","))" }.sorted()
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
