import FoundationEssentials
import System
import SystemPackage

/// Gives tokens that docker-registry believes: Docker's token authentication, with OAuth2's refresh tokens as well.
final class TokenServer {
    struct Request: Decodable {
        var method: String
        /// Empty for nobody.
        var user: String
        var scopes: [String]
        /// Fields named scope: OAuth2 has one.
        var fields: Int
        var status: Int
    }

    private let service: LoopbackService
    /// The section `auth` of the registry's configuration.
    let configuration: String
    var url: String { "http://127.0.0.1:\(service.port)/token" }

    /// - Parameters:
    ///   - users: passwords by name; the refresh token is the password read backwards.
    ///   - grants: what each may do: regular expressions of scopes such as `repository:team/.*:pull`.
    init(in directory: FilePath, users: [String: String], grants: [String: [String]]) throws {
        try Files.makeDirectory(directory)
        let (key, certificate) = (directory.appending("token.key"), directory.appending("token.pem"))
        try runChecked([
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tokens", "-keyout",
            key.string,
            "-out", certificate.string,
        ])
        func text(_ value: some Encodable) throws -> String { String(decoding: try JSONEncoder().encode(value), as: UTF8.self) }
        service = try LoopbackService(
            Self.source, [certificate.string, key.string, try text(users), try text(grants)],
            log: directory.appending("tokens.log"))
        configuration = """
            auth:
              token:
                realm: http://127.0.0.1:\(service.port)/token
                service: test-registry
                issuer: test-tokens
                rootcertbundle: \(certificate)
            """
    }

    func requests() throws -> [Request] { try service.seen() }

    /// A token for this scope that was good an hour ago.
    func agedToken(scope: String) throws -> String {
        try runChecked([
            "curl", "-sS", "-f", "-G", "http://127.0.0.1:\(service.port)/aged", "--data-urlencode", "scope=\(scope)",
        ]).text
    }

    private static let source = """
        import base64, http.server, json, re, subprocess, sys, time, urllib.parse
        certificate, key, users, grants = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), json.loads(sys.argv[4])
        def encoded(data): return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
        der = "".join(open(certificate).read().split("-----")[2].split())
        def token(user, scopes, age=0):
            access = []
            for scope in scopes:
                kind, name, actions = scope.split(":", 2)
                actions = [a for a in actions.split(",") if any(re.fullmatch(g, f"{kind}:{name}:{a}") for g in grants.get(user, []))]
                access.append(dict(type=kind, name=name, actions=actions))
            now = int(time.time()) - age
            claims = dict(iss="test-tokens", sub=user, aud="test-registry", exp=now + 300, nbf=now - 10, iat=now, jti="1",
                access=access)
            text = ".".join(encoded(json.dumps(part).encode()) for part in (dict(typ="JWT", alg="RS256", x5c=[der]), claims))
            sign = ["openssl", "dgst", "-sha256", "-sign", key, "-binary"]
            return text + "." + encoded(subprocess.run(sign, input=text.encode(), stdout=subprocess.PIPE, check=True).stdout)
        class Tokens(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = urllib.parse.parse_qs(url.query)
                scopes = query.get("scope", [])
                if url.path == "/aged": return self.say(200, token(next(iter(users)), scopes, 3600))
                user, password = "", ""
                words = self.headers.get("Authorization", "").split()
                if len(words) == 2: user, _, password = base64.b64decode(words[1]).decode().partition(":")
                self.give(user, user == "" or users.get(user) == password, scopes, len(scopes), "token")
            def do_POST(self):
                fields = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                secret = fields["refresh_token"][0][::-1]
                user = next((name for name in users if users[name] == secret), "")
                self.give(user, user != "", fields["scope"][0].split(), len(fields["scope"]), "access_token")
            def give(self, user, known, scopes, fields, word):
                status = 200 if known else 401
                print(json.dumps(dict(method=self.command, user=user, scopes=scopes, fields=fields, status=status)))
                self.say(status, json.dumps({word: token(user, scopes)} if known else dict(details="wrong password")))
            def say(self, status, text):
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())
            def log_message(self, *words): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
        print("%d listening" % server.server_address[1])
        server.serve_forever()
        """
}
