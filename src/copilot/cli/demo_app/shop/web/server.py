"""The shop's front page, filled with what the API says."""

import html
import json
import os
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.request import urlopen

VERSION = "1.0"

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Shop</title>
<style>
  :root {{ color-scheme: light dark; --line: #8884; --soft: #8889; --accent: #0a7; }}
  body {{ font: 17px/1.5 system-ui, sans-serif; max-width: 34rem; margin: 12vh auto; padding: 0 1.5rem; }}
  header {{ display: flex; align-items: baseline; justify-content: space-between; }}
  h1 {{ margin: 0; letter-spacing: -.02em; }}
  .tag {{ color: var(--accent); border: 1px solid; border-radius: 1rem; padding: .05rem .7rem; font-size: .8rem; }}
  ul {{ list-style: none; padding: 0; margin: 1.5rem 0; border-top: 1px solid var(--line); }}
  li {{ display: flex; justify-content: space-between; padding: .8rem 0; border-bottom: 1px solid var(--line); }}
  li span:last-child {{ font-variant-numeric: tabular-nums; }}
  .total {{ font-weight: 600; }}
  footer, .sorry {{ color: var(--soft); font-size: .85rem; }}
</style>
<header><h1>Shop</h1><span class="tag">{environment}</span></header>
{content}
<footer>version {version}</footer>
</html>
"""


def main() -> None:
    """Serve on $PORT until SIGTERM; requests that were begun are finished."""
    port = int(os.environ.get("PORT", "8080"))
    server = Server(("", port), Handler)
    # In a thread of its own, as shutdown waits for the loop that the signal interrupts.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"web {VERSION} listens on port {port}\n")
    with server:
        server.serve_forever(poll_interval=0.1)


class Server(ThreadingHTTPServer):
    """Finishes the requests it began before it ends."""

    daemon_threads = False

    def server_bind(self) -> None:
        """Bind without looking up this machine's name, which takes seconds on some networks."""
        TCPServer.server_bind(self)


class Handler(BaseHTTPRequestHandler):
    """Answers with the page."""

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path == "/healthz":
            self.answer("ok\n", "text/plain")
        elif self.path == "/":
            try:
                self.answer(page(products()))
            except (OSError, ValueError, KeyError) as error:
                self.log_error("the api does not answer: %s", error)
                self.answer(page(None), status=HTTPStatus.BAD_GATEWAY)
        else:
            self.answer("not found\n", "text/plain", HTTPStatus.NOT_FOUND)

    def answer(self, text: str, kind: str = "text/html", status: HTTPStatus = HTTPStatus.OK) -> None:
        """Send a text."""
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def products() -> list[tuple[str, int]]:
    """Titles and prices in cents: all products, then one of each with shipping."""
    listed = ask("/products")
    one_of_each = "&".join(f"{product['id']}=1" for product in listed)
    prices = [(str(product["title"]), int(product["cents"])) for product in listed]
    return [*prices, ("One of each, delivered", int(ask(f"/total?{one_of_each}")["cents"]))]


def ask(path: str) -> Any:
    """What the API answers. Raises OSError when it does not, ValueError when that is not JSON."""
    # Every service of an environment is found at <service>.<endpoint>; the default is for trying it out by hand.
    endpoint = os.environ.get("COPILOT_SERVICE_DISCOVERY_ENDPOINT")
    api = f"http://api.{endpoint}:8080" if endpoint else "http://localhost:8081"
    with urlopen(api + path, timeout=5) as answer:
        return json.load(answer)


def page(rows: list[tuple[str, int]] | None) -> str:
    """The page; None: the products are not known."""
    if rows is None:
        content = '<p class="sorry">The products cannot be shown right now. Please try again in a moment.</p>'
    else:
        *items, last = (f"<span>{html.escape(title)}</span><span>€{cents / 100:.2f}</span>" for title, cents in rows)
        content = "<ul>{}<li class='total'>{}</li></ul>".format("".join(f"<li>{item}</li>" for item in items), last)
    environment = html.escape(os.environ.get("COPILOT_ENVIRONMENT_NAME", "your machine"))
    return PAGE.format(environment=environment, content=content, version=VERSION)


if __name__ == "__main__":
    main()
