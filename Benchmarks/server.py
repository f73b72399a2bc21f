"""A web server for benchmarks: serves a directory on the loopback, and can be a slow link.

    python3 Benchmarks/server.py DIRECTORY PORT-FILE [LATENCY-SECONDS BYTES-PER-SECOND]

With a latency every answer begins that much later, and all connections together get no more than the rate. It stands for
`tc netem`, which many kernels lack, and is the same wherever it runs.
"""
import functools
import http.server
import os
import sys
import threading
import time


class Line:
    """What all connections share: bytes leave one after another at the rate."""

    def __init__(self, rate):
        self.rate = rate
        self.lock = threading.Lock()
        self.free = 0.0

    def send(self, count):
        with self.lock:
            now = time.monotonic()
            self.free = max(self.free, now) + count / self.rate
            wait = self.free - now
        time.sleep(max(0, wait))


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # As web servers do: a short answer mustn't wait 40 ms for the acknowledgement of its header.
    disable_nagle_algorithm = True
    latency = 0.0
    line = None

    def log_message(self, *arguments):
        pass

    def do_GET(self):
        if self.latency:
            time.sleep(self.latency)
        path = self.translate_path(self.path)
        try:
            file = open(path, "rb")
            size = os.fstat(file.fileno()).st_size
        except OSError:
            return self.send_error(404)
        with file:
            start, end = self.range(size)
            self.send_response(200 if (start, end) == (0, size) else 206)
            self.send_header("Content-Length", str(end - start))
            self.send_header("Accept-Ranges", "bytes")
            if (start, end) != (0, size):
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.end_headers()
            if self.line is None:
                self.wfile.flush()
                while start < end:
                    start += os.sendfile(self.connection.fileno(), file.fileno(), start, end - start)
                return
            file.seek(start)
            while start < end:
                piece = file.read(min(1 << 14, end - start))
                self.line.send(len(piece))
                self.wfile.write(piece)
                start += len(piece)

    def range(self, size):
        wanted = self.headers.get("Range", "")
        if not wanted.startswith("bytes=") or "," in wanted:
            return 0, size
        first, _, last = wanted[6:].partition("-")
        start = int(first) if first else max(0, size - int(last))
        return start, min(size, int(last) + 1) if first and last else size


def main():
    directory, port_file = sys.argv[1:3]
    if len(sys.argv) > 3:
        Handler.latency = float(sys.argv[3])
        Handler.line = Line(float(sys.argv[4]))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=directory))
    server.daemon_threads = True
    with open(port_file + ".new", "w") as file:
        file.write(str(server.server_port))
    os.rename(port_file + ".new", port_file)
    server.serve_forever()


main()
