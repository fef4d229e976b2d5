"""Reading audiences: the list, one audience with all that hangs on it, and choices for other pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from dashboard.accounts.models import User
from dashboard.audiences.models import Audience, AudienceImport, DatasetVersion, ImportState
from dashboard.campaigns.models import Campaign
from dashboard.extensions import db
from dashboard.paging import Slice, fetch_slice
from dashboard.problems import NotFound

#: Imports that still want a worker or a person.
OPEN = (
    ImportState.UPLOADING,
    ImportState.MAPPING,
    ImportState.CHECKING,
    ImportState.READY,
    ImportState.LOADING,
)
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class AudienceFilter:
    """What the list shows; `state` "" is all but archived, "archived" those alone."""

    q: str = ""
    tag: str = ""
    state: str = ""

    def __bool__(self) -> bool:
        return bool(self.q or self.tag or self.state)


@dataclass(frozen=True, slots=True)
class AudienceRow:
    """One line of the list. `version` None: nothing is loaded yet; `open_import`: one that is not over."""

    audience: Audience
    version: DatasetVersion | None
    open_import: AudienceImport | None
    campaigns: int


def audience(audience_id: int) -> Audience:
    """The audience; NotFound where there is none."""
    found = db.session.get(Audience, audience_id)
    if found is None:
        raise NotFound("There is no such audience. It may have been deleted.")
    return found


def any_audience() -> bool:
    return db.session.scalar(select(Audience.id).limit(1)) is not None


def list_audiences(filters: AudienceFilter, *, after: int | None, before: int | None) -> Slice[AudienceRow]:
    """A page of the list, newest first, in four statements whatever its length."""
    statement = select(Audience)
    archived = Audience.archived_at.is_not(None)
    statement = statement.where(archived if filters.state == "archived" else ~archived)
    if filters.q:
        needle = f"%{_escaped(filters.q.lower())}%"
        found = func.lower(Audience.name).like(needle, escape="\\")
        statement = statement.where(found | func.lower(Audience.description).like(needle, escape="\\"))
    if filters.tag:
        statement = statement.where(Audience.id.in_(_tagged(filters.tag)))
    page = fetch_slice(statement, Audience.id, after=after, before=before)
    return Slice(_rows(page.rows), page.has_newer, page.has_older)


def _rows(audiences: Sequence[Audience]) -> list[AudienceRow]:
    ids = [row.id for row in audiences]
    versions = _by_id([row.current_version_id for row in audiences])
    open_ones = {
        row.audience_id: row
        for row in db.session.scalars(
            select(AudienceImport)
            .where(AudienceImport.audience_id.in_(ids), AudienceImport.state.in_(OPEN))
            .order_by(AudienceImport.id)
        )
    }
    used = (
        select(Campaign.audience_id, func.count()).where(Campaign.audience_id.in_(ids)).group_by(Campaign.audience_id)
    )
    campaigns = {row[0]: row[1] for row in db.session.execute(used)}
    return [
        AudienceRow(
            audience=row,
            version=versions.get(row.current_version_id or 0),
            open_import=open_ones.get(row.id),
            campaigns=campaigns.get(row.id, 0),
        )
        for row in audiences
    ]


def _by_id(ids: Sequence[int | None]) -> dict[int, DatasetVersion]:
    rows = db.session.scalars(select(DatasetVersion).where(DatasetVersion.id.in_([i for i in ids if i is not None])))
    return {row.id: row for row in rows}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _tagged(tag: str) -> list[int]:
    """Ids of the audiences with that tag: tags are a JSON list, and audiences are few."""
    rows = db.session.execute(select(Audience.id, Audience.tags))
    return [identifier for identifier, tags in rows if tag in tags]


def all_tags() -> list[str]:
    """Every tag in use, in alphabetical order."""
    return sorted({tag for tags in db.session.scalars(select(Audience.tags)) for tag in tags})


def current_version(of: Audience) -> DatasetVersion | None:
    """The version that campaigns launched now would take; None while nothing is loaded."""
    return db.session.get(DatasetVersion, of.current_version_id) if of.current_version_id else None


def versions(audience_id: int) -> Sequence[DatasetVersion]:
    """Its versions that are ready, newest first."""
    statement = select(DatasetVersion).where(DatasetVersion.audience_id == audience_id, DatasetVersion.ready)
    return db.session.scalars(statement.order_by(DatasetVersion.number.desc()).limit(_SHOWN)).all()


def last_number(audience_id: int) -> int:
    """The number of its newest version, ready or not; 0 where there is none."""
    of_it = DatasetVersion.audience_id == audience_id
    return db.session.scalar(select(func.max(DatasetVersion.number)).where(of_it)) or 0


def imports(audience_id: int) -> Sequence[tuple[AudienceImport, str]]:
    """Its imports with the name of who began them, newest first."""
    statement = (
        select(AudienceImport, func.coalesce(User.username, ""))
        .outerjoin(User, User.id == AudienceImport.created_by)
        .where(AudienceImport.audience_id == audience_id)
        .order_by(AudienceImport.id.desc())
        .limit(_SHOWN)
    )
    return [(row, name) for row, name in db.session.execute(statement)]


def campaigns_of(audience_id: int) -> Sequence[Campaign]:
    """Campaigns that use the audience, newest first."""
    statement = select(Campaign).where(Campaign.audience_id == audience_id)
    return db.session.scalars(statement.order_by(Campaign.id.desc()).limit(_SHOWN)).all()


def same_file(row: AudienceImport) -> AudienceImport | None:
    """The import that loaded the very same bytes into this audience before."""
    if not row.sha256:
        return None
    statement = select(AudienceImport).where(
        AudienceImport.audience_id == row.audience_id,
        AudienceImport.sha256 == row.sha256,
        AudienceImport.id != row.id,
        AudienceImport.state.in_([ImportState.LOADED, ImportState.LOADED_WITH_REJECTS]),
    )
    return db.session.scalar(statement.order_by(AudienceImport.id.desc()).limit(1))


def audience_choices() -> list[tuple[int, str, int]]:
    """(id, name, records) of every audience that has records and is not archived, by name."""
    statement = (
        select(Audience.id, Audience.name, DatasetVersion.record_count)
        .join(DatasetVersion, DatasetVersion.id == Audience.current_version_id)
        .where(Audience.archived_at.is_(None))
        .order_by(func.lower(Audience.name))
    )
    return [(row[0], row[1], row[2]) for row in db.session.execute(statement)]


def column_names(version: DatasetVersion) -> list[str]:
    """The names under which templates reach its columns: addresses by their target, variables by their names."""
    return [name_in_templates(column) for column in version.columns]


def name_in_templates(column: Mapping[str, Any]) -> str:
    return str(column["variable"] if column["target"] == "variable" else column["target"])
