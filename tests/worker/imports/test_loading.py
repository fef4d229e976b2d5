"""Valid rows become a new version, numbered without gaps, whoever dies on the way."""

from __future__ import annotations

import errno
import json
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import update

from dashboard.audiences import import_services
from dashboard.audiences.models import Audience, AudienceImport, DatasetVersion, ImportState
from dashboard.extensions import db, transaction, utc_now
from dashboard.problems import DomainError
from tests.brokers import waiting
from tests.factories.audiences import check, fresh, load, loaded_audience, new_audience, new_import, records_of
from tests.worker.imports.test_checking import people
from worker.imports.checking import run_check
from worker.imports.files import files_of
from worker.imports.loading import LoadPace, run_load
from worker.imports.purging import purge_versions

BASE = "email,name\na@example.com,Anna\nb@example.com,Bo\nc@example.com,\n"
ONE_BATCH = LoadPace(slice_seconds=-1, batch=3)


def version_of(audience: Audience) -> DatasetVersion:
    db.session.rollback()
    db.session.expire_all()
    return db.session.get_one(DatasetVersion, db.session.get_one(Audience, audience.id).current_version_id)


def table(version: DatasetVersion) -> list[tuple[int, str | None, str | None]]:
    return [(r.record_no, r.email, json.loads(r.variables).get("name")) for r in records_of(version)]


def append(audience: Audience, content: str, **options: str) -> AudienceImport:
    return load(check(new_import(content, audience), mode="append", **options))


def test_a_file_becomes_the_current_version(app: Flask) -> None:
    audience = loaded_audience("email,name,city\na@example.com,Anna,Köln\nbad,x,y\nb@example.com,Bo,\n")
    version = version_of(audience)
    assert table(version) == [(0, "a@example.com", "Anna"), (1, "b@example.com", "Bo")]
    assert (version.ready, version.number, version.record_count, version.email_count, version.phone_count) == (
        True,
        1,
        2,
        2,
        0,
    )
    assert [(c["variable"] or c["target"], c["filled"], c["sample"]) for c in version.columns] == [
        ("email", 2, "a@example.com"),
        ("name", 2, "Anna"),
        ("city", 1, "Köln"),
    ]


def test_states_say_whether_something_was_left_out(app: Flask) -> None:
    audience = new_audience()
    assert load(check(new_import(BASE, audience))).state == ImportState.LOADED
    assert load(check(new_import(BASE + "bad,x\n", audience))).state == ImportState.LOADED_WITH_REJECTS


def test_replace_makes_a_new_version_and_keeps_the_old_one(app: Flask) -> None:
    audience = loaded_audience(BASE)
    old = version_of(audience)
    load(check(new_import("email,name\nz@example.com,Zoe\n", audience), mode="replace"))
    new = version_of(audience)
    assert (new.number, table(new)) == (2, [(0, "z@example.com", "Zoe")])
    assert len(records_of(old)) == 3


def test_append_adds_to_what_is_there(app: Flask) -> None:
    audience = loaded_audience(BASE)
    append(audience, "email,name,phone\nd@example.com,Di,9876543210\nB@example.com,Twin,\n")
    version = version_of(audience)
    assert [email for _, email, _ in table(version)] == [
        "a@example.com",
        "b@example.com",
        "c@example.com",
        "d@example.com",
    ]
    assert (version.record_count, version.phone_count) == (4, 1)
    filled = {column["name"]: column["filled"] for column in version.columns}
    assert filled == {"email": 4, "name": 3, "phone": 1}


def test_append_first_leaves_known_addresses_out(app: Flask) -> None:
    audience = loaded_audience(BASE)
    row = check(new_import("email,name\nB@example.com,Twin\nd@example.com,Di\n", audience), mode="append")
    assert [(g["code"], g["count"]) for g in row.report["groups"]] == [("duplicate_in_audience", 1)]
    assert (row.report["base_kept"], row.report["base_replaced"]) == (3, 0)


def test_append_last_takes_their_place(app: Flask) -> None:
    audience = loaded_audience(BASE)
    row = check(
        new_import("email,name\nB@example.com,\nd@example.com,Di\nD@example.com,Dora\n", audience),
        mode="append",
        duplicates="last",
    )
    assert (row.report["base_kept"], row.report["base_replaced"], row.report["to_load"]) == (2, 1, 2)
    load(row)
    version = version_of(audience)
    assert table(version) == [
        (0, "a@example.com", "Anna"),
        (1, "c@example.com", None),
        (2, "b@example.com", None),
        (3, "d@example.com", "Dora"),
    ]
    assert {column["name"]: column["filled"] for column in version.columns} == {"email": 4, "name": 2}


