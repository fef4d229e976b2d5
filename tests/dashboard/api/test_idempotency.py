"""The same key and body: the same answer, once. The same key with another body: refused."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from dashboard.api.models import IdempotentAnswer
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import bearer, new_key, new_route, new_slug


@pytest.fixture
def body(app: Flask) -> dict[str, object]:
    new_route()
    return {"template": new_slug(), "recipients": [{"email": "ada@example.com", "variables": {"name": "Ada"}}]}


def jobs() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Job)) or 0


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_the_same_request_is_done_once_and_answered_alike(call: Call, body: dict[str, object], mode: str) -> None:
    first = call("POST", "/messages", body | {"mode": mode}, Idempotency_Key="one")
    again = call("POST", "/messages", body | {"mode": mode}, Idempotency_Key="one")
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert jobs() == 1


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_another_request_under_the_same_key_is_refused(call: Call, body: dict[str, object], mode: str) -> None:
    call("POST", "/messages", body | {"mode": mode}, Idempotency_Key="one")
    other = call("POST", "/messages", body | {"mode": mode, "reference": "x"}, Idempotency_Key="one")
    assert (other.status_code, other.json["code"]) == (409, "idempotency_key_reused")
    assert jobs() == 1


def test_a_refused_request_may_be_corrected_under_its_key(call: Call, body: dict[str, object]) -> None:
    assert call("POST", "/messages", body | {"template": "nothing"}, Idempotency_Key="one").status_code == 422
    assert call("POST", "/messages", body | {"template": "nothing", "mode": "sync"}, Idempotency_Key="one").json[
        "code"
    ] == ("unknown_template")
    assert call("POST", "/messages", body, Idempotency_Key="one").status_code == 202


def test_keys_of_two_callers_do_not_meet(call: Call, body: dict[str, object]) -> None:
    _, other = new_key()
    assert call("POST", "/messages", body, Idempotency_Key="one").status_code == 202
    assert call("POST", "/messages", body | {"reference": "x"}, token=other, Idempotency_Key="one").status_code == 202


def test_a_key_is_free_again_after_a_day(call: Call, body: dict[str, object]) -> None:
    call("POST", "/messages", body, Idempotency_Key="one")
    with transaction() as session:
        session.execute(update(IdempotentAnswer).values(created_at=utc_now() - timedelta(hours=25)))
    call("POST", "/messages", body, Idempotency_Key="one")
    assert jobs() == 2


def test_one_whose_first_sender_is_still_at_work_is_told_to_wait(call: Call, body: dict[str, object]) -> None:
    call("POST", "/messages", body | {"mode": "sync"}, Idempotency_Key="one")
    with transaction() as session:
        session.execute(update(IdempotentAnswer).values(status=0))
    answer = call("POST", "/messages", body | {"mode": "sync"}, Idempotency_Key="one")
    assert (answer.status_code, answer.json["code"]) == (409, "idempotency_in_progress")
    assert "/api/v1/sends/snd_" in answer.json["hint"]
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "ключ"])
def test_what_cannot_be_a_key_is_refused(call: Call, body: dict[str, object], key: str) -> None:
    answer = call("POST", "/messages", body, Idempotency_Key=key.encode().decode("latin-1"))
    assert (answer.status_code, answer.json["field"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize("mode", ["async", "sync"])
def test_of_many_at_the_same_time_one_is_done(app: Flask, token: str, body: dict[str, object], mode: str) -> None:
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        headers = bearer(token, Idempotency_Key="race")
        answer = app.test_client().post("/api/v1/messages", json=body | {"mode": mode}, headers=headers)
        answers.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert jobs() == 1
    done = {text for status, text in answers if status < 300}
    assert len(done) == 1
    assert {status for status, _ in answers} <= {200, 202, 409}
