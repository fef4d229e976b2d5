"""Audiences themselves: made, renamed, archived, deleted; and filled at once from rows in the program."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import delete, select, update

from dashboard.audiences import import_services
from dashboard.audiences.models import Audience, AudienceImport, DatasetVersion, ImportState
from dashboard.audit.services import record
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import after_commit, db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import ACTIVE_JOB_STATES, Job, JobState
from dashboard.problems import DomainError, NotFound, check_version
from worker.imports.checking import run_check
from worker.imports.files import files_of
from worker.imports.loading import run_load
from worker.imports.mapping import Column
from worker.queues import Queue, enqueue

#: A campaign in one of these will read its audience again.
NEEDING = (CampaignState.SCHEDULED, CampaignState.LATE, CampaignState.RUNNING)
_WORKING = (ImportState.CHECKING, ImportState.LOADING)


def create_audience(
    *, name: str, description: str = "", tags: Sequence[str] = (), created_by: int | None = None
) -> Audience:
    """A new audience without records; DomainError where the name is taken."""
    with transaction():
        _refuse_taken(name, None)
        audience = Audience(id=new_id(), name=name, description=description, tags=list(tags), created_by=created_by)
        db.session.add(audience)
        record("audience.create", audience, summary=name)
    return audience


def update_audience(
    *, audience_id: int, name: str, description: str, tags: Sequence[str], version: int | None
) -> Audience:
    """Rename it, describe it, tag it; Conflict where somebody saved in between."""
    with transaction():
        audience = _locked(audience_id)
        check_version(audience, version)
        _refuse_taken(name, audience_id)
        before = {"name": audience.name, "description": audience.description, "tags": audience.tags}
        audience.name, audience.description, audience.tags = name, description, list(tags)
        audience.updated_at = utc_now()
        after = {"name": name, "description": description, "tags": list(tags)}
        record("audience.update", audience, summary=name, before=before, after=after)
    return audience


def archive_audience(*, audience_id: int) -> Audience:
    """Hide it from lists and choices; refused while a campaign that will still run uses it."""
    with transaction():
        audience = _locked(audience_id)
        _refuse_needed(audience, "archived")
        audience.archived_at = utc_now()
        record("audience.archive", audience, summary=audience.name)
    return audience


def unarchive_audience(*, audience_id: int) -> Audience:
    """Offer it again."""
    with transaction():
        audience = _locked(audience_id)
        audience.archived_at = None
        record("audience.unarchive", audience, summary=audience.name)
    return audience


def use_version(*, audience_id: int, version_id: int) -> DatasetVersion:
    """Make an older version the audience's current one again; campaigns launched from now on take it."""
    with transaction():
        audience = _locked(audience_id)
        version = db.session.get(DatasetVersion, version_id)
        if version is None or version.audience_id != audience_id or not version.ready:
            raise NotFound("This audience has no such version.")
        before = audience.current_version_id
        audience.current_version_id = version.id
        audience.updated_at = utc_now()
        record(
            "audience.use_version",
            audience,
            summary=f"version {version.number}",
            before={"current_version_id": before},
            after={"current_version_id": version.id},
        )
    return version


def delete_audience(*, audience_id: int, typed_name: str) -> str:
    """Delete it for good once its name was typed; its name. Refused while a campaign or an import needs it.

    Records that a job used stay with that job, so that its messages can still be shown; all others are deleted by a
    worker.
    """
    with transaction():
        audience = _locked(audience_id)
        name = audience.name
        if typed_name.strip() != name:
            raise DomainError(f"Type the name exactly: {name}", field="name", code="name_mismatch")
        _refuse_needed(audience, "deleted")
        imports = db.session.scalars(select(AudienceImport).where(AudienceImport.audience_id == audience_id)).all()
        working = next((row for row in imports if row.state in _WORKING), None)
        if working is not None:
            raise DomainError(f"The import {working.filename} is at work on it. Cancel it first.", code="importing")
        record("audience.delete", audience, summary=name, before={"name": name})
        db.session.execute(update(Campaign).where(Campaign.audience_id == audience_id).values(audience_id=None))
        db.session.execute(
            update(DatasetVersion).where(DatasetVersion.audience_id == audience_id).values(audience_id=None)
        )
        for row in imports:
            after_commit(files_of(row.id).remove)
        db.session.execute(delete(AudienceImport).where(AudienceImport.audience_id == audience_id))
        db.session.delete(audience)
        after_commit(enqueue, "purge_versions", queue=Queue.IMPORTS)
    return name


