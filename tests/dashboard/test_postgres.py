"""What PostgreSQL is spared, and that nothing is lost by it. Elsewhere the same calls do nothing special."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import IntegrityError

from dashboard import postgres
from dashboard.extensions import db, only_write, single_reads, transaction, write_connection
from dashboard.system.models import IdBlock


def _names() -> list[str]:
    with single_reads() as connection:
        return list(connection.scalars(select(IdBlock.name).order_by(IdBlock.name)))


def _add(name: str) -> None:
    db.session.connection().execute(IdBlock.__table__.insert(), {"name": name, "next_id": 1})  # type: ignore[attr-defined]


def _gather(*names: str | None) -> None:
    with transaction():
        only_write(db.session.connection())
        for name in names:
            if name is None:
                raise TypeError
            _add(name)


def test_what_is_gathered_is_committed(app: Flask) -> None:
    with transaction():
        _add("before")
        only_write(db.session.connection())
        only_write(db.session.connection())
        _add("one")
        _add("two")
    assert _names() == ["before", "one", "two"]


def test_a_gathered_statement_that_fails_undoes_all_and_is_told(app: Flask) -> None:
    with pytest.raises(IntegrityError):
        _gather("one", "one", "two")
    assert _names() == []
    with transaction():
        _add("after")
    assert _names() == ["after"]


def test_an_error_of_ours_undoes_what_was_gathered(app: Flask) -> None:
    with pytest.raises(TypeError):
        _gather("one", None)
    assert _names() == []


def test_a_core_transaction_gathers_too(app: Flask) -> None:
    with write_connection() as connection:
        assert connection.scalar(select(func.count()).select_from(IdBlock)) == 0
        only_write(connection)
        connection.execute(IdBlock.__table__.insert(), [{"name": str(n), "next_id": n} for n in range(3)])  # type: ignore[attr-defined]
    assert _names() == ["0", "1", "2"]


def test_the_first_statement_may_fail(app: Flask) -> None:
    with pytest.raises(IntegrityError), write_connection() as connection:
        connection.execute(IdBlock.__table__.insert(), {"name": None, "next_id": 1})  # type: ignore[attr-defined]
    assert _names() == []


def test_a_connection_that_the_server_closed_is_not_lent(app: Flask) -> None:
    if db.engine.dialect.name != "postgresql":
        return
    db.session.remove()
    own = text("SELECT pg_backend_pid()")
    with db.engine.connect() as one, db.engine.connect() as other:
        first, second = one.scalar(own), other.scalar(own)
    outside = create_engine(db.engine.url)
    with outside.connect() as elsewhere:
        for number in (first, second):
            elsewhere.execute(text("SELECT pg_terminate_backend(:number, 5000)"), {"number": number})
    outside.dispose()
    with db.engine.connect() as one, db.engine.connect() as other:
        assert {one.scalar(own), other.scalar(own)}.isdisjoint({first, second})


def test_a_rested_connection_is_asked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_ASK_AFTER", 0.0)
    assert _names() == _names() == []
