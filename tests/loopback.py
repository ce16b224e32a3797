"""An HTTP server on loopback that answers GET requests with what it is given."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def serving(
    replies: Mapping[str, object], seen: list[tuple[str, dict[str, str]]] | None = None
) -> Iterator[str]:
    """Answer each path with its reply, JSON unless it is bytes, and any other with 404; give the address of /v1.

    `seen` gets path, query and headers (names in small letters) of each request.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if seen is not None:
                seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            path = self.path.partition("?")[0]
            reply = replies.get(path)
            body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(200 if path in replies else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
