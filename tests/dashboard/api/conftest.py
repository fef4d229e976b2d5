"""What API tests share: keys, and a call through Flask's client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from tests.factories.api_keys import bearer, new_key

Call = Callable[..., TestResponse]


@pytest.fixture
def token(app: Flask) -> str:
    """A key that may everything."""
    return new_key()[1]


@pytest.fixture
def call(anonymous: FlaskClient, token: str) -> Call:
    """`call("POST", "/messages", {…}, **headers)` with the key of `token`."""

    def ask(method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        own = bearer(headers.pop("token", token), **headers)
        return anonymous.open(f"/api/v1{path}", method=method, json=body, headers=own)

    return ask


@pytest.fixture
def server(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a real server on loopback that answers as in production, faults of ours included."""
    monkeypatch.setitem(app.config, "TESTING", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    listening = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.port}"
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
