"""The ledger's months on PostgreSQL: `messages` and `message_events` are cut by id, and ids begin with their time.

A month is a table of its own (`messages_2026_12`), made ahead of time by the scheduler and, as a second hold, by
whoever takes a block of ids in it, and dropped whole when its time is over: that costs a lock for a moment, where
deleting a hundred million rows costs hours and leaves the space behind. What was there before the first cut is
`messages_until_2026_12`. There is no default partition: with one, PostgreSQL could not read the months in order, and
every new month would have to lock it. SQLite has no partitions; there the rows are deleted in ranges.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, text

from dashboard.ids import id_at, time_of

TABLES: Final = ("messages", "message_events")
#: Months kept ready beyond the present one.
AHEAD: Final = 3
_NAME: Final = re.compile(r"(messages|message_events)_(until_)?(\d{4})_(\d\d)")
#: Of PostgreSQL's advisory locks: one process at a time makes or drops months. Migrations have 727201.
_LOCK: Final = 727202


_known: Final[WeakKeyDictionary[Engine, set[date]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Part:
    """One table of a month, or of all before one. `end`: the first day that is not in it any more."""

    table: str
    name: str
    end: date


def is_part(name: str) -> bool:
    """Whether a table of this name is a part of another one, which migrations and models do not know."""
    return _NAME.fullmatch(name) is not None


def month_of(moment: datetime) -> date:
    """The first day of the month, in UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


def month_after(month: date, count: int = 1) -> date:
    """The first day of a later month (or, with a negative count, an earlier one)."""
    months = month.year * 12 + month.month - 1 + count
    return date(months // 12, months % 12 + 1, 1)


def first_id_of(month: date) -> int:
    """The smallest id of a month."""
    return id_at(datetime(month.year, month.month, 1, tzinfo=UTC))


def parts(connection: Connection) -> list[Part]:
    """Every part, the oldest first; empty on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    names = connection.scalars(
        text(
            "SELECT child.relname FROM pg_inherits JOIN pg_class child ON child.oid = inhrelid"
            " WHERE inhparent = ANY(ARRAY['messages'::regclass, 'message_events'::regclass])"
        )
    )
    found = [_part(name) for name in names if is_part(name)]
    return sorted(found, key=lambda part: (part.end, part.table))


def ensure_months(connection: Connection, months: Iterable[date]) -> list[str]:
    """Make the parts of these months where there are none, in the caller's transaction; the names of new ones.

    Takes no lock that readers or writers of the ledger would notice. Safe from any number of processes at once.
    """
    wanted = [(table, month) for month in sorted(set(months)) for table in TABLES]
    missing = _missing(connection, wanted)
    if not missing:
        return []
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    made = []
    for table, month in _missing(connection, wanted):
        name = f"{table}_{month:%Y_%m}"
        connection.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)"))
        low, high = first_id_of(month), first_id_of(month_after(month))
        connection.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({low:d}) TO ({high:d})"))
        made.append(name)
    return made


def ensure_ids(connection: Connection, first: int, count: int) -> None:
    """Make sure that the ids `first` … `first + count - 1` have their parts; asks the database once a month."""
    if connection.dialect.name != "postgresql":
        return
    known = _known.setdefault(connection.engine, set())
    months = {month_of(time_of(first)), month_of(time_of(first + max(0, count - 1)))} - known
    if months and not ensure_months(connection, months):
        known |= months  # new ones are known once they are committed


def ensure_ahead(connection: Connection, now: datetime) -> list[str]:
    """Make the parts of this month and the next ones; the names of new ones. Nothing on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    month = month_of(now)
    return ensure_months(connection, [month_after(month, ahead) for ahead in range(AHEAD + 1)])


def drop_before(connection: Connection, month: date) -> list[str]:
    """Drop the parts that end with this month's first day or earlier; their names.

    Gives up after two seconds where somebody reads the ledger (the next round tries again), since whoever comes
    behind a waiting lock would wait too.
    """
    old = [part for part in parts(connection) if part.end <= month]
    if old:
        connection.execute(text("SET LOCAL lock_timeout = '2s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    for part in old:
        connection.execute(text(f"DROP TABLE IF EXISTS {part.name}"))
    return [part.name for part in old]


def _missing(connection: Connection, wanted: list[tuple[str, date]]) -> list[tuple[str, date]]:
    """Those without a part: neither one of their own nor the one of everything before the first cut."""
    there = parts(connection)
    names = {part.name for part in there}
    until = {part.table: part.end for part in there if "_until_" in part.name}
    return [
        (table, month)
        for table, month in wanted
        if f"{table}_{month:%Y_%m}" not in names and month >= until.get(table, date.min)
    ]


def _part(name: str) -> Part:
    match = _NAME.fullmatch(name)
    assert match is not None  # noqa: S101 - the caller asked is_part
    month = date(int(match[3]), int(match[4]), 1)
    return Part(match[1], name, month if match[2] else month_after(month))
