"""What a page asks of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event

from dashboard.extensions import db


@contextmanager
def recorded(*verbs: str) -> Iterator[list[str]]:
    """The statements that run within the block and begin with one of these words (SELECT), as their text."""
    found: list[str] = []

    def note(*call: Any) -> None:
        if call[2].lstrip().upper().startswith(verbs or "SELECT"):
            found.append(call[2])

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


@contextmanager
def transactions() -> Iterator[list[Any]]:
    """Those that begin within the block and are more than a single statement."""
    found: list[Any] = []

    def note(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            found.append(connection.engine.dialect.name)

    event.listen(db.engine, "begin", note)
    try:
        yield found
    finally:
        event.remove(db.engine, "begin", note)
