"""A directory behind a real HTTP server on this machine, that misbehaves as it is told."""

import contextlib
import select
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Server:
    """A directory over HTTP, and how it misbehaves."""

    root: Path
    url: str = ""
    failures: int = 0  # requests to answer with 503
    status: int = 503
    cut_after: int | None = None  # bytes after which every answer breaks off
    ranges: bool = True
    silent: bool = False  # accepts, and says nothing until the client has gone
    drips: bool = False  # a byte of the content at a time
    drips_head: bool = False  # a byte of the headers at a time
    dripped: int = 0  # bytes
    chunked: bool = False  # says no Content-Length
    claims: int | None = None  # bytes, in place of what there is
    wants: str | None = None  # the Authorization or the query without which everything is refused
    moved_to: str | None = None  # redirect everything there
    asked: Counter[str] = field(default_factory=Counter)  # paths, without queries
    given: list[str | None] = field(default_factory=list)  # each request's Authorization


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: Server, *args: object) -> None:
        self.about = server
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.close_connection = True
        about, (name, _, query) = self.about, self.path.partition("?")
        about.asked[name] += 1
        about.given.append(self.headers["Authorization"])
        if about.silent:
            self.rfile.read(1)
            return
        if about.drips_head:
            self._drip(b"HTTP/1.1 200 OK\r\n" + b"X-Long: long\r\n" * 10_000)
            return
        if about.moved_to is not None:
            self.send_response(302)
            self.send_header("Location", about.moved_to + self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if about.failures:
            about.failures -= 1
            self.send_error(about.status)
            return
        if about.wants not in (None, self.headers["Authorization"], query):
            self.send_error(403)
            return
        path = about.root / name.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        self._answer(path.read_bytes())

    def _answer(self, content: bytes) -> None:
        about = self.about
        start = (
            int(self.headers["Range"].split("=")[1].split("-")[0]) if about.ranges and "Range" in self.headers else 0
        )
        self.send_response(206 if start else 200)
        if about.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str((about.claims or len(content)) - start))
        self.end_headers()
        if about.drips:
            self._drip(content[start:])
            return
        body = content[start:][: about.cut_after]
        if about.chunked:
            whole = body == content[start:]
            pieces = [body[i : i + 1_000] for i in range(0, len(body), 1_000)]
            body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
            body += b"0\r\n\r\n" if whole else b""
        self.wfile.write(body)

    def _drip(self, content: bytes) -> None:
        with contextlib.suppress(OSError):  # the client has gone
            for byte in content:
                self.wfile.write(bytes([byte]))
                self.about.dripped += 1
                if select.select([self.connection], [], [], 0.02)[0]:  # ends when the client goes
                    return

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(root: Path) -> Iterator[Server]:
    """Serve a directory, from a thread, until the block ends."""
    about = Server(root)
    http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, about))
    http.daemon_threads = True
    about.url = f"http://127.0.0.1:{http.server_address[1]}"
    thread = threading.Thread(target=partial(http.serve_forever, 0.01))
    thread.start()
    try:
        yield about
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
