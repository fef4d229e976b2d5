"""Bytes arrive in slices that can be resumed, or in one plain form; limits are kept and said."""

from __future__ import annotations

import errno
import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from dashboard.accounts.models import Role
from dashboard.audiences import import_services
from dashboard.audiences.models import Audience, AudienceImport, ImportState
from dashboard.extensions import db, transaction
from tests.factories.audiences import fresh, new_audience
from worker.imports.files import files_of

CSV = b"email,name\n" + b"".join(b"person%d@example.com,Name\n" % n for n in range(300))
JSON = {"Accept": "application/json"}


def begin(client: FlaskClient, size: int = len(CSV), name: str = "Customers") -> tuple[str, AudienceImport]:
    answer = client.post("/audiences/start", data={"name": name, "filename": "people.csv", "size": size}, headers=JSON)
    assert answer.status_code == 201, answer.text
    row = db.session.scalars(select(AudienceImport).order_by(AudienceImport.id.desc())).first()
    assert row is not None
    assert answer.json is not None
    assert answer.json["done_url"] == f"/audiences/imports/{row.public_id}"
    return answer.json["upload_url"], row


def put(client: FlaskClient, url: str, offset: int, data: bytes) -> Any:
    return client.put(f"{url}?offset={offset}", data=data, content_type="application/octet-stream")


def test_slices_in_order_make_the_file(client: FlaskClient) -> None:
    url, row = begin(client)
    assert put(client, url, 0, CSV[:1000]).json == {"offset": 1000}
    assert fresh(row.id).state == ImportState.UPLOADING
    assert put(client, url, 1000, CSV[1000:]).json == {"offset": len(CSV)}
    row = fresh(row.id)
    assert (row.state, row.received) == (ImportState.MAPPING, len(CSV))
    assert files_of(row.id).data.read_bytes() == CSV


def test_a_slice_elsewhere_is_told_where_the_upload_stands(client: FlaskClient) -> None:
    url, row = begin(client)
    put(client, url, 0, CSV[:1000])
    for offset in (0, 500, 2000):
        answer = put(client, url, offset, CSV[offset : offset + 100])
        assert (answer.status_code, answer.json["offset"]) == (409, 1000)
    assert files_of(row.id).data.read_bytes() == CSV[:1000]


def test_what_a_broken_request_left_is_cut_off(client: FlaskClient) -> None:
    url, row = begin(client)
    put(client, url, 0, CSV[:1000])
    with files_of(row.id).data.open("ab") as file:
        file.write(b"half a slice of a killed process")
    put(client, url, 1000, CSV[1000:])
    assert files_of(row.id).data.read_bytes() == CSV


def test_a_file_that_lost_its_end_goes_on_from_what_is_there(client: FlaskClient) -> None:
    url, row = begin(client)
    put(client, url, 0, CSV[:1000])
    with files_of(row.id).data.open("r+b") as file:
        file.truncate(700)
    answer = put(client, url, 1000, CSV[1000:])
    assert (answer.status_code, answer.json["offset"]) == (409, 700)
    assert put(client, url, 700, CSV[700:]).status_code == 200
    assert files_of(row.id).data.read_bytes() == CSV


def test_a_finished_upload_takes_no_more(client: FlaskClient) -> None:
    url, _ = begin(client)
    put(client, url, 0, CSV)
    assert put(client, url, len(CSV), b"more").status_code == 409


def test_an_offset_is_needed(client: FlaskClient) -> None:
    url, _ = begin(client)
    assert client.put(url, data=b"x").status_code == 422
    assert client.put(f"{url}?offset=-1", data=b"x").status_code == 422


@pytest.fixture
def one_mebibyte(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["carillon_settings"].model_copy(update={"upload_limit_mb": 1})
    monkeypatch.setitem(app.extensions, "carillon_settings", settings)


def test_too_large_is_said_before_a_byte_is_sent(client: FlaskClient, one_mebibyte: None) -> None:
    answer = client.post(
        "/audiences/start", data={"name": "Big", "filename": "x.csv", "size": 2_000_000_000}, headers=JSON
    )
    assert answer.status_code == 413
    assert "limit of 1 MiB" in (answer.json or {})["error"]
    assert db.session.scalar(select(func.count()).select_from(Audience)) == 0


def test_slices_beyond_the_limit_are_refused(client: FlaskClient, one_mebibyte: None) -> None:
    url, _ = begin(client, size=1_000_000)
    assert put(client, url, 0, b"x" * 900_000).status_code == 200
    answer = put(client, url, 900_000, b"x" * 200_000)
    assert answer.status_code == 413
    assert "limit of 1 MiB" in answer.json["error"]


def test_a_slice_has_a_limit_of_its_own(client: FlaskClient) -> None:
    url, _ = begin(client)
    assert put(client, url, 0, b"x" * (9 * 1024 * 1024 + 1)).status_code == 413


def test_a_full_disk_is_said_and_costs_the_slice_only(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    url, row = begin(client)
    put(client, url, 0, CSV[:1000])

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("dashboard.audiences.import_services.write_at", full)
        answer = put(client, url, 1000, CSV[1000:])
    assert answer.status_code == 507
    assert "disk of this installation is full" in answer.json["error"]
    assert put(client, url, 1000, CSV[1000:]).status_code == 200
    assert fresh(row.id).state == ImportState.MAPPING


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": "", "filename": "x.csv", "size": 10}, "Give the audience a name"),
        ({"name": "New", "filename": "", "size": 10}, "Choose a file"),
        ({"name": "New", "filename": "x.csv", "size": 0}, "empty"),
        ({"name": "Taken", "filename": "x.csv", "size": 10}, "name already"),
    ],
)
def test_a_start_that_is_refused_says_why(client: FlaskClient, fields: dict[str, Any], words: str) -> None:
    new_audience("Taken")
    answer = client.post("/audiences/start", data=fields, headers=JSON)
    assert answer.status_code == 422
    assert words in (answer.json or {})["error"]


