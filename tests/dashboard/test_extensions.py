from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select, update

from dashboard.extensions import after_commit, db, transaction, write_connection
from dashboard.variables.models import Variable
from tests.statements import recorded


def _count_up(app: Flask) -> None:
    with app.app_context():
        for _ in range(25):
            with transaction():
                row = db.session.scalars(select(Variable).where(Variable.name == "counter").with_for_update()).one()
                row.value = str(int(row.value) + 1)


def test_no_update_is_lost_between_threads(app: Flask) -> None:
    with transaction():
        db.session.add(Variable(name="counter", value="0"))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(_count_up, [app] * 4))
    db.session.expire_all()
    assert db.session.scalar(select(Variable.value).where(Variable.name == "counter")) == "100"


def test_calls_wait_for_the_commit(app: Flask) -> None:
    seen: list[str] = []
    with transaction():
        after_commit(seen.append, "after")
        with transaction():
            after_commit(seen.append, "inner")
        assert seen == []
    assert seen == ["after", "inner"]


def test_a_failed_transaction_calls_nothing_and_saves_nothing(app: Flask) -> None:
    seen: list[str] = []

    def fail() -> None:
        with transaction():
            db.session.add(Variable(name="lost", value="x"))
            after_commit(seen.append, "never")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert seen == []
    assert db.session.scalar(select(Variable).where(Variable.name == "lost")) is None


def test_what_is_kept_is_not_read_again_until_the_next_transaction(app: Flask) -> None:
    with transaction(keep=True):
        row = Variable(name="kept", value="0")
        db.session.add(row)
    with recorded() as statements:
        assert row.value == "0"
    assert statements == []
    with write_connection() as connection:
        connection.execute(update(Variable).where(Variable.name == "kept").values(value="1"))
    with transaction():
        assert row.value == "1"
    with recorded() as statements:
        assert row.value == "1"
    assert len(statements) == 1
