"""An audience file on its way in, while the web server and then the import worker are killed: every row arrives."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from dashboard import create_app
from dashboard.audiences import import_services
from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.extensions import db, transaction
from dashboard.settings import Settings
from tests.bench.import_case import write_file
from tests.factories.audiences import fresh, map_import
from tests.factories.users import PASSWORD, new_user
from tests.installations import Installation, until
from worker.imports.files import files_of

pytestmark = pytest.mark.services
ROWS = 120_000
SLICE = 1024 * 1024


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Installation]:
    """A whole installation, and the application on its data in this process."""
    made = Installation(tmp_path)
    made.start(LEASE_SECONDS="2")
    made.wait_until_healthy()
    with create_app(Settings(var_dir=made.folder / "var", secret_key="supervised " * 4)).app_context():
        yield made
        db.session.remove()
        db.engine.dispose()
    made.kill()


def _signed_in(browser: httpx.Client) -> None:
    with transaction() as session:
        session.add(new_user(username="person"))
    form = {"csrf_token": _token(browser, "/login"), "username": "person", "password": PASSWORD}
    assert browser.post("/login", data=form).status_code == 303
    browser.headers["X-CSRFToken"] = _token(browser, "/audiences/new")
    browser.headers["Accept"] = "application/json"


def _token(browser: httpx.Client, page: str) -> str:
    return browser.get(page).text.split('name="csrf_token" value="')[1].split('"')[0]


def _stand(browser: httpx.Client, url: str) -> int:
    """Where the server says that the upload stands."""
    answer = browser.put(f"{url}?offset=0", content=b"")
    return int(answer.json()["offset"])


def _upload(desk: Installation, browser: httpx.Client, content: bytes) -> AudienceImport:
    """In slices; the web server dies in the middle of the third one."""
    begun = browser.post("/audiences/start", data={"name": "Customers", "filename": "p.csv", "size": len(content)})
    url = begun.json()["upload_url"]
    for offset in (0, SLICE):
        assert browser.put(f"{url}?offset={offset}", content=content[offset : offset + SLICE]).status_code == 200

    def broken_off() -> Iterator[bytes]:
        yield content[2 * SLICE : 2 * SLICE + SLICE // 2]
        desk.kill_kind("web")
        yield content[2 * SLICE + SLICE // 2 : 3 * SLICE]

    with pytest.raises(httpx.TransportError):
        browser.put(f"{url}?offset={2 * SLICE}", content=broken_off())
    desk.wait_until_healthy()
    stand = _stand(browser, url)
    assert stand == 2 * SLICE
    for offset in range(stand, len(content), SLICE):
        assert browser.put(f"{url}?offset={offset}", content=content[offset : offset + SLICE]).status_code == 200
    row = db.session.query(AudienceImport).one()
    assert files_of(row.id).data.read_bytes() == content
    return row


def _through(desk: Installation, row: AudienceImport, state: ImportState, following: ImportState) -> AudienceImport:
    """Kill the worker once it has begun, and see the next one end what it did."""
    until(lambda: fresh(row.id).rows_done > 0 or fresh(row.id).state == following, 60, "nobody took the import")
    if fresh(row.id).state == state:
        desk.kill_kind("worker-background")
    until(lambda: fresh(row.id).state != state, 90, f"still {state}")
    assert fresh(row.id).state == following
    return fresh(row.id)


def test_every_row_arrives_though_web_server_and_import_worker_are_killed(desk: Installation, tmp_path: Path) -> None:
    write_file(tmp_path / "people.csv", ROWS)
    with httpx.Client(base_url=desk.address, trust_env=False, timeout=30) as browser:
        _signed_in(browser)
        row = _upload(desk, browser, (tmp_path / "people.csv").read_bytes())
    duplicates = len(range(150, ROWS, 150))
    row = _through(desk, map_import(fresh(row.id)), ImportState.CHECKING, ImportState.READY)
    assert (row.report["rows"], row.report["to_load"]) == (ROWS, ROWS - duplicates)
    row = _through(
        desk, import_services.start_load(import_id=row.id), ImportState.LOADING, ImportState.LOADED_WITH_REJECTS
    )
    counted = "SELECT count(*), count(DISTINCT record_no), count(DISTINCT email) FROM records"
    assert desk.rows(counted) == [(ROWS - duplicates,) * 3]
