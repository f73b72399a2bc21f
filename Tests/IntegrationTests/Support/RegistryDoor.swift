import FoundationEssentials
import System
import SystemPackage

/// A request as a service of the tests saw it.
struct SeenRequest: Decodable {
    var method: String
    var path: String
    /// Of the request's content, as far as it was read.
    var bytes: Int
    /// Of the answer's content, as far as it was sent.
    var sent: Int
    /// 0 where the connection was cut instead.
    var status: Int
    /// Seconds of a clock that never stands still.
    var time: Double
}

/// What goes wrong with some requests on their way through a door.
struct DoorRule: Encodable {
    var method: String
    /// A regular expression that is found in the path.
    var path: String
    /// So many such requests go through untouched first.
    var skip = 0
    var times = 1
    /// Cuts both connections after so many bytes of the request's content.
    var cut: Int?
    /// Cuts the connection after so many bytes of the answer's content.
    var cutAnswer: Int?
    /// Answers with this instead of asking the registry.
    var status: Int?
    var retryAfter: Int?
    /// Takes this header off.
    var drop: String?
    /// Puts this in the place of the Authorization header.
    var authorization: String?
}

/// Stands before a registry of the loopback, lets requests through, counts their bytes, and misbehaves by rules.
final class RegistryDoor {
    private let service: LoopbackService
    var host: String { "127.0.0.1:\(service.port)" }

    init(to upstream: String, rules: [DoorRule], log: FilePath) throws {
        let words = String(decoding: try JSONEncoder().encode(rules), as: UTF8.self)
        service = try LoopbackService(Self.source, [upstream, words], log: log)
    }

    func requests() throws -> [SeenRequest] { try service.seen() }

    private static let source = """
        import http.client, http.server, json, re, select, socket, sys, threading, time
        upstream, rules = sys.argv[1], json.loads(sys.argv[2])
        lock = threading.Lock()
        def rule(method, path):
            with lock:
                for rule in rules:
                    if rule["method"] != method or not re.search(rule["path"], path): continue
                    if rule["skip"] > 0:
                        rule["skip"] -= 1
                        continue
                    if rule["times"] == 0: continue
                    rule["times"] -= 1
                    return rule
            return {}
        class Door(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def end(self):
                self.close_connection = True
                try: self.connection.shutdown(socket.SHUT_RDWR)
                except OSError: pass
            def serve(self):
                self.seen = dict(method=self.command, path=self.path, bytes=0, sent=0, status=0, time=time.monotonic())
                try: self.through(rule(self.command, self.path))
                except OSError: self.end()
                with lock: print(json.dumps(self.seen))
            def content(self, limit):
                rest = min(limit, int(self.headers.get("Content-Length", 0)))
                while rest > 0:
                    data = self.rfile.read1(min(65536, rest))
                    if not data: break
                    rest -= len(data)
                    self.seen["bytes"] += len(data)
                    yield data
            def through(self, rule):
                if "status" in rule:
                    for _ in self.content(1 << 60): pass
                    self.seen["status"] = rule["status"]
                    self.send_response(rule["status"])
                    if "retryAfter" in rule: self.send_header("Retry-After", str(rule["retryAfter"]))
                    self.send_header("Content-Length", "0")
                    return self.end_headers()
                there = http.client.HTTPConnection(upstream)
                there.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() == rule.get("drop", "").lower(): continue
                    if name == "Authorization": value = rule.get("authorization", value)
                    there.putheader(name, value)
                there.endheaders()
                for data in self.content(rule.get("cut", 1 << 60)):
                    # An answer that comes before its time: the rest is read, and goes nowhere.
                    if not select.select([there.sock], [], [], 0)[0]: there.send(data)
                if "cut" in rule:
                    there.close()
                    return self.end()
                answer = there.getresponse()
                length = answer.getheader("Content-Length")
                content = answer.read() if length is None else None
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("connection", "transfer-encoding", "content-length"): self.send_header(name, value)
                self.send_header("Content-Length", length or str(len(content)))
                self.end_headers()
                rest = rule.get("cutAnswer", 1 << 60)
                while rest > 0:
                    data = content if content is not None else answer.read(min(65536, rest))
                    if not data: break
                    self.wfile.write(data)
                    self.seen["sent"] += len(data)
                    rest -= len(data)
                    content = b"" if content is not None else None
                if "cutAnswer" in rule: return self.end()
                self.seen["status"] = answer.status
            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve
            def log_message(self, *words): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Door)
        server.daemon_threads = True
        print("%d listening" % server.server_address[1])
        server.serve_forever()
        """
}

