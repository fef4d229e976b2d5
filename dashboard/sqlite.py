"""SQLite as this program wants it: a log beside the file (WAL), and writers that stand in a line.

A writing transaction begins with BEGIN IMMEDIATE in its turn (`dashboard.turns`). Reading ones begin plainly.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, Engine, event

from dashboard.turns import COURTESY, Turns, is_niced

_BEGIN: Final = "BEGIN IMMEDIATE"
_PRIMARY: Final = 0xFF  # the part of an error code that is not its extension
_BUSY_MS: Final = 15_000


def prepare(engine: Engine, writes: Callable[[], bool]) -> None:
    """Let an engine work so. `writes` says whether the transaction that begins is a writing one."""
    turns = Turns(f"{engine.url.database}-turns", later=COURTESY if is_niced() else 0.0)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            f"busy_timeout={_BUSY_MS}",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            "cache_size=-16000",
            # Whoever's commit makes the log so long (in pages) copies it back, which takes a while: the workers first.
            f"wal_autocheckpoint={1_000 if is_niced() else 4_000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if not writes():
            connection.exec_driver_sql("BEGIN")
        elif not _begins_in_turn(turns, connection.connection.driver_connection):
            connection.exec_driver_sql(_BEGIN)  # with SQLite's own patience, and what it has to say


def _begins_in_turn(turns: Turns, connection: Any) -> bool:
    """Begin as soon as it is our turn. False where it cannot be done so."""
    connection.execute("PRAGMA busy_timeout=0")  # its own pauses grow to 100 ms, and others come in between
    try:
        return turns.take(partial(_begins, connection))
    except (sqlite3.Error, OSError):
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")


def _begins(connection: Any) -> bool:
    try:
        connection.execute(_BEGIN)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & _PRIMARY == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True
