"""Reports as numbers, and exports as CSV."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final, Literal

from pydantic import Field

from dashboard.api.errors import Refused
from dashboard.api.identifiers import Day, named_event, named_id
from dashboard.api.message_filters import FiltersIn
from dashboard.api.resource import Input, Output, Reply, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.csv_export import stream_csv
from dashboard.current import current_settings
from dashboard.extensions import utc_now
from dashboard.messages import listing
from dashboard.reports import pages
from dashboard.reports.filters import LONGEST, ReportFilters
from dashboard.suppressions import queries as suppressions

api = resource("Reports", "What was sent and what came of it, by day, template, campaign, event, provider or reason.")
_CSV: Final[dict[str, Any]] = {"description": "A CSV file", "content": {"text/csv": {"schema": {"type": "string"}}}}
_SUPPRESSION_HEADER: Final = ("channel", "address", "scope", "reason", "note", "since")
ReportName = Literal["days", "templates", "campaigns", "events", "providers", "reasons"]


class ReportPath(Input):
    name: ReportName


class ReportIn(Input):
    """Days in the installation's time zone, both included; the last seven without them."""

    first: Day | None = Field(None, alias="from")
    last: Day | None = Field(None, alias="to")
    channel: Literal["", "email", "sms", "push"] = ""
    template: str | None = Field(None, max_length=40)
    campaign: str | None = Field(None, max_length=40)
    event: str | None = Field(None, max_length=80, description="Slug or id (evt_…) of an event.")
    provider: str | None = Field(None, max_length=40)

    def filters(self) -> ReportFilters:
        """The same for the queries. Raises Refused (422) for days that make no report."""
        zone = current_settings().zone
        last = self.last or utc_now().astimezone(zone).date()
        if not date(2000, 1, 1) <= last < date(2200, 1, 1):
            raise Refused(422, "invalid", "The last day has to lie between 2000 and 2199.", field="to")
        first = self.first or last - timedelta(days=6)
        if first > last or (last - first).days >= LONGEST:
            raise Refused(422, "invalid", f"A report has 1 to {LONGEST} days.", field="from")
        named = {
            "template": ("tpl", self.template),
            "campaign": ("cmp", self.campaign),
            "provider": ("prv", self.provider),
        }
        objects = {name: found for name, (prefix, text) in named.items() if (found := named_id(prefix, text, name))}
        if event := named_event(self.event):
            objects["event"] = event
        return ReportFilters(first, last, zone, "", self.channel, objects)


class ReportOut(Output):
    """Rows under a header, as in the CSV of the page."""

    name: str
    first: date
    last: date
    header: list[str]
    rows: list[list[str | int | float | None]]


@api.get("/reports/<name>", responses={200: ReportOut})
@needs(Scope.REPORTS)
def show(path: ReportPath, query: ReportIn) -> Reply:
    """A report"""
    filters = query.filters()
    rows = list(pages.csv_rows(path.name, filters))
    return ReportOut(
        name=path.name, first=filters.first, last=filters.last, header=pages.csv_header(path.name), rows=rows
    )


@api.get("/exports/messages.csv", responses={200: _CSV})
@needs(Scope.REPORTS)
def export_messages(query: FiltersIn) -> Reply:
    """Export messages

    Every message that the filters leave, newest first, as it is read.
    """
    return stream_csv("messages.csv", listing.EXPORT_HEADER, listing.export_rows(query.filters(), show=str))


@api.get("/exports/reports/<name>.csv", responses={200: _CSV})
@needs(Scope.REPORTS)
def export_report(path: ReportPath, query: ReportIn) -> Reply:
    """Export a report"""
    rows = pages.csv_rows(path.name, query.filters())
    return stream_csv(f"{path.name}.csv", pages.csv_header(path.name), rows)


@api.get("/exports/suppressions.csv", responses={200: _CSV})
@needs(Scope.AUDIENCES, Scope.REPORTS)
def export_suppressions() -> Reply:
    """Export the suppression list"""
    rows = (
        [row.channel, row.address, row.scope, row.reason, row.note, row.created_at]
        for row in suppressions.export(suppressions.Filters())
    )
    return stream_csv("suppressions.csv", _SUPPRESSION_HEADER, rows)
