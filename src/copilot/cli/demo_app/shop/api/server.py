"""The shop's API: products, and the total of a cart."""

import json
import os
import signal
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from urllib.parse import parse_qsl, urlsplit

import cart


class Server(ThreadingHTTPServer):
    """Finishes the requests it began before it ends."""

    daemon_threads = False

    def server_bind(self) -> None:
        """Bind without looking up this machine's name, which takes seconds on some networks."""
        TCPServer.server_bind(self)


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON."""

    def do_GET(self) -> None:
        """Answer one request."""
        url = urlsplit(self.path)
        if url.path == "/healthz":
            self.answer({"status": "ok"})
        elif url.path == "/products":
            self.answer([{"id": name, "title": title, "cents": cents} for name, (title, cents) in cart.PRODUCTS.items()])
        elif url.path == "/total":
            try:
                wanted = {product: int(quantity) for product, quantity in parse_qsl(url.query)}
                self.answer({"cents": cart.total(wanted)})
            except (KeyError, ValueError) as error:
                self.answer({"error": f"not in the shop: {error}"}, HTTPStatus.BAD_REQUEST)
        else:
            self.answer({"error": "not found"}, HTTPStatus.NOT_FOUND)

    def answer(self, value: object, status: HTTPStatus = HTTPStatus.OK) -> None:
        """Send a value as JSON."""
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    """Serve on $PORT until SIGTERM; requests that were begun are finished."""
    port = int(os.environ.get("PORT", "8080"))
    server = Server(("", port), Handler)
    # In a thread of its own, as shutdown waits for the loop that the signal interrupts.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    sys.stdout.write(f"api listens on port {port}\n")
    with server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main()
