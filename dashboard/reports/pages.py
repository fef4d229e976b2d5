"""The six questions: what each page and its CSV file hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dashboard.figures import number
from dashboard.ids import public_id
from dashboard.jobs.queries import JobTotals
from dashboard.reports import queries
from dashboard.reports.charts import columns
from dashboard.reports.filters import ReportFilters
from dashboard.reports.queries import DayLine, GroupLine


@dataclass(frozen=True, slots=True)
class Question:
    """A report: its tab, the question it answers, and what one line of it is."""

    tab: str
    question: str
    line: str


QUESTIONS: Final = {
    "days": Question("Days", "How did it go, day by day?", "Day"),
    "templates": Question("Templates", "Which templates were sent, and how did they do?", "Template"),
    "campaigns": Question("Campaigns", "Which campaigns were sent, and how did they do?", "Campaign"),
    "events": Question("Events", "What was sent on which event, and how did it do?", "Event"),
    "providers": Question("Providers", "How do the providers compare?", "Provider"),
    "reasons": Question("Reasons", "Why did messages fail?", "Reason"),
}
#: Column in the URL: label, and the number to sort by.
SORTS: Final[dict[str, tuple[str, Callable[[JobTotals], float]]]] = {
    "recipients": ("Recipients", lambda totals: totals.records),
    "success": ("Success", lambda totals: totals.success),
    "errors": ("Errors", lambda totals: totals.errors),
    "rate": ("Success rate", lambda totals: rate(totals) or 0.0),
}
DEFAULT_SORT: Final = "-recipients"
#: Lines of a table; all of them are in the CSV file.
SHOWN: Final = 100
_STATES: Final = [state for state, _ in JobTotals(records=0).parts()]


def rate(totals: JobTotals) -> float | None:
    """Share of success among success and error, 0 to 1; None where nothing has an outcome."""
    settled = totals.success + totals.errors
    return totals.success / settled if settled else None


def content(name: str, filters: ReportFilters, sort: str) -> dict[str, Any]:
    """What the template of a report needs besides its filters and totals."""
    if name == "days":
        days = queries.by_day(filters)
        top = max(day.totals.records for day in days)
        return {"lines": list(reversed(days)), "columns": columns(days), "top": top}
    if name == "reasons":
        return {"lines": queries.reasons(filters)}
    lines = sorted_lines(queries.by_group(filters, name), sort)
    return {
        "lines": lines[:SHOWN],
        "left_out": max(0, len(lines) - SHOWN),
        "sort": sort,
        "sort_url": lambda key: f"/reports/{name}?{filters.query(sort=key)}",
        "prefix": queries.GROUPS[name][2],
    }


def log_of_day(filters: ReportFilters, line: DayLine) -> Callable[[str], str]:
    """Gives the log of a day for a state."""
    return lambda state: filters.log_url(state=state, **{"from": line.day, "to": line.day})


def log_of_group(filters: ReportFilters, name: str, line: GroupLine) -> Callable[[str], str] | None:
    """Gives the log of a template, campaign or provider for a state; None where the log has no filter for it."""
    if not line.identifier:
        return None
    key = public_id(queries.GROUPS[name][2], line.identifier)
    return lambda state: filters.log_url(state=state, **{name.removesuffix("s"): key})


def sort_of(asked: str) -> str:
    """A known column with or without "-" (falling), else the default."""
    return asked if asked.removeprefix("-") in SORTS else DEFAULT_SORT


def sorted_lines(lines: Sequence[GroupLine], sort: str) -> list[GroupLine]:
    key = SORTS[sort.removeprefix("-")][1]
    return sorted(lines, key=lambda line: key(line.totals), reverse=sort.startswith("-"))


def change(now: int, before: int, *, good: str = "neutral") -> tuple[str, str] | None:
    """("+12 %", colour kind) against an earlier number; `good` is "less" or "neutral". None without an earlier one."""
    if not before:
        return None
    share = round(100 * (now - before) / before)
    sign = "+" if share > 0 else "−" if share < 0 else "±"
    kind = "neutral" if good == "neutral" or not share else "ok" if share < 0 else "bad"
    return f"{sign}{number(abs(share))} %", kind


def points(totals: JobTotals, before: JobTotals) -> tuple[str, str] | None:
    """("+1.5 points", colour kind): the success rate against an earlier one."""
    now, then = rate(totals), rate(before)
    if now is None or then is None:
        return None
    distance = round(100 * (now - then), 1)
    sign = "+" if distance > 0 else "−" if distance < 0 else "±"
    return f"{sign}{abs(distance)} points", "neutral" if not distance else "ok" if distance > 0 else "bad"


def csv_header(name: str) -> list[str]:
    if name == "reasons":
        return ["state", "code", "messages", "newest_message", "newest_words"]
    key = ["day"] if name == "days" else ["id", QUESTIONS[name].line.lower()]
    return [*key, "recipients", "success", "errors", "success_rate", *_STATES]


def csv_rows(name: str, filters: ReportFilters) -> Iterator[list[Any]]:
    """All lines of a report, in the order of `csv_header`; the rate is a share from 0 to 1."""
    if name == "reasons":
        for reason in queries.reasons(filters):
            newest = public_id("msg", reason.example)
            yield [reason.state, reason.code, reason.count, newest, reason.words]
    elif name == "days":
        for day in queries.by_day(filters):
            yield [day.day.isoformat(), *_numbers(day.totals)]
    else:
        prefix = queries.GROUPS[name][2]
        for line in queries.by_group(filters, name):
            key = public_id(prefix, line.identifier) if line.identifier else ""
            yield [key, line.name, *_numbers(line.totals)]


def _numbers(totals: JobTotals) -> list[Any]:
    share = rate(totals)
    counts = [count for _, count in totals.parts()]
    return [
        totals.records, totals.success, totals.errors, "" if share is None else f"{share:.6f}", *counts
    ]  # fmt: skip
