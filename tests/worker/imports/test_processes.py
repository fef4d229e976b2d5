"""Real worker processes: killed in the middle, and watched for their memory."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard import create_app
from dashboard.audiences import import_services
from dashboard.audiences.models import AudienceImport, DatasetVersion, ImportState, Record
from dashboard.extensions import db
from tests.bench.import_case import write_file
from tests.conftest import ROOT, settings_for
from tests.factories.audiences import fresh, map_import, new_audience
from worker.broker import IN_MEMORY
from worker.imports.checking import run_check
from worker.imports.loading import run_load

pytestmark = [pytest.mark.sqlite_only, pytest.mark.services]
LEASE_SECONDS = 2


@pytest.fixture
def installation(migrated_sqlite: Path, tmp_path: Path) -> Iterator[Flask]:
    """An application on a data folder of its own, in its context."""
    shutil.copy(migrated_sqlite, tmp_path / "carillon.sqlite")
    app = create_app(settings_for(tmp_path, lease_seconds=LEASE_SECONDS, redis_url=IN_MEMORY))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def uploaded(folder: Path, rows: int, name: str) -> AudienceImport:
    path = folder / f"{name}.csv"
    write_file(path, rows)
    row = import_services.create_import(audience_id=new_audience(name).id, source="upload", filename=path.name)
    with path.open("rb") as file:
        return import_services.receive_all(import_id=row.id, source=file)


def start(row: AudienceImport, folder: Path, what: str) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-m", "tests.worker.imports.process", str(folder), str(row.id), what]
    return subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill_in_the_middle(row: AudienceImport, process: subprocess.Popen[str]) -> int:
    """Kill it once it has done something but not all; how many rows its cursor knows then."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        done = fresh(row.id).rows_done
        if done > 5_000:
            process.kill()
            break
        time.sleep(0.005)
    process.wait()
    if process.stdout:
        process.stdout.close()
    assert process.returncode == -9
    return fresh(row.id).rows_done


def finish(row: AudienceImport, what: str) -> AudienceImport:
    """Take the import over as soon as the dead worker's lease has run out."""
    run = run_check if what == "check" else run_load
    state = ImportState.CHECKING if what == "check" else ImportState.LOADING
    deadline = time.monotonic() + LEASE_SECONDS + 60
    while fresh(row.id).state == state and time.monotonic() < deadline:
        run(row.id)
        time.sleep(0.05)
    return fresh(row.id)


def test_nothing_is_lost_or_doubled_by_kill_nine(installation: Flask, tmp_path: Path) -> None:
    count = 150_000
    row = map_import(uploaded(tmp_path, count, "killed"))
    known = kill_in_the_middle(row, start(row, tmp_path, "check"))
    assert 0 < known < count
    assert fresh(row.id).state == ImportState.CHECKING
    row = finish(row, "check")
    duplicates = len(range(150, count, 150))
    assert (row.report["rows"], row.report["to_load"]) == (count, count - duplicates)

    import_services.start_load(import_id=row.id)
    known = kill_in_the_middle(row, start(row, tmp_path, "load"))
    assert 0 < known < count - duplicates
    row = finish(row, "load")
    assert row.state == ImportState.LOADED_WITH_REJECTS
    records = db.session.execute(
        select(Record.record_no, Record.email)
        .where(Record.dataset_version_id == row.dataset_version_id)
        .order_by(Record.record_no)
    ).all()
    assert [number for number, _ in records] == list(range(count - duplicates))
    assert len({email for _, email in records}) == len(records)
    assert db.session.get_one(DatasetVersion, row.dataset_version_id).ready


def test_memory_does_not_grow_with_the_file(installation: Flask, tmp_path: Path) -> None:
    """Twenty times the rows, at most a tenth more memory: 18 bytes a row for the search of duplicates are in it."""
    peaks = {}
    for count in (10_000, 200_000):
        row = map_import(uploaded(tmp_path, count, f"rows {count}"))
        peaks[count] = float(start(row, tmp_path, "both").communicate(timeout=120)[0])
        assert fresh(row.id).state == ImportState.LOADED_WITH_REJECTS
    assert peaks[200_000] < peaks[10_000] * 1.1
    assert peaks[200_000] < 150
