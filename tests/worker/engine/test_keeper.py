from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from flask import Flask

from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk
from dashboard.settings import Settings
from tests.factories.sending import new_job, people
from tests.worker.engine.slices import chunk, counters, deliver, scripted, sent
from worker.engine.deliver import Slice, new_slice
from worker.engine.keeper import Keeper, keeper
from worker.engine.plan import load_plan
from worker.providers.base import Outcome, OutgoingEmail


def _slice(job_id: int) -> Slice:
    db.session.rollback()
    plan = load_plan(db.engine, current_settings(), job_id)
    assert plan is not None
    slice_ = new_slice(db.engine, current_settings(), plan)
    assert slice_.books.claim_next() is not None
    return slice_


def _age(slice_: Slice, seconds: float) -> None:
    """As if the lease had been taken so long ago."""
    for hold in slice_.books.holds:
        hold.valid_until -= seconds
    with transaction() as session:
        for row in session.query(Chunk):
            row.lease_until = row.lease_until - timedelta(seconds=seconds)


def test_a_lease_is_renewed_while_its_slice_waits(app: Flask) -> None:
    slice_ = _slice(new_job(people(5)).id)
    [hold] = slice_.books.holds
    _age(slice_, 10)

    own = Keeper()
    own._started = True  # only its rounds, without its thread
    with own.watching(slice_.watched):
        own.tick()

    until = chunk(hold.job_id).lease_until
    assert until is not None
    assert until > utc_now() + timedelta(seconds=12)
    assert hold.valid_until > time.monotonic() + 12
    assert not hold.lost


def test_a_fresh_lease_is_left_alone(app: Flask) -> None:
    slice_ = _slice(new_job(people(5)).id)
    [hold] = slice_.books.holds
    before = chunk(hold.job_id).lease_until

    slice_.watched.renew_old()

    assert chunk(hold.job_id).lease_until == before


def test_a_lease_that_somebody_else_has_is_lost(app: Flask) -> None:
    slice_ = _slice(new_job(people(5)).id)
    [hold] = slice_.books.holds
    _age(slice_, 20)
    with transaction() as session:
        session.get_one(Chunk, (hold.job_id, 0)).lease_owner = "somebody else"

    slice_.watched.renew_old()

    assert hold.lost


def test_a_provider_slower_than_the_lease_keeps_it(app: Flask, settings: Callable[..., Settings]) -> None:
    settings(lease_seconds=1)
    job = new_job(people(2))

    def slow(message: OutgoingEmail) -> Outcome:
        time.sleep(1.6)
        assert deliver(job.id).stop is None  # nobody can take the chunk
        return sent(message)

    scripted(job, slow)
    deliver(job.id)

    assert counters(job.id) == {"sent": 2}
    assert chunk(job.id).takeovers == 0
    assert keeper._started
