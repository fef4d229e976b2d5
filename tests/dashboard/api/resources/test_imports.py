"""Uploading a file under an Idempotency-Key: kept once, answered alike, and never over another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from dashboard.ids import parse_public_id
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import bearer
from worker.imports.files import files_of

CSV = b"email,name\nada@example.com,Ada\n"
Upload = Callable[..., TestResponse]


@pytest.fixture
def begun(app: Flask, call: Call) -> str:
    audience = (call("POST", "/audiences", {"name": "Customers"}).json or {})["id"]
    made: str = (call("POST", f"/audiences/{audience}/imports", {"filename": "a.csv"}).json or {})["id"]
    return made


@pytest.fixture
def upload(anonymous: FlaskClient, token: str, begun: str) -> Upload:
    def put(data: bytes = CSV, key: str | None = "one") -> TestResponse:
        headers = bearer(token, **({"Idempotency_Key": key} if key else {}))
        return anonymous.put(f"/api/v1/imports/{begun}/data", data=data, headers=headers, content_type="text/csv")

    return put


def kept(begun: str) -> bytes:
    return files_of(parse_public_id("imp", begun)).data.read_bytes()


def test_a_repetition_is_answered_as_the_first_was(upload: Upload, begun: str) -> None:
    first, again = upload(), upload()
    assert (first.status_code, first.json["state"]) == (200, "mapping")
    assert (again.status_code, again.text, again.headers["Idempotent-Replayed"]) == (200, first.text, "true")
    assert kept(begun) == CSV


def test_another_file_under_the_key_is_refused_and_not_kept(upload: Upload, begun: str) -> None:
    upload()
    other = upload(CSV + b"bob@example.com,Bob\n")
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")
    assert kept(begun) == CSV


@pytest.mark.parametrize("key", [None, "two"])
def test_a_file_that_is_there_is_never_written_over(upload: Upload, begun: str, key: str | None) -> None:
    upload()
    assert upload(b"email\nmallory@example.com\n", key).status_code == 422
    assert kept(begun) == CSV


def test_a_refused_upload_may_be_repeated_under_its_key(upload: Upload, call: Call, begun: str) -> None:
    upload()
    assert upload(key="two").status_code == 422
    assert upload(key="two").status_code == 422


def test_no_key_and_nonsense(upload: Upload) -> None:
    assert upload(key="no key").status_code == 422
    assert upload(key=None).status_code == 200
