"""HTTP/1.1 server: threaded, persistent connections, no access log; in a thread, or alone.

werkzeug's server closes each connection, and the client's pool is one of the things to test. So
requests are handled here, with werkzeug's server and parser.
"""

from __future__ import annotations

import signal
import socket
from contextlib import contextmanager, suppress
from io import BytesIO
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from icalbridge.sandbox.broken import BREAK_OFF

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from flask import Flask

LONGEST_BODY = 1_048_576
"""Octets of a request body that are read, even if unused, to keep the connection open."""
PATIENCE_SECONDS = 5
"""How long an ending server waits for requests in progress."""


class _Handler(WSGIRequestHandler):
    """Answers the requests of one connection, one after another."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    """Head and body leave together: two small writes would meet the client's delayed ACK."""

    def version_string(self) -> str:
        return "icalbridge-sandbox"

    def log(self, *_args: Any, **_kwargs: Any) -> None:
        """Log nothing: a test reads `requests` of the application instead."""

    def run_wsgi(self) -> None:
        """Handle one request; a ConnectionError out of the body is a fault that broke the
        connection.
        """
        self.environ = self.make_environ()
        head: list[tuple[str, list[tuple[str, str]]]] = []
        self._take_body()
        body = self.server.app(
            self.environ, lambda status, headers, _error=None: _set_head(head, status, headers)
        )
        try:
            self._send(head, body)
        except ConnectionError:
            self.close_connection = True
        finally:
            if hasattr(body, "close"):
                body.close()

    def _take_body(self) -> None:
        """Read the body at once, so that the next request on the connection begins after it.

        The connection ends after a body that is too long, or of unknown length.
        """
        length = self.headers.get("Content-Length", "0")
        if (
            "Transfer-Encoding" in self.headers
            or not (length.isascii() and length.isdigit())
            or int(length) > LONGEST_BODY
        ):
            self.close_connection = True
        else:
            self.environ["wsgi.input"] = BytesIO(self.rfile.read(int(length)))

    def _send(self, head: list[tuple[str, list[tuple[str, str]]]], body: Iterable[bytes]) -> None:
        parts = iter(body)
        first = next(parts, b"")
        status, headers = head[0]
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        for name, value in headers:
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(first)
        for part in parts:
            self.wfile.write(part)
        self.wfile.flush()


def _set_head(
    head: list[tuple[str, list[tuple[str, str]]]], status: str, headers: list[tuple[str, str]]
) -> Any:
    head[:] = [(status, headers)]
    return head.append


class _Server(ThreadedWSGIServer):
    """Knows its connections, so that ending it ends them too."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        self._open: set[socket.socket] = set()
        self._changed = Condition()
        self._stopping = app.extensions["sandbox"].stopping
        self._stopping.clear()
        # werkzeug ends the process when the port is taken; a socket opened here raises OSError
        # instead
        with socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        ) as opened:
            super().__init__(host, port, app, _Handler, fd=opened.fileno())

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._changed:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._changed:
                self._open.discard(request)
                self._changed.notify_all()

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; one that a fault has marked without the FIN that would soften the
        RST.
        """
        with suppress(OSError):
            if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(BREAK_OFF)) == BREAK_OFF:
                self.close_request(request)
                return
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing if a client went away during a request."""

    def end(self) -> None:
        """End all connections, and wait for their threads."""
        self._stopping.set()
        with self._changed:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._open, PATIENCE_SECONDS)


@contextmanager
def serve_in_thread(app: Flask, port: int = 0) -> Iterator[str]:
    """Serve on 127.0.0.1 until the block ends; yield the API's base address. Raises `OSError`: the
    port is taken.
    """
    server = _Server(app, "127.0.0.1", port)
    thread = Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="sandbox", daemon=True
    )
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.end()


def run(
    app: Flask, host: str, port: int, on_started: Callable[[str], None] = lambda _url: None
) -> None:
    """Serve until SIGTERM or SIGINT, from the main thread; `on_started` gets the API's base URL.

    Raises `OSError`: the port is taken.
    """
    server = _Server(app, host, port)
    on_started(f"http://{f'[{host}]' if ':' in host else host}:{server.port}/v1")
    # both by name: a shell starts background jobs with SIGINT ignored
    before = {
        number: signal.signal(number, signal.default_int_handler)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with suppress(KeyboardInterrupt):
            server.serve_forever()
        server.end()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
