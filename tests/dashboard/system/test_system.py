"""Health, the system page, dead letters on a real broker."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import dramatiq
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text

from dashboard import VERSION
from dashboard.accounts.models import Role
from dashboard.audit.models import AuditEntry
from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now, write_connection
from dashboard.system import lanes, queries
from dashboard.system.models import Heartbeat
from tests.conftest import settings_for
from worker.queues import Queue, enqueue

HTMX = {"HX-Request": "true"}
LANES = [queue.value for queue in Queue]


def beat(kind: str, name: str, queues: list[str] | None = None, seconds_ago: float = 1) -> None:
    with transaction():
        at = utc_now() - timedelta(seconds=seconds_ago)
        db.session.add(Heartbeat(kind=kind, name=name, at=at, info={"queues": queues or [], "version": VERSION}))


def bury(lane: Queue, number: int, **options: Any) -> str:
    """Put a dead letter where Dramatiq's own script puts it; returns its key."""
    client = dramatiq.get_broker().client  # type: ignore[attr-defined]
    message = dramatiq.Message(
        queue_name=lane.value,
        actor_name="send_chunks",
        args=(number,),
        kwargs={},
        options={"retries": 3, "traceback": "Traceback\n  File x\nValueError: <nothing>", "redis_message_id": "x"}
        | options,
    )
    client.hset(f"dramatiq:{lane.value}.XQ.msgs", f"key-{number}", message.encode())
    client.zadd(f"dramatiq:{lane.value}.XQ", {f"key-{number}": time.time() * 1000 + number})
    return f"key-{number}"


def everything_up() -> None:
    beat("scheduler", "host:1")
    beat("worker", "host:2", LANES[:3])
    beat("worker", "host:3", LANES[3:])


def test_all_up_is_200(anonymous: FlaskClient) -> None:
    everything_up()
    answer = anonymous.get("/healthz")
    assert answer.status_code == 200
    assert answer.json == {
        "status": "ok",
        "database": "ok",
        "broker": "ok",
        "workers": "ok",
        "scheduler": "ok",
        "version": VERSION,
    }
    assert answer.headers["Cache-Control"] == "no-store"