def load_rows(*, audience_name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Audience:
    """An audience made of `rows` on the way that a file takes, in this process: for the demonstration.

    The columns are mapped as guessed; DomainError where that leaves something to choose, or where nothing is valid.
    """
    audience = create_audience(name=audience_name)
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows(rows)
    data = io.BytesIO(text.getvalue().encode())
    row = import_services.create_import(audience_id=audience.id, source="paste", filename=f"{audience_name}.csv")
    row = import_services.receive_all(import_id=row.id, source=data)
    _check_and_load(row)
    db.session.rollback()  # the worker wrote on a connection of its own: let go of the snapshot from before
    row = import_services.get_import(row.id)
    if row.state not in (ImportState.LOADED, ImportState.LOADED_WITH_REJECTS):
        raise DomainError(row.problem or f"The rows of {audience_name} could not be loaded.", code="load_rows")
    return _locked(audience.id)


def _check_and_load(row: AudienceImport) -> None:
    import_services.start_check(
        import_id=row.id,
        columns=[Column.from_dict(column) for column in row.options["mapping"]],
        duplicates="first",
        duplicate_by="",
        mode="replace",
        default_country=row.options["default_country"],
        version=None,
    )
    _until_over(row.id, run_check, ImportState.CHECKING)
    import_services.start_load(import_id=row.id)
    _until_over(row.id, run_load, ImportState.LOADING)


def _until_over(import_id: int, run: Callable[[int], bool], state: ImportState) -> None:
    """Do the work of a state; where a worker that heard of it was quicker, wait for it or for its lease's end."""
    while not run(import_id) or _state_of(import_id) == state:
        time.sleep(0.02)


def _state_of(import_id: int) -> str:
    db.session.rollback()  # workers write on connections of their own: let go of the snapshot from before
    return import_services.get_import(import_id).state


def campaigns_needing(audience: Audience) -> list[Campaign]:
    """Campaigns that will still read it: scheduled, late, running, or with a job that is not over."""
    unfinished = (*ACTIVE_JOB_STATES, JobState.PAUSED)
    at_work = (
        select(Job.campaign_id)
        .join(DatasetVersion, DatasetVersion.id == Job.dataset_version_id)
        .where(DatasetVersion.audience_id == audience.id, Job.state.in_(unfinished))
    )
    mine = Campaign.audience_id == audience.id
    statement = select(Campaign).where((mine & Campaign.state.in_(NEEDING)) | Campaign.id.in_(at_work))
    return list(db.session.scalars(statement.order_by(Campaign.name)))


def _refuse_needed(audience: Audience, what: str) -> None:
    needing = campaigns_needing(audience)
    if needing:
        names = ", ".join(f"“{campaign.name}” ({campaign.state})" for campaign in needing[:5])
        raise DomainError(
            f"It cannot be {what}: {names} {'needs' if len(needing) == 1 else 'need'} it. End or change that first.",
            code="in_use",
        )


def _refuse_taken(name: str, audience_id: int | None) -> None:
    other = db.session.scalar(select(Audience.id).where(Audience.name == name))
    if other is not None and other != audience_id:
        raise DomainError(
            "There is an audience with this name already. Choose another one.", field="name", code="taken"
        )


def _locked(audience_id: int) -> Audience:
    audience = db.session.get(Audience, audience_id, with_for_update=True, populate_existing=True)
    if audience is None:
        raise NotFound("There is no such audience. It may have been deleted.")
    return audience
