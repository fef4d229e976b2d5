"""The four numbers of the last 24 hours, each read and shown by itself, so that a slow one holds up no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from flask import url_for

from dashboard.figures import number, percent
from dashboard.home.queries import last_day, under_way

#: Name in the URL: label, and the filters of the log where the number comes from.
TILES: Final[dict[str, tuple[str, dict[str, str]]]] = {
    "sent": ("Sent, last 24 h", {"range": "24h", "state": "success"}),
    "rate": ("Success, last 24 h", {"range": "24h"}),
    "failed": ("Failed, last 24 h", {"range": "24h", "state": "error"}),
    "waiting": ("Under way now", {}),
}


@dataclass(frozen=True, slots=True)
class Tile:
    """What `ui.stat` shows. `delta`: (words, "ok" | "bad" | "neutral") against the same hours a week before."""

    name: str
    label: str
    value: str
    href: str
    note: str
    sparkline: list[int]
    delta: tuple[str, str] | None = None
    kind: str = ""


def tile_url(name: str) -> str:
    """Where the number of a tile leads; what is under way stands with the campaigns, most of it in no log yet."""
    if name == "waiting":
        return "/campaigns?tab=running"
    return f"{url_for('messages.index')}?{urlencode(TILES[name][1])}"


def tile(name: str) -> Tile:
    """One of TILES with its number."""
    return {"sent": _sent, "rate": _rate, "failed": _failed, "waiting": _waiting}[name]()


def _sent() -> Tile:
    day = last_day()
    delta = _change(day.success, day.success_before, more_is="neutral")
    return _tile("sent", number(day.success), "", [success for success, _ in day.hours], delta)


def _rate() -> Tile:
    day = last_day()
    note = f"{number(day.success)} of {number(day.settled)} with an outcome" if day.settled else "Nothing has ended yet"
    delta = None
    if day.settled and day.settled_before:
        points = 100 * day.success / day.settled - 100 * day.success_before / day.settled_before
        words = f"{points:+.1f} points against a week ago".replace("-", "−")
        delta = (words, "neutral" if abs(points) < 0.05 else "ok" if points > 0 else "bad")
    return _tile("rate", percent(day.success, day.settled), note, [], delta)


def _failed() -> Tile:
    day = last_day()
    delta = _change(day.errors, day.errors_before, more_is="bad")
    hours = [errors for _, errors in day.hours]
    return _tile("failed", number(day.errors), "", hours, delta, "bad" if day.errors else "")


def _waiting() -> Tile:
    sums = under_way()
    left = sums.records - sums.done
    note = f"{number(sums.done)} of {number(sums.records)} done" if sums.records else "No run is under way"
    return _tile("waiting", number(left), note, [], None)


def _tile(
    name: str, value: str, note: str, sparkline: list[int], delta: tuple[str, str] | None, kind: str = ""
) -> Tile:
    shown = sparkline if any(sparkline) else []
    return Tile(name, TILES[name][0], value, tile_url(name), note, shown, delta, kind)


def _change(now: int, before: int, *, more_is: str) -> tuple[str, str] | None:
    """ "+12 % against a week ago"; None where there is nothing to compare with."""
    if not before:
        return None
    change = round(100 * (now - before) / before)
    if not change:
        return "as a week ago", "neutral"
    kind = more_is if change > 0 or more_is == "neutral" else "ok"
    return f"{'+' if change > 0 else '−'}{abs(change)} % against a week ago", kind
