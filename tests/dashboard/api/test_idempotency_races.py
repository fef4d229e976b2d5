"""Two requests at once under one Idempotency-Key, by real HTTP: one is done, both get its answer (both databases)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard.audiences import import_services
from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.audiences.services import load_rows
from dashboard.extensions import db
from dashboard.jobs.models import Job
from tests.factories.api_keys import bearer, new_route, new_slug
from worker.imports.files import files_of

KEY = {"Idempotency_Key": "race"}
HEADER = "email,first_name\n"


@pytest.fixture
def http(app: Flask, server: str, token: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{server}/api/v1", headers=bearer(token, **KEY), trust_env=False, timeout=60) as client:
        yield client


def at_once(*calls: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Each call in a thread of its own, begun together."""
    ready = threading.Barrier(len(calls))

    def begin(call: Callable[[], httpx.Response]) -> httpx.Response:
        ready.wait(timeout=60)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        answers = list(pool.map(begin, calls))
    db.session.rollback()
    return answers


def rows(start: str, count: int = 20_000) -> bytes:
    """A file of half a megabyte: more than goes with one piece."""
    return (HEADER + "".join(f"{start}{number}@example.com,Name{number}\n" for number in range(count))).encode()


def in_halves(data: bytes, mine: threading.Event, theirs: threading.Event) -> Iterator[bytes]:
    """The second half only when the other request has begun, so that both are under way together."""
    mine.set()
    yield data[: len(data) // 2]
    theirs.wait(timeout=60)
    yield data[len(data) // 2 :]


def uploads(http: httpx.Client, row: AudienceImport, *files: bytes) -> list[httpx.Response]:
    begun, where = [threading.Event() for _ in files], f"/imports/{row.public_id}/data"

    def put(number: int) -> httpx.Response:
        body = in_halves(files[number], begun[number], begun[1 - number])
        return http.put(where, content=body, headers={"Content-Type": "text/csv"})

    return at_once(lambda: put(0), lambda: put(1))


@pytest.fixture
def waiting(app: Flask) -> AudienceImport:
    """An import whose file is to come."""
    audience = load_rows(audience_name="People", header=["email"], rows=[["ada@example.com"]])
    return import_services.create_import(audience_id=audience.id, source="upload", filename="people.csv")


def test_of_two_uploads_one_is_kept_and_both_get_its_answer(http: httpx.Client, waiting: AudienceImport) -> None:
    data = rows("person")
    answers = uploads(http, waiting, data, data)
    assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
    assert answers[0].json() == answers[1].json()
    assert sorted("Idempotent-Replayed" in answer.headers for answer in answers) == [False, True]
    row = import_services.get_import(waiting.id)
    assert (row.state, row.received, row.size) == (ImportState.MAPPING, len(data), len(data))
    assert files_of(row.id).data.read_bytes() == data


def test_of_two_other_files_under_one_key_the_second_is_refused(http: httpx.Client, waiting: AudienceImport) -> None:
    files = [rows("ada"), rows("grace", 10_000)]
    answers = uploads(http, waiting, *files)
    assert sorted(answer.status_code for answer in answers) == [200, 409], [answer.text for answer in answers]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert refused.json()["code"] == "idempotency_key_reused"
    kept = files[[answer.status_code for answer in answers].index(200)]
    row = import_services.get_import(waiting.id)
    assert (row.received, files_of(row.id).data.read_bytes()) == (len(kept), kept)


@pytest.fixture
def order(app: Flask) -> dict[str, Any]:
    new_route()
    return {"template": new_slug(), "recipients": [{"email": "ada@example.com", "variables": {"name": "Ada"}}]}


def jobs() -> int:
    return db.session.scalar(select(func.count()).select_from(Job)) or 0


def test_of_two_accepted_requests_one_is_done(http: httpx.Client, order: dict[str, Any]) -> None:
    answers = at_once(*[lambda: http.post("/messages", json=order)] * 2)
    assert [answer.status_code for answer in answers] == [202, 202], [answer.text for answer in answers]
    assert answers[0].json() == answers[1].json()
    assert sorted("Idempotent-Replayed" in answer.headers for answer in answers) == [False, True]
    assert jobs() == 1


def test_of_two_sent_at_once_one_is_sent(http: httpx.Client, order: dict[str, Any]) -> None:
    """No transaction waits for a provider, so the second is told to ask again while the first is under way."""
    answers = at_once(*[lambda: http.post("/messages", json={**order, "mode": "sync"})] * 2)
    done = [answer for answer in answers if answer.status_code == 200]
    assert done, [answer.text for answer in answers]
    for answer in answers:
        assert answer.status_code == 200 or answer.json()["code"] == "idempotency_in_progress", answer.text
    again = http.post("/messages", json={**order, "mode": "sync"})
    assert (again.status_code, again.json()) == (200, done[0].json())
    db.session.rollback()
    assert jobs() == 1


def test_of_two_other_requests_under_one_key_one_is_done(http: httpx.Client, order: dict[str, Any]) -> None:
    other = {**order, "reference": "another"}
    answers = at_once(lambda: http.post("/messages", json=order), lambda: http.post("/messages", json=other))
    assert sorted(answer.status_code for answer in answers) == [202, 409], [answer.text for answer in answers]
    assert jobs() == 1
