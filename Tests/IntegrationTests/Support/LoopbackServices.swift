import Glibc
import System
import SystemPackage

/// A Python program that listens on the loopback and prints its port first; killed when the value goes.
final class LoopbackService {
    private let background: Background
    let port: Int

    init(_ source: String, _ arguments: [String], log: FilePath) throws {
        background = try Background(["python3", "-u", "-c", source] + arguments, output: log)
        try background.expect("listening\n")
        guard let port = Int(background.text.prefix { $0.isNumber }) else { throw TestFailure(background.text) }
        self.port = port
    }

    /// What it has printed: its port, `listening`, then a line for each request.
    var log: [String] { background.text.split(separator: "\n").dropFirst().map(String.init) }

    /// Serves the working directory over TLS; PATHs below /down/ are redirected to `redirect`. With `clients`, a file of
    /// certificates, who comes without one signed by them is turned away.
    static func tls(
        serving directory: FilePath, certificate: FilePath, key: FilePath, clients: FilePath? = nil, redirect: String = "",
        log: FilePath
    ) throws -> LoopbackService {
        try LoopbackService(
            """
            import functools, http.server, ssl, sys
            directory, certificate, key, clients, redirect = sys.argv[1:]
            class Handler(http.server.SimpleHTTPRequestHandler):
                def do_GET(self):
                    print(self.path)
                    if not self.path.startswith("/down/"): return super().do_GET()
                    self.send_response(302)
                    self.send_header("Location", redirect + self.path[5:])
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                def log_message(self, *words): pass
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            if clients:
                context.verify_mode = ssl.CERT_REQUIRED
                context.load_verify_locations(clients)
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=directory))
            server.socket = context.wrap_socket(server.socket, server_side=True)
            print("%d listening" % server.server_address[1])
            server.serve_forever()
            """, [directory.string, certificate.string, key.string, clients?.string ?? "", redirect], log: log)
    }

    /// A proxy for http and, by CONNECT, anything else, for whoever says `user` and `password`.
    static func proxy(user: String, password: String, log: FilePath) throws -> LoopbackService {
        try LoopbackService(
            """
            import base64, http.server, socket, sys, threading, urllib.parse
            wanted = "Basic " + base64.b64encode(sys.argv[1].encode()).decode()
            def pump(source, target):
                try:
                    while data := source.recv(65536): target.sendall(data)
                    target.shutdown(socket.SHUT_WR)
                except OSError: pass
            class Handler(http.server.BaseHTTPRequestHandler):
                def allowed(self):
                    right = self.headers.get("Proxy-Authorization") == wanted
                    print(self.command, self.path, "yes" if right else "no")
                    if not right:
                        self.send_response(407)
                        self.send_header("Proxy-Authenticate", 'Basic realm="test"')
                        self.send_header("Content-Length", "0")
                        self.end_headers()
                    return right
                def do_CONNECT(self):
                    if not self.allowed(): return
                    host, port = self.path.rsplit(":", 1)
                    with socket.create_connection((host, int(port))) as upstream:
                        self.send_response(200)
                        self.end_headers()
                        back = threading.Thread(target=pump, args=(upstream, self.connection))
                        back.start()
                        pump(self.connection, upstream)
                        back.join()
                    self.close_connection = True
                def do_GET(self):
                    if not self.allowed(): return
                    url = urllib.parse.urlsplit(self.path)
                    with socket.create_connection((url.hostname, url.port)) as upstream:
                        upstream.sendall(("GET %s HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n" % url.path).encode())
                        upstream.shutdown(socket.SHUT_WR)
                        while data := upstream.recv(65536): self.wfile.write(data)
                    self.close_connection = True
                def log_message(self, *words): pass
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            print("%d listening" % server.server_address[1])
            server.serve_forever()
            """, ["\(user):\(password)"], log: log)
    }
}

/// A certificate authority made on the spot, a server's certificate for 127.0.0.1 and a client's.
struct TestCertificates {
    let directory: FilePath
    var authority: FilePath { directory.appending("ca.pem") }
    var server: FilePath { directory.appending("server.pem") }
    var serverKey: FilePath { directory.appending("server.key") }
    var client: FilePath { directory.appending("client.pem") }
    var clientKey: FilePath { directory.appending("client.key") }

    init(in directory: FilePath) throws {
        self.directory = directory
        try Files.makeDirectory(directory)
        try make("ca", subject: "/CN=Test authority", ["-x509", "-addext", "basicConstraints=critical,CA:TRUE"])
        let signed = ["-x509", "-CA", authority.string, "-CAkey", directory.appending("ca.key").string]
        try make("server", subject: "/CN=127.0.0.1", signed + ["-addext", "subjectAltName=IP:127.0.0.1"])
        try make("client", subject: "/CN=client", signed)
    }

    private func make(_ name: String, subject: String, _ options: [String]) throws {
        try runChecked(
            [
                "openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                subject,
                "-keyout", directory.appending("\(name).key").string, "-out", directory.appending("\(name).pem").string,
            ] + options)
    }
}
