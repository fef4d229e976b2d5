"""NUL in what browsers send: left out of fields, refused in addresses, and still told to applications."""

from __future__ import annotations

import io

import pytest
from flask import Flask, request
from flask.testing import FlaskClient

from dashboard.parameters import TextWithoutNul


def test_fields_of_query_and_form_lose_their_nul(app: Flask) -> None:
    with app.test_request_context("/campaigns?q=a%00b&q=c", method="POST", data={"na\x00me": "Ad\x00a", "other": "x"}):
        assert request.args.getlist("q") == ["ab", "c"]
        assert request.form.to_dict() == {"name": "Ada", "other": "x"}


def test_files_keep_every_byte(app: Flask) -> None:
    data = {"name": "x\x00", "file": (io.BytesIO(b"a\x00b"), "rows.csv")}
    with app.test_request_context("/audiences", method="POST", data=data, content_type="multipart/form-data"):
        assert request.files["file"].read() == b"a\x00b"
        assert request.form["name"] == "x"


def test_applications_are_told(app: Flask) -> None:
    with app.test_request_context("/api/v1/messages?status=a%00b"):
        assert request.args["status"] == "a\x00b"
        assert not isinstance(request.args, TextWithoutNul)


@pytest.mark.parametrize("path", ["/reports/%00", "/unsubscribe/a%00b", "/webhooks/smtp/%00", "/search/%00", "/%00"])
def test_no_address_has_one(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404
