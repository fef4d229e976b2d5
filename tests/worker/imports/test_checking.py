"""The check reads the whole file, counts everything once, and goes on after whatever stopped it."""

from __future__ import annotations

import csv
import errno
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from dashboard.audiences import import_services
from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.suppressions.models import Suppression
from tests.factories.audiences import HASTE, check, fresh, map_import, new_import
from worker.imports import leases
from worker.imports.checking import Pace, run_check
from worker.imports.dialect import Dialect
from worker.imports.files import files_of
from worker.imports.leases import CLAIMS, LeaseLost, claim
from worker.imports.staging import FIELDS, NULL, blocks

ONE_BATCH = Pace(slice_seconds=0, checkpoint_seconds=0, block_bytes=400)


def people(count: int, every: int = 7) -> str:
    """A file with bad addresses, duplicates, blanks and ragged rows in between."""
    lines = ["email,first_name,city"]
    for n in range(count):
        match n % every:
            case 3:
                lines.append(f"not-an-address-{n},Bo,Pune")
            case 4:
                lines.append(f"person{max(0, n - every + 1)}@example.com,Twin,Pune")
            case 5:
                lines.append(f"person{n}@example.com,,")
            case 6:
                lines.append(f"person{n}@example.com,Li,Pune,surplus")
            case _:
                lines.append(f"person{n}@example.com,Name{n},Pune")
    return "\n".join(lines) + "\n"


def rejects_of(row: AudienceImport) -> list[dict[str, str]]:
    with files_of(row.id).rejects.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.DictReader(file))


def staged_rows(row: AudienceImport) -> list[tuple[int, list[str]]]:
    """(number, values) of every staged row."""
    found: list[tuple[int, list[str]]] = []
    for _, rows in blocks(files_of(row.id).staged):
        columns = [rows.values(field) or [NULL] * len(rows) for field in FIELDS]
        found += [(number, values) for number, *values in zip(rows.numbers, *columns, strict=True)]
    return found


def codes(row: AudienceImport) -> dict[str, int]:
    return {group["code"]: group["count"] for group in row.report["groups"]}


def test_everything_is_counted_once(app: Flask) -> None:
    row = check(new_import(people(70)))
    assert row.state == ImportState.READY
    report = row.report
    assert report["rows"] == 70 == report["to_load"] + report["rejected"]
    assert codes(row) == {"email_invalid": 10, "too_many_cells": 10, "duplicate_in_file": 10}
    assert len(rejects_of(row)) == report["rejected"]
    columns = {column["name"]: column for column in report["columns"]}
    assert columns["email"]["filled"] == report["to_load"]
    assert columns["city"]["filled"] == report["to_load"] - 10
    assert columns["first_name"]["sample"] == "Name0"
    assert row.sha256


def test_groups_show_rows_as_the_spreadsheet_counts(app: Flask) -> None:
    row = check(new_import("email,name\na@example.com,x\nbroken,y\n\nA@Example.com,z\n"))
    groups = {group["code"]: group for group in row.report["groups"]}
    assert groups["email_invalid"]["column"] == "email"
    assert groups["email_invalid"]["examples"][0] | {"expected": ""} == {"row": 3, "value": "broken", "expected": ""}
    assert groups["duplicate_in_file"]["examples"][0]["row"] == 5
    assert groups["duplicate_in_file"]["examples"][0]["expected"] == "row 2 has the same address"
    assert row.report["blank"] == 1


@pytest.mark.parametrize(
    ("rule", "loaded", "rejected"),
    [
        ("first", ["1", "3"], ["2"]),
        ("last", ["2", "3"], ["1"]),
        ("reject", ["3"], ["1", "2"]),
        ("all", ["1", "2", "3"], []),
    ],
)
def test_duplicates_by_every_rule(app: Flask, rule: str, loaded: list[str], rejected: list[str]) -> None:
    content = "email,n\na@example.com,1\nA@example.com,2\nb@example.com,3\n"
    row = check(new_import(content), duplicates=rule)
    assert row.report["to_load"] == len(loaded)
    assert [reject["n"] for reject in rejects_of(row)] == rejected
    assert [column["filled"] for column in row.report["columns"]] == [len(loaded)] * 2


def test_duplicates_by_another_column(app: Flask) -> None:
    content = "email,phone\na@example.com,9876543210\nb@example.com,+91 98765 43210\nc@example.com,\nd@example.com,\n"
    row = check(new_import(content), duplicate_by="phone")
    assert codes(row) == {"duplicate_in_file": 1}
    assert row.report["to_load"] == 3


def test_suppressed_addresses_are_a_warning(app: Flask) -> None:
    with transaction():
        for address in ("person0@example.com", "person9@example.com", "elsewhere@example.com"):
            db.session.add(Suppression(id=new_id(), channel="email", address=address))
    content = "email\nPerson0@example.com\nperson1@example.com\nperson9@example.com\nperson9@example.com\n"
    row = check(new_import(content))
    assert row.report["suppressed"] == 2
    assert row.report["to_load"] == 3


