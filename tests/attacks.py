"""A page of another origin, in a real browser, that tries every way a page has to reach a server on this machine."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from playwright.sync_api import Browser

PAGE = b"<!doctype html><meta charset=utf-8><title>somebody's page</title>"
SECONDS = 8
"""How long a browser may take for one way."""

# Each way ends with what the page has learnt or done, or with `refused`.
_WAYS = """async ([base, path, body, read, socket, seconds]) => {
  const json = JSON.stringify(body);
  const told = response => response.text().then(text => `read ${response.status} ${text.slice(0, 60)}`);
  const loaded = (element, set) => new Promise(done => {
    element.onload = () => done('loaded'); element.onerror = () => done('refused'); set(element);
    document.body.append(element);
  });
  const posted = enctype => new Promise(done => {
    const frame = document.createElement('iframe'), form = document.createElement('form');
    const field = document.createElement('input');
    frame.name = `answer${Math.random()}`; frame.onload = () => done('sent'); document.body.append(frame);
    Object.assign(form, {method: 'post', action: base + path, target: frame.name, enctype});
    [field.name, field.value] = [json.slice(0, -1) + ', "', '": 1}'];
    form.append(field); document.body.append(form); form.submit();
  });
  const open = (make, event) => new Promise(done => {
    const one = make();
    one.addEventListener(event, () => done('opened')); one.addEventListener('error', () => done('refused'));
  });
  const ways = {
    'fetch to read': () => fetch(base + read[1], {method: read[0]}).then(told),
    'fetch with credentials': () => fetch(base + read[1], {method: read[0], credentials: 'include'}).then(told),
    'fetch to write': () => fetch(base + path,
      {method: 'POST', body: json, headers: {'content-type': 'application/json'}}).then(told),
    'fetch with a header': () => fetch(base + read[1], {headers: {'x-prefect-api-version': '0.8.4'}}).then(told),
    'delete': () => fetch(base + path, {method: 'DELETE'}).then(told),
    'fetch without cors': () => fetch(base + path, {method: 'POST', mode: 'no-cors', body: json}).then(() => 'sent'),
    'fetch of no type': () => fetch(base + path, {method: 'POST', mode: 'no-cors', body: new Blob([json])}).then(() => 'sent'),
    'beacon': async () => navigator.sendBeacon(base + path, new Blob([json])) && 'sent',
    'form as text': () => posted('text/plain'),
    'form': () => posted('application/x-www-form-urlencoded'),
    'event source': () => open(() => new EventSource(base + read[1]), 'open'),
    'websocket': () => open(() => new WebSocket(base.replace('http', 'ws') + socket), 'open'),
    'websocket of prefect': () => open(() => new WebSocket(base.replace('http', 'ws') + socket, 'prefect'), 'open'),
    'image': () => loaded(document.createElement('img'), one => { one.src = base + '/favicon.ico'; }),
    'script': () => loaded(document.createElement('script'), one => { one.src = base + read[1]; }),
    'style': () => loaded(document.createElement('link'),
      one => Object.assign(one, {rel: 'stylesheet', href: base + '/'})),
    'frame': () => new Promise(done => {
      const frame = document.createElement('iframe');
      frame.onload = () => { try { done(`read ${frame.contentDocument.body.innerText}`); } catch { done('shown'); } };
      frame.src = base + '/'; document.body.append(frame);
    }),
    'frame in a sandbox': () => new Promise(done => {
      const frame = document.createElement('iframe');
      addEventListener('message', event => done(event.data));
      frame.sandbox = 'allow-scripts allow-forms';
      frame.srcdoc = `<script>fetch(${JSON.stringify(base + path)}, {method: 'POST', body: ${JSON.stringify(json)},
        headers: {'content-type': 'application/json'}}).then(() => 'written', () => 'refused')
        .then(said => parent.postMessage(said, '*'))<\\/script>`;
      document.body.append(frame);
    }),
  };
  const limit = () => new Promise(done => setTimeout(() => done('silence'), seconds * 1000));
  const found = await Promise.all(Object.entries(ways).map(async ([name, way]) =>
    [name, await Promise.race([limit(), way().catch(() => 'refused')])]));
  return Object.fromEntries(found);
}"""

LEARNT = ("read", "written", "opened", "loaded")
"""Words that begin what a way has brought; what was merely sent is looked for on the server."""


@contextmanager
def serving_a_page() -> Iterator[int]:
    """Serve a page on a port of its own; give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(PAGE)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def attack(
    browser: Browser,
    page: str,
    target: str,
    *,
    write: tuple[str, dict[str, object]],
    read: tuple[str, str],
    socket: str,
    cookies: dict[str, str] | None = None,
) -> dict[str, str]:
    """Open a page and let it try every way to a target; return what each has brought.

    `write` is a path and what is posted there, `read` a method and a path, `socket` the path of a websocket. `cookies`
    are those of somebody who uses the target in the same browser.
    """
    context = browser.new_context()
    try:
        for name, value in (cookies or {}).items():
            host = target.removeprefix("http://").partition(":")[0]
            cookie = {"name": name, "value": value, "domain": host, "path": "/"}
            context.add_cookies([cookie | {"httpOnly": True, "sameSite": "Strict"}])  # type: ignore[list-item]
        window = context.new_page()
        window.goto(page)
        found: dict[str, str] = window.evaluate(_WAYS, [target, *write, list(read), socket, SECONDS])
        window.wait_for_timeout(500)  # beacons and forms are on their way
        return found
    finally:
        context.close()
