"""Servers that refuse everything and repeat whatever they were told: addresses, headers, bodies and passwords, as text and as codes."""

import base64
import json
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass
class Echoes:
    """Where they listen on loopback, and with which status the web server refuses."""

    http: str = ""
    mail: int = 0
    database: int = 0
    status: int = 401


class _Web(BaseHTTPRequestHandler):
    server: "_WebServer"

    def answer(self) -> None:
        """Refuse, and repeat all that came, the credentials also decoded."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
        basic = self.headers.get("Authorization", "").partition(" ")[2]
        try:
            plain = base64.b64decode(basic).decode("latin-1")
        except ValueError:
            plain = basic
        said = f"{self.path} {unquote(self.path)} {plain} {dict(self.headers)} {body}"
        error = {"message": said, "code": plain or basic, "type": basic, "param": self.path}
        reply = json.dumps({"error": error, "detail": said}).encode()
        self.send_response(self.server.echoes.status, f"No {plain}".replace("\n", " "))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.send_header("Location", f"http://{plain}@127.0.0.1:1{self.path}")
        self.send_header("WWW-Authenticate", f'Basic realm="{plain}"')
        self.send_header("X-Request-Id", plain or "none")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply)

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815  as the library calls them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _WebServer(ThreadingHTTPServer):
    def __init__(self, echoes: Echoes) -> None:
        super().__init__(("127.0.0.1", 0), _Web)
        self.echoes = echoes


class _Mail(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Take part until a login, and refuse that with what was sent."""
        self.wfile.write(b"220 post.example.org\r\n")
        for line in self.rfile:
            word, _, rest = line.strip().partition(b" ")
            if word.upper() == b"EHLO":
                self.wfile.write(b"250-post.example.org\r\n250 AUTH PLAIN\r\n")
            elif word.upper() == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                given = rest.split()[-1:] or [b""]
                try:
                    plain = base64.b64decode(given[0]).replace(b"\0", b" ")
                except ValueError:
                    plain = b""
                self.wfile.write(b"535 no: %b %b\r\n" % (rest, plain))


class _Database(socketserver.StreamRequestHandler):
    """What speaks PostgreSQL's protocol as far as a wrong password."""

    def handle(self) -> None:
        """Ask for the password in plain text, and refuse it with a message that repeats it."""
        while True:
            head = self.rfile.read(8)
            if len(head) < 8:
                return
            length, code = struct.unpack("!II", head)
            self.rfile.read(length - 8)
            if code != 196608:  # of encryption
                self.wfile.write(b"N")
                continue
            self.wfile.write(b"R" + struct.pack("!II", 8, 3))
            kind = self.rfile.read(5)
            if len(kind) < 5:
                return
            given = self.rfile.read(struct.unpack("!I", kind[1:])[0] - 4).rstrip(b"\0")
            fields = b"SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed with %b\0\0" % given
            self.wfile.write(b"E" + struct.pack("!I", len(fields) + 4) + fields)
            return


class _Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def echoing() -> Iterator[Echoes]:
    """Open a web server, a mail server and a database on loopback."""
    echoes = Echoes()
    web = _WebServer(echoes)
    mail, database = _Threads(("127.0.0.1", 0), _Mail), _Threads(("127.0.0.1", 0), _Database)
    servers = (web, mail, database)
    echoes.http = f"127.0.0.1:{web.server_port}"
    echoes.mail, echoes.database = mail.server_address[1], database.server_address[1]
    threads = [threading.Thread(target=one.serve_forever, args=(0.05,), daemon=True) for one in servers]
    for thread in threads:
        thread.start()
    try:
        yield echoes
    finally:
        for one, thread in zip(servers, threads, strict=True):
            one.shutdown()
            thread.join()
            one.server_close()