def test_an_upload_into_an_audience_that_exists(client: FlaskClient) -> None:
    audience = new_audience()
    answer = client.post(
        f"/audiences/{audience.public_id}/imports/start", data={"filename": "x.csv", "size": 30}, headers=JSON
    )
    assert answer.status_code == 201
    assert db.session.scalars(select(AudienceImport)).one().audience_id == audience.id


def plain(client: FlaskClient, url: str, data: bytes = CSV, **fields: str) -> Any:
    form = {"source": "upload", "file": (io.BytesIO(data), "people.csv"), **fields}
    return client.post(url, data=form, content_type="multipart/form-data")


def test_without_javascript_one_form_is_enough(client: FlaskClient) -> None:
    answer = plain(client, "/audiences/new", name="Customers")
    row = db.session.scalars(select(AudienceImport)).one()
    assert (answer.status_code, answer.location) == (303, f"/audiences/imports/{row.public_id}")
    assert (row.state, row.filename) == (ImportState.MAPPING, "people.csv")
    assert files_of(row.id).data.read_bytes() == CSV


def test_the_plain_form_keeps_the_limit_in_words(client: FlaskClient, one_mebibyte: None) -> None:
    answer = plain(client, "/audiences/new", b"x" * 3_000_000, name="Big")
    assert answer.status_code == 413
    assert "limit of 1 MiB" in answer.text
    assert db.session.scalar(select(func.count()).select_from(Audience)) == 0


def test_a_form_larger_than_the_usual_limit_is_taken(client: FlaskClient, app: Flask) -> None:
    data = b"email\n" + b"somebody@example.com\n" * 1_000_000
    assert len(data) > app.config["MAX_CONTENT_LENGTH"]
    assert plain(client, "/audiences/new", data, name="Large").status_code == 303


def test_the_large_form_needs_the_token_too(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    assert plain(client, "/audiences/new", name="Customers").status_code == 400
    assert db.session.scalar(select(func.count()).select_from(Audience)) == 0


def test_nobody_else_can_send_a_body(app: Flask, sign_in: Any, anonymous: FlaskClient) -> None:
    assert plain(anonymous, "/audiences/new", name="Customers").status_code == 303
    viewer = sign_in(Role.VIEWER)
    assert plain(viewer, "/audiences/new", name="Customers").status_code == 403
    assert viewer.put("/audiences/imports/imp_0000000000000/data?offset=0", data=b"x").status_code == 403


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source": "upload", "name": "New"}, "Choose a file."),
        ({"source": "paste", "name": "New", "pasted": "  "}, "Paste some rows."),
        ({"source": "url", "name": "New", "url": "ftp://example.com"}, "http:// or https://"),
        ({"source": "elsewhere", "name": "New"}, "Choose where the rows are."),
        ({"source": "paste", "name": "", "pasted": "email\na@example.com"}, "Give it a name."),
    ],
)
def test_forms_say_what_is_missing(client: FlaskClient, fields: dict[str, str], words: str) -> None:
    answer = client.post("/audiences/new", data=fields)
    assert answer.status_code == 422
    assert words in answer.text


def test_pasted_rows_keep_what_was_typed_when_refused(client: FlaskClient) -> None:
    new_audience("Taken")
    answer = client.post(
        "/audiences/new", data={"source": "paste", "name": "Taken", "pasted": "email\nkept@example.com"}
    )
    assert answer.status_code == 422
    assert "kept@example.com" in answer.text
    assert "name already" in answer.text


def test_pasted_rows_from_a_spreadsheet(client: FlaskClient) -> None:
    client.post(
        "/audiences/new",
        data={"source": "paste", "name": "Pasted", "pasted": "email\tname\r\na@example.com\tAnna\r\n"},
    )
    row = db.session.scalars(select(AudienceImport)).one()
    assert row.options["dialect"]["delimiter"] == "\t"


def test_a_begun_upload_can_be_finished_by_a_plain_form(client: FlaskClient) -> None:
    url, row = begin(client)
    put(client, url, 0, CSV[:1000])
    page = client.get(f"/audiences/imports/{row.public_id}")
    assert "goes on where it stopped" in page.text
    answer = plain(client, url.replace("/data", "/upload"))
    assert answer.status_code == 303
    assert files_of(row.id).data.read_bytes() == CSV


def test_an_import_from_the_web_takes_no_slices(client: FlaskClient) -> None:
    row = import_services.create_import(
        audience_id=new_audience().id, source="url", url="https://example.com/people.csv"
    )
    answer = put(client, f"/audiences/imports/{row.public_id}/data", 0, b"x")
    assert answer.status_code == 422
    with transaction():
        import_services.get_import(row.id).state = ImportState.CANCELLED
