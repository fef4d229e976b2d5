"""A vendor's web server on loopback that answers as a test wants: well, badly, late or not at all."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.web_server import WebServer


@dataclass(frozen=True)
class Seen:
    """A request as it came in. `form` and `query` keep the first value of each name."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What goes back. `held`: only when the test lets go, or the client has left. `cut`: the connection is closed
    instead, after the request was read."""

    status: int = 200
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    held: bool = False
    cut: bool = False

    @property
    def content(self) -> bytes:
        return self.body.encode() if isinstance(self.body, str) else self.body


def json_answer(payload: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(payload), {"Content-Type": "application/json", **headers})


class VendorServer:
    """`answer` is asked for each request and may be set anew at any time; `seen` keeps the requests in order.

    A path in `always_at` has an answer of its own, whatever `answer` is."""

    def __init__(self) -> None:
        self.answer: Callable[[Seen], Answer] = lambda seen: Answer()
        self.always_at: dict[str, Answer] = {}
        self.seen: list[Seen] = []
        self.connections = 0
        self.let_go = threading.Event()
        self._lock = threading.Lock()
        self._http = WebServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def always(self, answer: Answer) -> None:
        self.answer = lambda seen: answer

    def seen_at(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.let_go.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with server._lock:
                    server.connections += 1

            def handle_any(self) -> None:
                answer = server._asked(self)
                if answer.held:
                    server.let_go.wait(300)
                if answer.cut:
                    self.close_connection = True
                    return
                head = f"HTTP/1.1 {answer.status} .\r\nContent-Length: {len(answer.content)}\r\n"
                head += "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
                body = b"" if self.command == "HEAD" else answer.content
                try:
                    self.wfile.write(head.encode() + b"\r\n" + body)
                except OSError:
                    self.close_connection = True

            def log_message(self, *_: Any) -> None:
                return

        for method in ("GET", "POST", "HEAD", "PUT"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        return Handler

    def _asked(self, handler: BaseHTTPRequestHandler) -> Answer:
        length = int(handler.headers.get("Content-Length") or 0)
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        headers = {name.lower(): value for name, value in handler.headers.items()}
        seen = Seen(handler.command, parts.path, query, headers, handler.rfile.read(length))
        if handler.command == "HEAD":
            return Answer()
        with self._lock:
            self.seen.append(seen)
        return self.always_at.get(seen.path) or self.answer(seen)


@contextmanager
def vendor_server() -> Iterator[VendorServer]:
    server = VendorServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def unused_url() -> str:
    """Where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
