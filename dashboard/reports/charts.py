"""The geometry of the chart by day: one stacked column for each, drawn by the template as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dashboard.figures import number
from dashboard.jobs.queries import JobTotals
from dashboard.reports.queries import DayLine

WIDTH: Final = 1000.0
HEIGHT: Final = 160.0
_GAP: Final = 0.22  # share of a column's place that stays empty


@dataclass(frozen=True, slots=True)
class Part:
    """A share of a column: its colour kind, and where it begins from the top."""

    kind: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One day: `title` says its numbers, the parts lie on each other from the ground up."""

    x: float
    width: float
    title: str
    parts: list[Part]


def parts_of(totals: JobTotals) -> list[tuple[str, int, str]]:
    """(words, count, colour kind) of what became of messages; the counts add up to all of them."""
    waiting = totals.queued + totals.held + totals.sending
    return [
        ("Success", totals.success, "ok"),
        ("Errors", totals.errors, "bad"),
        ("Suppressed", totals.suppressed, "special"),
        ("Cancelled", totals.cancelled, "neutral"),
        ("Under way", waiting, "info"),
    ]


def columns(days: Sequence[DayLine]) -> list[Column]:
    """A column for each day, scaled so that the fullest day fills the height."""
    top = max((line.totals.records for line in days), default=0)
    place = WIDTH / max(len(days), 1)
    return [
        Column(
            x=round(index * place + place * _GAP / 2, 2),
            width=round(place * (1 - _GAP), 2),
            title=_title(line),
            parts=_parts(line.totals, top),
        )
        for index, line in enumerate(days)
    ]


def _parts(totals: JobTotals, top: int) -> list[Part]:
    found, ground = [], HEIGHT
    for _, count, kind in parts_of(totals):
        height = count / top * HEIGHT if top else 0.0
        if height > 0:
            found.append(Part(kind, round(ground - height, 2), round(height, 2)))
        ground -= height
    return found


def _title(line: DayLine) -> str:
    words = ", ".join(f"{number(count)} {label.lower()}" for label, count, _ in parts_of(line.totals) if count)
    return f"{line.day.isoformat()}: {words or 'nothing'}"
