"""Audiences are named once, changed by one person at a time, and not deleted while somebody needs them."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.audiences import import_services, services
from dashboard.audiences.adding import Rows, add_rows, begin_upload, create_from_rows, fetch_again
from dashboard.audiences.models import Audience, AudienceImport, DatasetVersion, ImportState, Record
from dashboard.audit.models import AuditEntry
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.jobs.choosing import choose_sender
from dashboard.jobs.models import JobKind
from dashboard.jobs.services import create_job
from dashboard.problems import Conflict, DomainError, NotFound
from tests.brokers import waiting
from tests.factories.audiences import check, fresh, load, loaded_audience, map_import, new_audience, new_import
from tests.factories.campaigns import new_desk
from worker.actors.audiences import purge_versions
from worker.imports.dialect import Dialect
from worker.imports.files import files_of
from worker.imports.mapping import Column
from worker.queues import Queue

CSV = "email,name\na@example.com,Anna\nb@example.com,Bo\n"


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def new_campaign(audience: Audience, state: CampaignState, name: str = "Spring sale") -> Campaign:
    with transaction():
        campaign = Campaign(id=new_id(), name=name, audience_id=audience.id, state=state)
        db.session.add(campaign)
    return campaign


def test_a_name_is_taken_once(app: Flask) -> None:
    services.create_audience(name="Customers")
    with pytest.raises(DomainError) as refused:
        services.create_audience(name="Customers")
    assert (refused.value.field, refused.value.code) == ("name", "taken")


def test_renaming_is_audited_and_locked(app: Flask) -> None:
    audience = services.create_audience(name="Customers")
    seen = audience.version
    services.update_audience(audience_id=audience.id, name="Readers", description="d", tags=["a"], version=seen)
    with pytest.raises(Conflict):
        services.update_audience(audience_id=audience.id, name="Others", description="", tags=[], version=seen)
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "audience.update")).one()
    assert entry.before is not None
    assert entry.before["name"] == "Customers"
    assert db.session.get_one(Audience, audience.id).name == "Readers"


def test_a_load_does_not_disturb_an_open_form(app: Flask) -> None:
    audience = new_audience()
    seen = audience.version
    load(check(new_import(CSV, audience)))
    services.update_audience(audience_id=audience.id, name="Renamed", description="", tags=[], version=seen)


@pytest.mark.parametrize("state", [CampaignState.SCHEDULED, CampaignState.LATE, CampaignState.RUNNING])
def test_a_needed_audience_stays_and_names_who_needs_it(app: Flask, state: CampaignState) -> None:
    audience = loaded_audience(CSV)
    new_campaign(audience, state)
    for act in (
        lambda: services.delete_audience(audience_id=audience.id, typed_name="Customers"),
        lambda: services.archive_audience(audience_id=audience.id),
    ):
        with pytest.raises(DomainError, match=f"“Spring sale” \\({state.value}\\) needs it"):
            act()


def test_deleting_takes_records_files_and_imports(app: Flask) -> None:
    audience = loaded_audience(CSV + "bad,x\n")
    campaign = new_campaign(audience, CampaignState.DRAFT)
    row = db.session.scalars(select(AudienceImport)).one()
    folder = files_of(row.id).folder
    services.delete_audience(audience_id=audience.id, typed_name=" Customers ")
    assert waiting("imports")[-1] == ("purge_versions", ())
    purge_versions.fn()
    assert not folder.exists()
    for model in (Audience, AudienceImport, DatasetVersion, Record):
        assert db.session.scalar(select(func.count()).select_from(model)) == 0
    db.session.expire_all()
    assert db.session.get_one(Campaign, campaign.id).audience_id is None
    assert "audience.delete" in actions()


def test_records_that_a_job_used_stay_with_it(app: Flask) -> None:
    desk = new_desk()
    with transaction():
        job = create_job(
            kind=JobKind.TEST,
            template=desk.template,
            template_version=desk.version,
            dataset_version=desk.dataset,
            provider=desk.provider,
            sender=choose_sender(desk.provider, None),
            category="transactional",
            queue=Queue.BULK,
        )
        job.state = "finished"
    services.delete_audience(audience_id=desk.audience.id, typed_name=desk.audience.name)
    purge_versions.fn()
    assert db.session.get(Record, (desk.dataset.id, 0)) is not None


def test_the_name_has_to_be_typed(app: Flask) -> None:
    audience = new_audience()
    with pytest.raises(DomainError) as refused:
        services.delete_audience(audience_id=audience.id, typed_name="customers")
    assert refused.value.field == "name"


def test_an_import_at_work_keeps_its_audience(app: Flask) -> None:
    row = map_import(new_import(CSV))
    with pytest.raises(DomainError, match="Cancel it first"):
        services.delete_audience(audience_id=row.audience_id, typed_name="Customers")


def test_an_older_version_can_be_used_again(app: Flask) -> None:
    audience = loaded_audience(CSV)
    first = audience.current_version_id
    load(check(new_import("email\nz@example.com\n", audience), mode="replace"))
    assert first is not None
    services.use_version(audience_id=audience.id, version_id=first)
    assert db.session.get_one(Audience, audience.id).current_version_id == first
    other = new_audience("Others")
    with pytest.raises(NotFound):
        services.use_version(audience_id=other.id, version_id=first)


def test_rows_of_a_program_take_the_way_of_a_file(app: Flask) -> None:
    rows = [(f"person{n}@example.com", f'Na"me{n}', "Köln") for n in range(500)]
    audience = services.load_rows(audience_name="Demonstration", header=["email", "first_name", "city"], rows=rows)
    version = db.session.get_one(DatasetVersion, audience.current_version_id)
    assert version.record_count == 500
    record = db.session.get_one(Record, (version.id, 7))
    assert json.loads(record.variables) == {"first_name": 'Na"me7', "city": "Köln"}


def test_rows_that_cannot_be_loaded_are_said(app: Flask) -> None:
    with pytest.raises(DomainError, match="No column holds an address"):
        services.load_rows(audience_name="Wrong", header=["a"], rows=[["x"]])


def test_an_archived_audience_takes_no_rows(app: Flask) -> None:
    audience = new_audience()
    services.archive_audience(audience_id=audience.id)
    with pytest.raises(DomainError, match="archived"):
        import_services.create_import(audience_id=audience.id, source="upload")
    services.unarchive_audience(audience_id=audience.id)
    import_services.create_import(audience_id=audience.id, source="upload")


def test_states_are_left_only_by_their_doors(app: Flask) -> None:
    row = new_import(CSV)
    with pytest.raises(DomainError, match="its columns have to be looked at first"):
        import_services.start_load(import_id=row.id)
    row = load(check(row))
    for act in (
        lambda: import_services.cancel_import(import_id=row.id),
        lambda: import_services.check_again(import_id=row.id),
        lambda: import_services.start_load(import_id=row.id),
    ):
        with pytest.raises(DomainError, match="it is loaded already"):
            act()


def test_going_back_to_the_columns_and_checking_again(app: Flask) -> None:
    row = check(new_import("email,name\na@example.com,Anna\nb@example.com,\n"))
    row = import_services.reopen_mapping(import_id=row.id)
    assert (row.state, row.report) == (ImportState.MAPPING, {})
    columns = [Column("email", "email"), Column("name", "ignore")]
    row = check(row, columns=columns)
    assert [column["target"] for column in row.report["columns"]] == ["email"]


def test_two_people_on_one_mapping(app: Flask) -> None:
    row = new_import(CSV)
    seen = row.version
    columns = [Column.from_dict(column) for column in row.options["mapping"]]
    import_services.save_dialect(import_id=row.id, dialect=Dialect(delimiter=";"), version=seen)
    with pytest.raises(Conflict):
        map_import(row, columns=columns, version=seen)


def test_reading_differently_guesses_again(app: Flask) -> None:
    row = new_import("email;name\na@example.com;Anna\n")
    row = import_services.save_dialect(
        import_id=row.id, dialect=Dialect(delimiter=",", header_row=0), version=row.version
    )
    assert [column["name"] for column in row.options["mapping"]] == ["Column 1"]
    assert row.guesses["reasons"]["delimiter"] == "chosen by you"


def test_a_mapping_with_a_problem_is_refused_by_the_service_too(app: Flask) -> None:
    row = new_import(CSV)
    with pytest.raises(DomainError, match="No column holds an address"):
        map_import(row, columns=[Column("email", "ignore"), Column("name", "ignore")])
    with pytest.raises(DomainError, match="columns changed"):
        map_import(row, columns=[Column("email", "email")])


def test_a_failed_web_address_is_tried_in_a_new_import(app: Flask) -> None:
    row = add_rows(audience_id=new_audience().id, rows=Rows("url", url="http://user:pass@example.com/x.csv"))
    assert row.filename == "example.com"
    with transaction():
        import_services.get_import(row.id).state = ImportState.FAILED
    again = fetch_again(import_id=row.id)
    assert (again.id != row.id, again.options["url"]) == (True, row.options["url"])
    assert waiting("imports")[-1] == ("fetch_import", (again.id,))


def test_what_cannot_be_taken_leaves_nothing_behind(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = app.extensions["carillon_settings"].model_copy(update={"upload_limit_mb": 0})
    monkeypatch.setitem(app.extensions, "carillon_settings", settings)
    with pytest.raises(DomainError, match="larger than the limit"):
        create_from_rows(name="Too much", rows=Rows.pasted(CSV))
    assert db.session.scalar(select(func.count()).select_from(Audience)) == 0
    audience = new_audience()
    with pytest.raises(DomainError, match="larger than the limit"):
        begin_upload(audience_id=audience.id, name="", filename="x.csv", size=2_000_000_000)
    with pytest.raises(DomainError, match="empty"):
        begin_upload(audience_id=audience.id, name="", filename="x.csv", size=0)


def test_a_bad_file_fails_with_words_and_leaves_the_audience(app: Flask) -> None:
    row = new_import(b"")
    assert row.state == ImportState.FAILED
    assert "empty" in row.problem
    assert fresh(row.id).audience_id == row.audience_id


def test_too_many_columns_wait_for_another_delimiter(app: Flask) -> None:
    row = new_import(",".join(["email", *(f"c{n}" for n in range(600))]) + "\n")
    with pytest.raises(DomainError, match="more than 500 columns"):
        map_import(row)