@pytest.mark.parametrize("rule", ["first", "last"])
def test_a_killed_worker_is_followed_exactly(app: Flask, rule: str) -> None:
    changed = people(60).replace("Name", "New")
    undisturbed = loaded_audience(people(40), "Undisturbed")
    append(undisturbed, changed, duplicates=rule)
    audience = loaded_audience(people(40))
    row = check(new_import(changed, audience), mode="append", duplicates=rule)
    import_services.start_load(import_id=row.id)
    slices = 0
    while not run_load(row.id, ONE_BATCH):
        slices += 1
        with transaction() as session:
            dead = {"lease_owner": "dead", "lease_until": utc_now() - timedelta(seconds=1)}
            session.execute(update(AudienceImport).where(AudienceImport.id == row.id).values(**dead))
    assert slices > 10
    version, expected = version_of(audience), version_of(undisturbed)
    rows = [(r.record_no, r.email, r.variables) for r in records_of(version)]
    assert rows == [(r.record_no, r.email, r.variables) for r in records_of(expected)]
    assert [number for number, _, _ in rows] == list(range(version.record_count))
    assert version.columns == expected.columns


def test_nobody_sees_half_a_version(app: Flask) -> None:
    audience = loaded_audience(BASE)
    before = version_of(audience).id
    row = check(new_import(people(30), audience), mode="replace")
    import_services.start_load(import_id=row.id)
    assert run_load(row.id, ONE_BATCH) is False
    assert version_of(audience).id == before
    half = db.session.get_one(DatasetVersion, fresh(row.id).dataset_version_id)
    assert half.ready is False


def test_a_cancelled_load_leaves_nothing(app: Flask) -> None:
    audience = loaded_audience(BASE)
    row = check(new_import(people(30), audience), mode="replace")
    import_services.start_load(import_id=row.id)
    assert run_load(row.id, ONE_BATCH) is False
    import_services.cancel_import(import_id=row.id)
    assert run_load(row.id, ONE_BATCH) is True
    assert purge_versions() is True
    half = fresh(row.id).dataset_version_id
    assert records_of(half) == []
    assert db.session.get(DatasetVersion, half) is None
    assert len(records_of(version_of(audience))) == 3


def test_a_full_disk_takes_the_half_loaded_version_out(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    audience = loaded_audience(BASE)
    row = check(new_import(people(30), audience), mode="replace")
    import_services.start_load(import_id=row.id)
    assert run_load(row.id, ONE_BATCH) is False
    half = fresh(row.id).dataset_version_id

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("worker.imports.loading.insert_staged", full)
        assert run_load(row.id) is True
    assert fresh(row.id).state == ImportState.FAILED
    assert waiting("imports")[-1] == ("purge_versions", ())
    purge_versions()
    assert records_of(half) == []
    assert db.session.get(DatasetVersion, half) is None
    import_services.check_again(import_id=row.id)
    assert run_check(row.id)
    assert load(fresh(row.id)).state == ImportState.LOADED_WITH_REJECTS


def test_a_second_load_of_one_audience_waits(app: Flask) -> None:
    audience = new_audience()
    first, second = check(new_import(BASE, audience)), check(new_import(BASE, audience, "second.csv"))
    import_services.start_load(import_id=first.id)
    with pytest.raises(DomainError, match=r"is being loaded \(people.csv\)") as refused:
        import_services.start_load(import_id=second.id)
    assert refused.value.code == "already_loading"


def test_an_append_checked_against_an_older_version_is_checked_again(app: Flask) -> None:
    audience = loaded_audience(BASE)
    first = check(new_import("email,name\nd@example.com,Di\n", audience), mode="append")
    append(audience, "email,name\ne@example.com,Eva\n")
    with pytest.raises(DomainError) as refused:
        import_services.start_load(import_id=first.id)
    assert refused.value.code == "base_changed"
    import_services.check_again(import_id=first.id)


def test_nothing_to_load_is_said(app: Flask) -> None:
    row = check(new_import("email,name\nbad,x\n"))
    with pytest.raises(DomainError, match="no row to load"):
        import_services.start_load(import_id=row.id)


def test_working_files_go_and_rejects_stay(app: Flask) -> None:
    row = load(check(new_import(BASE + "bad,x\n")))
    files = files_of(row.id)
    assert not files.data.exists()
    assert not files.staged.exists()
    assert files.rejects.exists()


def test_a_repaired_rejects_file_is_recognised_and_loads_without_rejects(app: Flask) -> None:
    audience = new_audience()
    row = load(check(new_import("email,name,note\na@example.com,Anna,=1+1\nbad,Bo,=2+2\nworse,Li,-\n", audience)))
    text = files_of(row.id).rejects.read_text(encoding="utf-8-sig")
    repaired = text.replace("bad", "bo@example.com").replace("worse", "li@example.com")
    again = new_import(repaired, audience)
    assert (again.guesses["given_back"], again.options["mode"]) == (True, "append")
    again = check(again, mode="append")
    assert (again.report["to_load"], again.report["rejected"]) == (2, 0)
    load(again)
    notes = [json.loads(record.variables)["note"] for record in records_of(version_of(audience))]
    assert notes == ["=1+1", "=2+2", "-"]
    assert {column["name"] for column in version_of(audience).columns} == {"email", "name", "note"}


def test_awkward_values_arrive_unchanged(app: Flask) -> None:
    value = 'back\\slash "quote" tab\there\nline é😀 \\N \\t'
    cell = value.replace('"', '""')
    audience = loaded_audience(f'email,customer_id,name\na@example.com,"C\\N\\1","{cell}"\n')
    record = records_of(version_of(audience))[0]
    assert record.external_id == "C\\N\\1"
    assert json.loads(record.variables)["name"] == value