def test_nothing_started_is_503_with_the_same_keys(anonymous: FlaskClient) -> None:
    answer = anonymous.get("/healthz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["workers"] == f"no live worker for: {', '.join(LANES)}"
    assert answer.json["scheduler"] == "no sign of life for 15 s"
    assert (answer.json["status"], answer.json["database"], answer.json["broker"]) == ("unavailable", "ok", "ok")


def test_old_signs_of_life_do_not_count(anonymous: FlaskClient) -> None:
    beat("scheduler", "host:1", seconds_ago=16)
    beat("worker", "host:2", LANES, seconds_ago=14)
    answer = anonymous.get("/healthz").json
    assert answer is not None
    assert answer["workers"] == "ok"
    assert answer["scheduler"] != "ok"


def test_one_lane_without_a_worker_is_named(anonymous: FlaskClient) -> None:
    everything_up()
    with transaction():
        db.session.delete(db.session.get_one(Heartbeat, ("worker", "host:3")))
    answer = anonymous.get("/healthz").json
    assert answer is not None
    assert answer["workers"] == f"no live worker for: {', '.join(LANES[3:])}"


@pytest.mark.parametrize(
    "statement", ["UPDATE alembic_version SET version_num = '0000'", "DELETE FROM alembic_version"]
)
def test_another_schema_is_not_migrated(anonymous: FlaskClient, statement: str) -> None:
    with db.engine.connect() as connection:
        present = connection.scalar(text("SELECT version_num FROM alembic_version"))
    try:
        with write_connection() as connection:
            connection.execute(text(statement))
        answer = anonymous.get("/healthz")
    finally:
        with write_connection() as connection:
            connection.execute(text("DELETE FROM alembic_version"))
            connection.execute(text("INSERT INTO alembic_version VALUES (:present)"), {"present": present})
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["database"] == "not migrated to this version"


def test_a_new_database_is_not_migrated(tmp_path: Any) -> None:
    from dashboard import create_app

    fresh = create_app(settings_for(tmp_path))
    answer = fresh.test_client().get("/healthz")
    assert (answer.status_code, answer.json["database"]) == (503, "not migrated")  # type: ignore[index]
    with fresh.app_context():
        db.engine.dispose()


def test_a_database_that_is_away_leaves_no_stack_in_the_log(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    from dashboard import create_app

    away = create_app(settings_for(tmp_path, "postgresql://nobody@127.0.0.1:1/none"))
    client = away.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "1:1"
        session["signed_in_at"] = int(time.time())
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["database"] == "not reachable"
    assert "127.0.0.1" not in answer.text
    assert not [record for record in caplog.records if record.exc_info]


def test_a_real_broker_answers_and_is_missed(anonymous: FlaskClient, broker: SimpleNamespace) -> None:
    everything_up()
    assert anonymous.get("/healthz").status_code == 200
    broker.process.stop()
    try:
        answer = anonymous.get("/healthz")
        assert answer.status_code == 503
        assert answer.json is not None
        assert answer.json["broker"] == "not reachable (ConnectionError)"
    finally:
        broker.process.start()
    assert anonymous.get("/healthz").status_code == 200


def test_the_page_shows_parts_lanes_and_processes(client: FlaskClient, broker: SimpleNamespace) -> None:
    everything_up()
    beat("worker", "host:gone", ["bulk"], seconds_ago=3600)
    beat("worker", "host:forgotten", ["bulk"], seconds_ago=90_000)
    enqueue("send_chunks", 1, queue=Queue.BULK)
    enqueue("send_chunks", 2, queue=Queue.BULK, delay_ms=60_000)
    bury(Queue.BULK, 1)
    page = client.get("/system").text
    assert "Everything is up" in page
    assert "host:gone" in page
    assert "host:forgotten" not in page
    assert page.count("Silent") == 1
    bulk = re.search(r">Bulk</th>(.*?)</tr>", page, re.DOTALL)
    assert bulk is not None
    assert re.findall(r'class="figure">(\d+)<', bulk[1]) == ["1", "1", "1", "1"]
    live = client.get("/system", headers=HTMX | {"HX-Target": "live"}).text
    assert live.strip().startswith('<div id="live"')
    assert 'hx-trigger="every 5s"' in live


def test_the_page_says_that_the_broker_is_away(client: FlaskClient, broker: SimpleNamespace) -> None:
    broker.process.stop()
    try:
        page = client.get("/system").text
        letters = client.get("/system/dead-letters/bulk").text
        act = client.post("/system/dead-letters/bulk/x/requeue")
    finally:
        broker.process.start()
    assert "The broker does not answer (ConnectionError)" in page
    assert "The broker does not answer" in letters
    assert act.status_code == 422


def test_lanes_of_a_broker_in_memory(client: FlaskClient) -> None:
    enqueue("send_chunks", 1, queue=Queue.OTP)
    assert [lane.ready for lane in lanes.lanes()] == [1, 0, 0, 0, 0, 0]
    assert lanes.dead_letters(Queue.OTP) == []
    assert "No dead letters" in client.get("/system/dead-letters/otp").text


def test_a_dead_letter_goes_back_with_all_its_tries(client: FlaskClient, broker: SimpleNamespace) -> None:
    bury(Queue.BULK, 7, eta=5)
    key = bury(Queue.BULK, 8)
    page = client.get("/system/dead-letters/bulk").text
    assert page.index("send_chunks(8)") < page.index("send_chunks(7)")
    assert "ValueError: &lt;nothing&gt;" in page
    done = client.post(f"/system/dead-letters/bulk/{key}/requeue")
    assert (done.status_code, done.location) == (303, "/system/dead-letters/bulk")
    assert client.post(f"/system/dead-letters/bulk/{key}/requeue").status_code == 422
    lane = next(lane for lane in lanes.lanes() if lane.name == "bulk")
    assert (lane.ready, lane.dead) == (1, 1)
    body = next(iter(broker.client.hgetall("dramatiq:bulk.msgs").values()))
    message = dramatiq.Message.decode(body)
    assert (message.actor_name, message.args) == ("send_chunks", (8,))
    assert set(message.options) == {"redis_message_id"}
    entry = db.session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.summary) == ("system.requeue", "1 dead letter put back on bulk: send_chunks")


def test_a_delayed_call_goes_back_to_its_lane(client: FlaskClient, broker: SimpleNamespace) -> None:
    client_ = dramatiq.get_broker().client  # type: ignore[attr-defined]
    message = dramatiq.Message(queue_name="bulk.DQ", actor_name="send_chunks", args=(1,), kwargs={}, options={})
    client_.hset("dramatiq:bulk.XQ.msgs", "late", message.encode())
    client_.zadd("dramatiq:bulk.XQ", {"late": time.time() * 1000})
    client.post("/system/dead-letters/bulk/late/requeue")
    assert client_.llen("dramatiq:bulk") == 1


def test_dead_letters_are_deleted_one_and_all(client: FlaskClient, broker: SimpleNamespace) -> None:
    keys = [bury(Queue.IMPORTS, number) for number in range(4)]
    assert client.post(f"/system/dead-letters/imports/{keys[0]}/delete").status_code == 303
    dialog = client.get("/system/dead-letters/imports/delete-all", headers=HTMX).text
    assert "Delete 3 dead letters of imports?" in dialog
    assert client.post("/system/dead-letters/imports/delete-all").status_code == 303
    assert broker.client.hlen("dramatiq:imports.XQ.msgs") == 0
    assert client.post("/system/dead-letters/imports/delete-all").status_code == 422


def test_all_dead_letters_go_back(client: FlaskClient, broker: SimpleNamespace) -> None:
    for number in range(3):
        bury(Queue.PERIODIC, number)
    client.post("/system/dead-letters/periodic/requeue-all")
    lane = next(lane for lane in lanes.lanes() if lane.name == "periodic")
    assert (lane.ready, lane.dead) == (3, 0)


def test_an_unknown_lane_is_not_found(client: FlaskClient) -> None:
    assert client.get("/system/dead-letters/nowhere").status_code == 404
    assert client.post("/system/dead-letters/nowhere/delete-all").status_code == 404


def test_storage_has_a_size(app: Flask) -> None:
    storage = queries.storage()
    assert storage["kind"] == ("PostgreSQL" if current_settings().database_url else "SQLite")
    assert storage["bytes"] > 50_000
    assert storage["free"] > 0


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SENDER])
def test_only_administrators_look_inside(sign_in: Callable[..., FlaskClient], role: Role) -> None:
    client = sign_in(role)
    assert client.get("/system").status_code == 403
    assert client.post("/system/dead-letters/bulk/requeue-all").status_code == 403
