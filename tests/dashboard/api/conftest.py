"""What API tests share: keys, and a call through Flask's client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
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
