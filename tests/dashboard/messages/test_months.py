"""The ledger in months (PostgreSQL), and the rule after which messages are deleted (both databases)."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, insert, select, text

from dashboard.current import current_settings
from dashboard.extensions import db, read_connection, transaction, write_connection
from dashboard.ids import id_at, new_id
from dashboard.jobs.models import Job, JobState
from dashboard.jobs.numbering import allocate_message_ids
from dashboard.messages import partitions, retention
from dashboard.messages.models import Message, MessageEvent
from dashboard.messages.partitions import (
    drop_before,
    ensure_ahead,
    ensure_months,
    first_id_of,
    is_part,
    month_after,
    month_of,
    parts,
)
from dashboard.providers.models import SandboxMail
from dashboard.system.models import IdBlock
from dashboard.webhooks.models import ProviderReference
from tests.brokers import waiting
from tests.conftest import settings_for
from tests.factories.messages import add_message
from tests.factories.sending import new_job, people
from tests.worker.engine.slices import deliver
from worker.scheduler import Scheduler

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def on_postgres() -> bool:
    return db.engine.dialect.name == "postgresql"


@pytest.mark.parametrize(
    ("month", "count", "expected"),
    [
        (date(2026, 11, 1), 1, date(2026, 12, 1)),
        (date(2026, 12, 1), 1, date(2027, 1, 1)),
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2026, 11, 1), -13, date(2025, 10, 1)),
        (date(2026, 11, 1), 14, date(2028, 1, 1)),
    ],
)
def test_months_are_counted(month: date, count: int, expected: date) -> None:
    assert month_after(month, count) == expected


def test_months_are_those_of_utc() -> None:
    assert month_of(datetime.fromisoformat("2026-12-01T01:00+02:00")) == date(2026, 11, 1)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("messages_2026_12", True), ("message_events_until_2026_12", True), ("messages", False), ("messages_x", False)],
)
def test_parts_are_told_by_their_names(name: str, expected: bool) -> None:
    assert is_part(name) is expected


def far_month(years: int) -> date:
    """A month that no other test uses; parts stay in the database of the session."""
    return date(2026 + years, 5, 1)


def test_a_month_is_made_once_and_takes_rows(app: Flask) -> None:
    if not on_postgres():
        assert parts(db.session.connection()) == []
        return
    month = far_month(20)
    with write_connection() as connection:
        assert ensure_months(connection, [month]) == ["messages_2046_05", "message_events_2046_05"]
        assert ensure_months(connection, [month]) == []
    row = add_message(id=first_id_of(month) + 7)
    where = db.session.scalar(text("SELECT tableoid::regclass::text FROM messages WHERE id = :id"), {"id": row.id})
    assert where == "messages_2046_05"


def test_any_number_of_schedulers_make_months_at_once(app: Flask) -> None:
    months = [month_after(far_month(30), number) for number in range(3)]
    made: list[str] = []
    start = threading.Barrier(4)

    def make() -> None:
        start.wait()
        with write_connection(engine) as connection:
            if engine.dialect.name == "postgresql":
                made.extend(ensure_months(connection, months))
            else:
                made.extend(ensure_ahead(connection, NOW))

    engine = db.engine
    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == len(set(made)) == (6 if on_postgres() else 0)


def test_the_scheduler_keeps_months_ready(app: Flask) -> None:
    Scheduler().run_once()
    if on_postgres():
        with read_connection() as connection:
            there = {part.end for part in parts(connection) if part.table == "messages"}
        month = month_of(datetime.now(UTC))
        assert {month_after(month, ahead) for ahead in (1, 2, 3, 4)} <= there
    assert waiting("periodic") == []


def test_whoever_takes_ids_makes_their_month(app: Flask) -> None:
    """A clock that is years ahead, or a scheduler that has not run for months."""
    first = first_id_of(far_month(40))
    with transaction() as session:
        session.merge(IdBlock(name="messages", next_id=first))
    with transaction():
        assert allocate_message_ids(10) == first
    assert add_message(id=first).id == first


def test_rows_of_two_months_in_one_window(app: Flask) -> None:
    """A job whose block of ids crosses midnight of the first."""
    month = far_month(50)
    with transaction() as session:
        session.merge(IdBlock(name="messages", next_id=first_id_of(month_after(month)) - 3))
    job = new_job(people(7))
    deliver(job.id)
    states = db.session.scalars(select(Message.state).where(Message.job_id == job.id)).all()
    assert states == ["sent"] * 7


def test_vendors_ids_go_with_their_messages(app: Flask, two_months: None) -> None:
    """A late receipt finds its message as long as there is one."""
    old, kept = add_at(datetime(2026, 8, 1, tzinfo=UTC)), add_at(datetime(2026, 9, 1, tzinfo=UTC))
    with transaction() as session:
        session.add_all(ProviderReference(provider_id=1, reference="r", message_id=id_) for id_ in (old, kept))
    assert retention.apply_rule(db.engine, NOW) is False
    assert list(db.session.scalars(select(ProviderReference.message_id))) == [kept]


@pytest.fixture
def two_months(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = current_settings()
    changed = settings_for(settings.var_dir, settings.database_url, retention_months=2)
    monkeypatch.setitem(app.extensions, "carillon_settings", changed)


def add_at(moment: datetime, **values: Any) -> int:
    message = add_message(id=id_at(moment), **values)
    with transaction() as session:
        session.add(MessageEvent(id=message.id, message_id=message.id, kind="note"))
        mail = {"provider_id": 1, "recipient": "a@example.com", "sender": "b@example.com", "subject": "s", "raw": b""}
        session.execute(insert(SandboxMail).values(id=new_id(), message_id=message.id, received_at=moment, **mail))
    return message.id


def left() -> tuple[list[int], int, int]:
    db.session.rollback()
    ids = list(db.session.scalars(select(Message.id).order_by(Message.id)))
    counts = [db.session.scalar(select(func.count()).select_from(model)) or 0 for model in (MessageEvent, SandboxMail)]
    return ids, counts[0], counts[1]


def test_whole_months_go(app: Flask, two_months: None) -> None:
    add_at(datetime(2026, 8, 31, 23, 59, tzinfo=UTC))
    kept = [add_at(datetime(2026, 9, 1, tzinfo=UTC)), add_at(NOW)]
    assert retention.apply_rule(db.engine, NOW) is False
    assert left() == (kept, 2, 2)


def test_nothing_goes_without_the_rule(app: Flask) -> None:
    kept = [add_at(datetime(2020, 1, 1, tzinfo=UTC))]
    assert retention.apply_rule(db.engine, NOW) is False
    assert left()[0] == kept


def test_deleting_goes_on_where_it_stopped(app: Flask, two_months: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for day in range(1, 6):
        add_at(datetime(2026, 2, day, tzinfo=UTC))
    calls = 1
    while retention.apply_rule(db.engine, NOW, seconds=0):
        calls += 1
    assert calls > 2
    assert left() == ([], 0, 0)


def test_a_month_at_work_stays(app: Flask, two_months: None) -> None:
    moment = datetime(2026, 6, 15, tzinfo=UTC)
    with transaction() as session:
        session.merge(IdBlock(name="messages", next_id=0))
    job = new_job(people(1))
    with transaction():
        db.session.get_one(Job, job.id).first_message_id = id_at(moment)
    older, at_work = add_at(moment - timedelta(days=40)), add_at(moment)
    retention.apply_rule(db.engine, NOW)
    assert left()[0] == [at_work]
    with transaction():
        db.session.get_one(Job, job.id).state = JobState.FINISHED
    retention.apply_rule(db.engine, NOW)
    assert left()[0] == []
    assert older < at_work


def test_a_month_that_is_over_is_dropped_whole(app: Flask) -> None:
    if not on_postgres():
        return
    month = far_month(60)
    with write_connection() as connection:
        ensure_months(connection, [month])
    add_message(id=first_id_of(month))
    with write_connection() as connection:
        names = {part.name for part in parts(connection)}
        assert {"messages_2086_05", "message_events_2086_05"} <= names
        connection.execute(text("SAVEPOINT look"))
        dropped = drop_before(connection, month_after(month))
        assert {"messages_2086_05", "message_events_2086_05"} <= set(dropped)
        assert connection.scalar(text("SELECT count(*) FROM messages")) == 0
        connection.execute(text("ROLLBACK TO SAVEPOINT look"))  # other tests need the months before


def test_the_page_of_a_deleted_message_says_so(client: FlaskClient, two_months: None) -> None:
    old = partitions.first_id_of(month_after(month_of(datetime.now(UTC)), -2)) - 1
    words = client.get(f"/messages/{add_message(id=old).public_id}")
    assert words.status_code == 200
    retention.apply_rule(db.engine, datetime.now(UTC))
    db.session.rollback()
    answer = client.get(words.request.path)
    assert answer.status_code == 404
    assert "deleted by the 2-month rule" in answer.text
    assert "There is no message with this id" in client.get(f"/messages/{Message(id=new_id()).public_id}").text


def test_the_scheduler_asks_a_worker_to_delete(app: Flask, two_months: None) -> None:
    Scheduler().run_once()
    assert waiting("periodic") == [("apply_retention", ())]


def plan_of(statement: str) -> str:
    with read_connection() as connection:
        return "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}").scalars())


@pytest.mark.parametrize(
    ("condition", "index"),
    [
        ("id BETWEEN {low} AND {high}", "pkey"),
        ("state = 'failed' AND id BETWEEN {low} AND {high}", "state_id"),
        ("template_id = 7 AND id >= {low}", "template_id_id"),
        ("recipient LIKE 'ada%%' AND id >= {low}", "recipient_id"),
    ],
)
def test_reports_read_one_month_by_its_index(app: Flask, condition: str, index: str) -> None:
    if not on_postgres():
        return
    month = far_month(70)
    with write_connection() as connection:
        ensure_months(connection, [month_after(month, number) for number in (-1, 0, 1)])
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        words = condition.format(low=first_id_of(month), high=first_id_of(month_after(month)) - 1)
        found = connection.exec_driver_sql(
            f"EXPLAIN SELECT * FROM messages WHERE {words} ORDER BY id DESC LIMIT 50"
        ).scalars()
        plan = "\n".join(found)
    assert f"messages_{month:%Y_%m}_{index}" in plan or f"messages_{month:%Y_%m}_{index}_idx" in plan, plan
    assert f"messages_{month_after(month, -1):%Y_%m}" not in plan