@pytest.mark.parametrize("duplicates", ["first", "last"])
def test_a_killed_worker_is_followed_exactly(app: Flask, duplicates: str) -> None:
    """After each batch: the lease as a dead worker leaves it, and files with more in them than its cursor knows."""
    whole = check(new_import(people(120)), duplicates=duplicates)
    expected = (whole.report, rejects_of(whole), staged_rows(whole))
    with transaction():
        whole.audience_id = import_services.get_import(whole.id).audience_id
    row = import_services.create_import(audience_id=whole.audience_id, source="upload", filename="again.csv")
    with files_of(whole.id).data.open("rb") as source:
        row = import_services.receive_all(import_id=row.id, source=source)
    map_import(row, duplicates=duplicates)
    slices = 0
    while not run_check(row.id, ONE_BATCH):
        slices += 1
        for path in (files_of(row.id).staged, files_of(row.id).rejects):
            with path.open("ab") as file:
                file.write(b"half a li")
        with transaction() as session:
            dead = {"lease_owner": "dead", "lease_until": utc_now() - timedelta(seconds=1)}
            session.execute(update(AudienceImport).where(AudienceImport.id == row.id).values(**dead))
    row = fresh(row.id)
    assert slices > 15
    assert (row.report, rejects_of(row), staged_rows(row)) == expected


def test_files_that_lost_their_end_are_read_again(app: Flask) -> None:
    row = map_import(new_import(people(60)))
    assert run_check(row.id, ONE_BATCH) is False
    files_of(row.id).staged.write_bytes(b"")
    while not run_check(row.id, HASTE):
        pass
    assert fresh(row.id).report["rows"] == 60


def test_a_live_lease_is_respected(app: Flask) -> None:
    row = map_import(new_import(people(10)))
    assert claim(row.id, ImportState.CHECKING) is not None
    assert claim(row.id, ImportState.CHECKING) is None
    assert run_check(row.id) is True
    assert fresh(row.id).state == ImportState.CHECKING


def test_a_worker_that_lost_its_lease_writes_nothing(app: Flask) -> None:
    row = map_import(new_import(people(10)))
    work = claim(row.id, ImportState.CHECKING)
    assert work is not None
    import_services.cancel_import(import_id=row.id)
    with pytest.raises(LeaseLost):
        work.save(rows_done=5)
    work.release()
    assert fresh(row.id).state == ImportState.CANCELLED


def test_cancelled_in_the_middle_stops_and_leaves_no_files(app: Flask) -> None:
    row = map_import(new_import(people(60)))
    assert run_check(row.id, ONE_BATCH) is False
    import_services.cancel_import(import_id=row.id)
    assert run_check(row.id, ONE_BATCH) is True
    assert not files_of(row.id).data.exists()


def test_an_import_that_ends_its_workers_is_given_up(app: Flask) -> None:
    row = map_import(new_import(people(10)))
    for _ in range(CLAIMS):
        assert claim(row.id, ImportState.CHECKING) is not None
        with transaction() as session:
            past = utc_now() - timedelta(seconds=1)
            session.execute(update(AudienceImport).values(lease_until=past))
    assert claim(row.id, ImportState.CHECKING) is None
    row = fresh(row.id)
    assert row.state == ImportState.FAILED
    assert "5 times at the same place" in row.problem


def test_progress_forgives_earlier_claims(app: Flask) -> None:
    row = map_import(new_import(people(120)))
    while not run_check(row.id, ONE_BATCH):
        assert fresh(row.id).cursor.get("claims") is None
    assert fresh(row.id).state == ImportState.READY


def test_a_vanished_file_fails_with_words(app: Flask) -> None:
    row = map_import(new_import(people(10)))
    files_of(row.id).data.unlink()
    assert run_check(row.id) is True
    row = fresh(row.id)
    assert row.state == ImportState.FAILED
    assert "Upload it again" in row.problem


def test_a_full_disk_fails_with_words_and_can_be_tried_again(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    row = map_import(new_import(people(10)))

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("worker.imports.checking.StagingFile.add", full)
        assert run_check(row.id) is True
    assert "disk of this installation is full" in fresh(row.id).problem
    import_services.check_again(import_id=row.id)
    assert run_check(row.id) is True
    assert fresh(row.id).state == ImportState.READY


def test_other_faults_give_the_lease_back(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    row = map_import(new_import(people(10)))

    def broken(*_: Any) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr("worker.imports.checking.StagingFile.add", broken)
        with pytest.raises(OSError):
            run_check(row.id)
    assert fresh(row.id).lease_until is None


def test_a_long_step_keeps_the_lease(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    row = map_import(new_import(people(10)))
    work = claim(row.id, ImportState.CHECKING)
    assert work is not None
    before = fresh(row.id).lease_until
    work.keep_alive()
    assert fresh(row.id).lease_until == before
    monkeypatch.setattr(leases, "_length", lambda: timedelta(seconds=0))
    work.keep_alive()
    assert fresh(row.id).lease_until != before


def test_bytes_of_another_encoding_are_a_group_with_advice(app: Flask) -> None:
    content = b"email,name\na@example.com,Bo\n" + "b@example.com,Jürgen\n".encode("cp1252")
    row = new_import(content)
    assert row.options["dialect"]["encoding"] == "cp1252"
    options = row.options["dialect"] | {"encoding": "utf-8"}
    row = import_services.save_dialect(import_id=row.id, dialect=Dialect.from_dict(options), version=row.version)
    row = check(row)
    assert codes(row) == {"bad_encoding": 1}
    assert row.report["groups"][0]["examples"][0] == {
        "row": 3,
        "value": "J\N{REPLACEMENT CHARACTER}rgen",
        "expected": "text in the chosen encoding",
    }


def test_the_file_on_disk_is_not_changed(app: Flask, tmp_path: Path) -> None:
    content = people(30).encode()
    row = check(new_import(content))
    assert files_of(row.id).data.read_bytes() == content
