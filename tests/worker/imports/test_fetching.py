"""A file comes from a web address up to the limit, and every fault has its words."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from dashboard.audiences import import_services
from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.extensions import transaction, utc_now
from tests.brokers import waiting
from tests.factories.audiences import fresh, new_audience
from tests.web_server import WebServer
from worker.actors.audiences import fetch_import
from worker.imports.files import files_of
from worker.scheduler import Scheduler

pytestmark = pytest.mark.sqlite_only  # nothing here depends on the database

CONTENT = b"email,name\na@example.com,Anna\n"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        kinds = {"/people.csv": CONTENT, "/large.csv": b"x" * 40_000, "/unannounced.csv": b"y" * 40_000}
        status = {"/missing": 404, "/secret": 403, "/broken": 500}.get(self.path, 200)
        body = kinds.get(self.path, CONTENT)
        self.send_response(status)
        if self.path == "/named":
            self.send_header("Content-Disposition", 'attachment; filename="Kunden 2026.csv"')
        if self.path != "/unannounced.csv":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a small web server."""
    running = WebServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()
    thread.join()


def fetch(url: str) -> AudienceImport:
    row = import_services.create_import(audience_id=new_audience().id, source="url", url=url)
    assert waiting("imports") == [("fetch_import", (row.id,))]
    fetch_import.fn(row.id)
    return fresh(row.id)


def test_a_file_is_fetched_and_waits_for_its_mapping(app: Flask, server: str) -> None:
    row = fetch(f"{server}/people.csv")
    assert (row.state, row.filename, row.received, row.size) == (ImportState.MAPPING, "people.csv", 30, 30)
    assert files_of(row.id).data.read_bytes() == CONTENT
    assert [column["target"] for column in row.options["mapping"]] == ["email", "variable"]
    assert row.lease_until is None


def test_the_server_may_name_the_file(app: Flask, server: str) -> None:
    assert fetch(f"{server}/named").filename == "Kunden 2026.csv"


@pytest.mark.parametrize(
    ("path", "words"),
    [("missing", "no file under this address"), ("secret", "needs no sign-in"), ("broken", "HTTP 500")],
)
def test_answers_other_than_the_file_are_said(app: Flask, server: str, path: str, words: str) -> None:
    row = fetch(f"{server}/{path}")
    assert row.state == ImportState.FAILED
    assert words in row.problem


@pytest.mark.parametrize("path", ["large.csv", "unannounced.csv"])
def test_the_limit_holds_announced_or_not(app: Flask, server: str, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["carillon_settings"].model_copy(update={"upload_limit_mb": 0})
    monkeypatch.setitem(app.extensions, "carillon_settings", settings)
    row = fetch(f"{server}/{path}")
    assert row.state == ImportState.FAILED
    assert "larger than the limit" in row.problem


def test_a_private_address_is_refused(app: Flask, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["carillon_settings"].model_copy(update={"allow_private_urls": False})
    monkeypatch.setitem(app.extensions, "carillon_settings", settings)
    row = fetch(f"{server}/people.csv")
    assert row.state == ImportState.FAILED
    assert "private network" in row.problem


def test_nobody_there_is_said(app: Flask) -> None:
    row = fetch("http://127.0.0.1:9/people.csv")
    assert row.state == ImportState.FAILED
    assert "could not be fetched" in row.problem


def test_a_fetch_without_a_worker_is_handed_out_again(app: Flask) -> None:
    audience = new_audience()
    fetched = import_services.create_import(audience_id=audience.id, source="url", url="http://127.0.0.1:9/x.csv")
    uploaded = import_services.create_import(audience_id=audience.id, source="upload", size=10)
    with transaction() as session:
        past = utc_now() - timedelta(seconds=30)
        session.execute(update(AudienceImport).values(updated_at=past))
    Scheduler().run_once()
    assert waiting("imports") == [("fetch_import", (fetched.id,))] * 2
    assert fresh(uploaded.id).state == ImportState.UPLOADING


def test_a_hint_that_comes_twice_finds_nothing_to_do(app: Flask, server: str) -> None:
    row = fetch(f"{server}/people.csv")
    fetch_import.fn(row.id)
    assert fresh(row.id).state == ImportState.MAPPING
