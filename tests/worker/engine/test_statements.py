"""What one message costs its worker: latencies move with the machine, these numbers only with the code."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from sqlalchemy import select, text

from dashboard.extensions import db, need_not_last, reading_session, single_reads, transaction
from dashboard.jobs.models import Job
from dashboard.jobs.services import settle_job
from dashboard.settings import Settings
from dashboard.variables.models import Variable
from tests.factories.sending import new_job, people
from tests.statements import recorded, transactions
from tests.worker.engine.slices import deliver, scripted, states

_KEPT = select(Variable.value).where(Variable.name == "kept")


def _is_postgres() -> bool:
    return db.engine.dialect.name == "postgresql"


def test_one_message(app: Flask) -> None:
    """Two of the transactions come before the message is handed over: the claim, and the row of the ledger."""
    for _ in range(2):  # what never changes is read for the first one
        job = new_job(people(1))
        scripted(job)
        with recorded("") as found, transactions() as begun:
            deliver(job.id)
            settle_job(job_id=job.id)
    assert states(job.id) == {"sent": 1}
    told = [text for text in found if not text.startswith(("BEGIN", "SET"))]
    if _is_postgres():
        assert (len(begun), len(told)) == (5, 28)
    else:
        assert len(told) == 27


def _looks(job: Job) -> int:
    """How often a slice over a whole job looks for a chunk, taking it or not."""
    scripted(job)
    with recorded() as found:
        assert deliver(job.id).sent == job.record_count
    return len([text for text in found if "chunks.not_before <=" in text])


def test_nobody_looks_for_more_than_the_whole_job(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(chunk_size=10)
    assert _looks(new_job(people(10))) == 1
    assert _looks(new_job(people(20))) == 4  # the first at once; the second after a look; and a look for a third


def test_what_need_not_last_is_committed_all_the_same(app: Flask) -> None:
    waits = text("SHOW synchronous_commit")
    with db.engine.connect() as connection:
        before = connection.scalar(waits) if _is_postgres() else ""
    with transaction():
        need_not_last(db.session.connection())
        db.session.add(Variable(name="kept", value="1"))
        assert not _is_postgres() or db.session.scalar(waits) == "off"
    with single_reads() as connection:
        assert connection.scalar(_KEPT) == "1"
        assert not _is_postgres() or connection.scalar(waits) == before


def test_objects_are_read_without_a_transaction(app: Flask) -> None:
    with transaction():
        db.session.add(Variable(name="kept", value="1"))
    with transactions() as begun, reading_session(db.engine) as session:
        assert session.scalar(_KEPT) == "1"
    assert begun == ([] if _is_postgres() else ["sqlite"])
