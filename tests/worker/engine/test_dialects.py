from __future__ import annotations

from typing import Any

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.current import current_settings
from dashboard.extensions import db, read_connection, transaction, utc_now, write_connection
from dashboard.messages.models import MessageState
from dashboard.suppressions.models import Suppression
from tests.factories.sending import new_job, people
from worker.engine.dialects import ledger_for
from worker.engine.plan import JobFacts, load_plan
from worker.engine.rows import Change, NewRow

_words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
_odd = st.sampled_from(["NULL", "null", "", "{}", "a,b", '"', "\\", '\\"', "a\tb", "\n", "é", "%s", "?"])
_texts = st.none() | _odd | _words


def _facts() -> JobFacts:
    job = new_job(people(1))
    plan = load_plan(db.engine, current_settings(), job.id)
    assert plan is not None
    return plan.facts


def test_every_text_comes_back_as_it_was(app: Flask) -> None:  # noqa: ARG001
    facts, ledger = _facts(), ledger_for(db.engine)

    @settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.tuples(_texts, _texts, st.booleans(), st.integers(1, 3)), min_size=1, max_size=6),
        st.sampled_from([1, 20]),  # a few rows and a window of them go different ways
    )
    def same(some: list[tuple[str | None, str | None, bool, int]], times: int) -> None:
        rows = some * times
        new = [
            NewRow(number, code or "", MessageState.SENDING, code, detail)
            for number, (code, detail, *_) in enumerate(rows)
        ]
        first = facts.first_message_id
        changes = [
            Change(first + number, MessageState.SENT, attempts, twice, detail, detail, code)
            for number, (code, detail, twice, attempts) in enumerate(rows)
        ]
        with write_connection() as connection:
            ledger.add(connection, facts, 0, new, utc_now())
            added = _rows(connection, "record_no, recipient, state, code, detail, attempts")
            assert added == [(*row[:2], "sending", *row[3:], 1) for row in new]
            assert ledger.settle(connection, changes, utc_now()) == len(changes)
            settled = _rows(connection, "id, state, attempts, maybe_twice, provider_message_id, code, detail")
            assert settled == [(change.id, "sent", *change[2:7]) for change in changes]
            connection.exec_driver_sql("DELETE FROM messages")

    same()


def test_odd_addresses_are_found_among_the_suppressed(app: Flask) -> None:  # noqa: ARG001
    odd = [
        '"a b"@x.example',
        '"a\\"b"@x.example',
        "{a,b}@x.example",
        "null",
        "NULL",
        "ünal@x.example",
        "o'neil@x.example",
    ]
    with transaction() as session:
        for address in odd:
            session.add(Suppression(channel="email", address=address, scope="all", reason="manual"))

    with read_connection() as connection:
        found = ledger_for(db.engine).suppressed(connection, "email", [*odd, "b@x.example"], ["promotional", "all"])
        none = ledger_for(db.engine).suppressed(connection, "email", odd, ["promotional"])

    assert found == dict.fromkeys(odd, "manual")
    assert none == {}


def _rows(connection: Any, columns: str) -> list[tuple[Any, ...]]:
    found = connection.exec_driver_sql(f"SELECT {columns} FROM messages ORDER BY id")
    return [tuple(row) for row in found]