/// A registry that keeps each byte of an upload that arrived, as the specification has it, and takes no byte twice.
final class ExactRegistry {
    private let service: LoopbackService
    var host: String { "127.0.0.1:\(service.port)" }

    /// - Parameter cuts: before the end of so many bytes of uploads each, it cuts the connection.
    init(cuts: [Int], log: FilePath) throws {
        service = try LoopbackService(Self.source, cuts.map(String.init), log: log)
    }

    func requests() throws -> [SeenRequest] { try service.seen() }

    private static let source = """
        import hashlib, http.server, json, socket, sys, time, urllib.parse
        cuts = [int(word) for word in sys.argv[1:]]
        blobs, uploads, manifests = set(), {}, {}
        class Registry(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def serve(self):
                global received
                self.seen = dict(method=self.command, path=self.path, bytes=0, sent=0, status=0, time=time.monotonic())
                self.answer()
                print(json.dumps(self.seen))
            def say(self, status, *headers):
                self.seen["status"] = status
                self.send_response(status)
                for name, value in headers: self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()
            def take(self, into):
                rest = int(self.headers.get("Content-Length", 0))
                if cuts and len(into) + rest > cuts[0]: rest = max(0, cuts[0] - len(into))
                cut = rest < int(self.headers.get("Content-Length", 0))
                while rest > 0:
                    data = self.rfile.read1(min(65536, rest))
                    if not data: break
                    rest -= len(data)
                    self.seen["bytes"] += len(data)
                    into += data
                if cut:
                    cuts.pop(0)
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                return not cut
            def answer(self):
                url = urllib.parse.urlsplit(self.path)
                last = url.path.rsplit("/", 1)[1]
                if self.command == "HEAD": return self.say(200 if last in blobs else 404)
                if "/manifests/" in url.path:
                    manifests[last] = bytearray()
                    self.take(manifests[last])
                    return self.say(201)
                if self.command == "POST":
                    name = "upload%d" % len(uploads)
                    uploads[name] = bytearray()
                    return self.say(202, ("Location", self.path + name), ("Range", "0-0"))
                upload = uploads.get(last)
                if upload is None: return self.say(404)
                place = [("Location", url.path), ("Range", "0-%d" % max(0, len(upload) - 1))]
                if self.command == "GET": return self.say(204, *place)
                if self.command == "PATCH":
                    if int(self.headers["Content-Range"].split("-")[0]) != len(upload): return self.say(416, *place)
                    if not self.take(upload): return
                    return self.say(202, ("Location", url.path), ("Range", "0-%d" % (len(upload) - 1)))
                digest = urllib.parse.parse_qs(url.query)["digest"][0]
                if not self.take(upload): return
                if "sha256:" + hashlib.sha256(upload).hexdigest() != digest: return self.say(400)
                blobs.add(digest)
                self.say(201)
            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = serve
            def log_message(self, *words): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
        server.daemon_threads = True
        print("%d listening" % server.server_address[1])
        server.serve_forever()
        """
}

extension LoopbackService {
    /// Its lines as requests.
    func seen<Request: Decodable>(_ type: Request.Type = Request.self) throws -> [Request] {
        try log.map { try JSONDecoder().decode(Request.self, from: Data($0.utf8)) }
    }
}
