from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from dashboard import sqlite


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "desk.db"


@pytest.fixture
def engine(path: Path) -> Iterator[Engine]:
    engine = create_engine(f"sqlite:///{path}")
    sqlite.prepare(engine, lambda: True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (words TEXT)"))
    yield engine
    engine.dispose()


def test_a_writer_waits_until_nobody_writes(engine: Engine, path: Path) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("INSERT INTO notes VALUES ('first')")
    asked = Event()

    def write() -> list[str]:
        asked.set()
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO notes VALUES ('second')"))
            return list(connection.scalars(text("SELECT words FROM notes ORDER BY rowid")))

    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(write)
        assert asked.wait(30)
        other.execute("COMMIT")
        assert second.result(30) == ["first", "second"]
    other.close()


def test_other_waits_of_sqlite_keep_their_patience(engine: Engine) -> None:
    with engine.begin() as connection:
        assert connection.scalar(text("PRAGMA busy_timeout")) == 15_000


def test_what_is_wrong_with_the_database_is_said_at_once(engine: Engine) -> None:
    with engine.connect() as first:
        raw = first.connection.driver_connection
        assert raw is not None
        raw.execute("BEGIN")
        with pytest.raises(OperationalError, match="within a transaction"):
            first.execute(text("SELECT 1"))


def test_without_a_file_for_the_line_sqlite_waits_by_itself(path: Path) -> None:
    Path(f"{path}-turns").mkdir()
    engine = create_engine(f"sqlite:///{path}")
    sqlite.prepare(engine, lambda: True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE notes (words TEXT)"))
    engine.dispose()


def test_reading_takes_no_turn(path: Path, engine: Engine) -> None:
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    reader = create_engine(f"sqlite:///{path}")
    sqlite.prepare(reader, lambda: False)
    with reader.begin() as connection:
        assert list(connection.scalars(text("SELECT words FROM notes"))) == []
    other.execute("ROLLBACK")
    other.close()
    reader.dispose()
