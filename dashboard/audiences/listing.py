"""What the pages of audiences show: the list, one audience, its records, and what deleting it would mean."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboard.audiences import queries, records, services
from dashboard.audiences.forms import FindForm
from dashboard.audiences.models import Audience, AudienceImport, DatasetVersion
from dashboard.audiences.queries import AudienceFilter
from dashboard.audiences.records import PAGE, RecordRow
from dashboard.campaigns.models import Campaign
from dashboard.figures import number
from dashboard.htmx import canonical_url
from dashboard.ids import parse_public_id
from dashboard.paging import Pager, pager
from dashboard.problems import NotFound

STATES: Final = (("", "All but archived"), ("archived", "Archived"))


def context(arguments: Mapping[str, str]) -> dict[str, Any]:
    """The list as its address asks for it."""
    filters = AudienceFilter(
        q=arguments.get("q", "").strip(), tag=arguments.get("tag", ""), state=arguments.get("state", "")
    )
    page = queries.list_audiences(filters, after=_cursor(arguments, "after"), before=_cursor(arguments, "before"))
    return {
        "filters": filters,
        "page": page,
        "pager": pager(page, canonical_url, lambda row: row.audience.public_id),
        "chips": _chips(filters),
        "tags": [("", "All tags"), *((tag, tag) for tag in queries.all_tags())],
        "states": STATES,
        "anything": bool(page.rows) or bool(filters) or queries.any_audience(),
    }


def _cursor(arguments: Mapping[str, str], name: str) -> int | None:
    try:
        return parse_public_id("adn", arguments.get(name, ""))
    except ValueError:
        return None


def _chips(filters: AudienceFilter) -> list[dict[str, str]]:
    words = {
        "q": ("Text", filters.q),
        "tag": ("Tag", filters.tag),
        "state": ("State", dict(STATES).get(filters.state, filters.state)),
    }
    return [
        {"label": label, "value": value, "remove_url": canonical_url(**{name: None, "after": None, "before": None})}
        for name, (label, value) in words.items()
        if getattr(filters, name)
    ]


@dataclass(frozen=True, slots=True)
class Reading:
    """One audience with all that hangs on it. `names`: how templates call its columns, in their order."""

    audience: Audience
    version: DatasetVersion | None
    names: Sequence[str]
    rows: Sequence[RecordRow]
    versions: Sequence[DatasetVersion]
    imports: Sequence[tuple[AudienceImport, str]]
    open_imports: Sequence[AudienceImport]
    campaigns: Sequence[Campaign]
    find: FindForm


def reading(audience: Audience) -> Reading:
    version = queries.current_version(audience)
    imports = queries.imports(audience.id)
    return Reading(
        audience=audience,
        version=version,
        names=queries.column_names(version) if version else (),
        rows=records.rows(version) if version else (),
        versions=queries.versions(audience.id),
        imports=imports,
        open_imports=[row for row, _ in imports if row.state in queries.OPEN],
        campaigns=queries.campaigns_of(audience.id),
        find=FindForm(formdata=None),
    )


def records_version(audience: Audience, asked: str) -> DatasetVersion:
    """The version that the address names, else the one in use; NotFound where the audience has none such."""
    if not asked:
        found = queries.current_version(audience)
    else:
        found = next((row for row in queries.versions(audience.id) if row.public_id == asked), None)
    if found is None:
        raise NotFound("This audience has no such version. It may hold no records yet.")
    return found


def records_of(audience: Audience, *, version: str, first: int, term: str) -> dict[str, Any]:
    """A page of records, or those found by `term`."""
    shown = records_version(audience, version)
    first = max(0, min(first, max(shown.record_count - 1, 0)) // PAGE * PAGE)
    rows = records.find(shown, term) if term else records.rows(shown, first)
    return {
        "audience": audience,
        "version": shown,
        "is_current": shown.id == audience.current_version_id,
        "names": queries.column_names(shown),
        "rows": rows,
        "term": term,
        "pager": Pager(None, None) if term else _pages(shown, first),
        "find": FindForm(formdata=None, data={"term": term}),
    }


def _pages(version: DatasetVersion, first: int) -> Pager:
    last = min(first + PAGE, version.record_count)
    before = canonical_url(first=first - PAGE or None) if first else None
    after = canonical_url(first=last) if last < version.record_count else None
    return Pager(
        before, after, f"{number(first + 1)} to {number(last)} of {number(version.record_count)}" if last else ""
    )


@dataclass(frozen=True, slots=True)
class OneRecord:
    """A record with its neighbours' numbers. `fields`: (column, name in templates, target, value)."""

    version: DatasetVersion
    record_no: int
    fields: Sequence[tuple[str, str, str, str]]
    previous: int | None
    next: int | None
    asked_version: str


def one_record(audience: Audience, asked: str, record_no: int) -> OneRecord:
    version = records_version(audience, asked)
    found = records.rows(version, record_no, 1)
    if not found:
        raise NotFound("This version has no record of that number.")
    fields = [
        (column["name"], name, column["target"], value)
        for column, name, value in zip(version.columns, queries.column_names(version), found[0].values, strict=True)
    ]
    return OneRecord(
        version=version,
        record_no=record_no,
        fields=fields,
        previous=record_no - 1 if record_no else None,
        next=record_no + 1 if record_no + 1 < version.record_count else None,
        asked_version=asked,
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """What deleting would mean. `needing`: campaigns that forbid it; `using`: those that lose their audience."""

    audience: Audience
    records: int
    versions: int
    needing: Sequence[Campaign]
    using: Sequence[Campaign]


def ending(audience: Audience) -> Ending:
    needing = services.campaigns_needing(audience)
    versions = queries.versions(audience.id)
    kept = {campaign.id for campaign in needing}
    return Ending(
        audience=audience,
        records=sum(version.record_count for version in versions),
        versions=len(versions),
        needing=needing,
        using=[campaign for campaign in queries.campaigns_of(audience.id) if campaign.id not in kept],
    )
