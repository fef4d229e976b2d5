"""A real HTTP server on loopback that plays an application, and endpoints that point to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from dashboard.endpoints.kinds import KINDS
from dashboard.endpoints.models import WebhookEndpoint
from dashboard.endpoints.services import create_endpoint
from dashboard.extensions import db
from tests.web_server import WebServer


@dataclass(frozen=True)
class Reply:
    """What the server answers; `after`: it waits for that first."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b"thank you"
    after: threading.Event | None = None


@dataclass
class Listener:
    """The server's address, what it got (headers, body), and what it answers next; the last reply stays."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=lambda: [Reply()])
    full: threading.Event = field(default_factory=threading.Event)  # it has got `enough`
    enough: int = 0

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.got]


@contextmanager
def listener(*replies: Reply) -> Iterator[Listener]:
    """A server that answers with these replies, one after the other."""
    found = Listener(replies=list(replies) or [Reply()])
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with lock:
                found.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                if len(found.got) == found.enough:
                    found.full.set()
                reply = found.replies.pop(0) if len(found.replies) > 1 else found.replies[0]
            if reply.after is not None:
                reply.after.wait(300)
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            return None

    server = WebServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_port}/hooks"
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def new_endpoint(
    url: str = "http://127.0.0.1:9/hooks", kinds: Sequence[str] = tuple(KINDS), name: str = "Shop"
) -> tuple[WebhookEndpoint, str]:
    """An endpoint for every kind of event, and its secret."""
    return create_endpoint(name=name, url=url, kinds=kinds)


def fresh(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    """The endpoint as it stands in the database now."""
    identifier = endpoint.id
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(WebhookEndpoint, identifier)
