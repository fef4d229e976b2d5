"""One campaign under fire, and what came of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import select

from dashboard.extensions import db
from dashboard.jobs.models import ENDED_JOB_STATES, Job
from dashboard.messages.models import Message
from tests.bench.installation import Installation, installation
from tests.chaos.recorder import Recorder, recording
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import counters, states
from worker.queues import Queue

CONNECTIONS = 4
_PATIENCE = 90.0


@dataclass
class Outcome:
    """What a campaign under fire came to."""

    recipients: int
    kills: int = 0
    state: str = ""
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    counted: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)  # recipients whose row says that they may have it twice

    @property
    def reached(self) -> Counter[str]:
        reached: Counter[str] = Counter()
        for (recipient, _), count in self.accepted.items():
            reached[recipient] += count
        return reached

    @property
    def lost(self) -> int:
        return self.recipients - len(self.reached)

    @property
    def duplicates(self) -> int:
        return self.reached.total() - len(self.reached)

    @property
    def unmarked_duplicates(self) -> int:
        return sum(1 for recipient, count in self.reached.items() if count > 1 and recipient not in self.marked)

    @property
    def changed_message_ids(self) -> int:
        return len(self.accepted) - len(self.reached)


class Crew:
    """Two workers of the campaigns' lane; one that is struck is replaced."""

    def __init__(self, running: Installation) -> None:
        self._running = running
        self._workers = [self._start(), self._start()]

    def strike(self, number: signal.Signals) -> None:
        """Strike one of them and put another in its place. SIGTERM goes to the master, which passes it on (a second
        one would end its worker at once), SIGKILL to all its processes."""
        place = random.randrange(len(self._workers))
        (os.killpg if number is signal.SIGKILL else os.kill)(self._workers[place].pid, number)
        self._workers[place].wait(30)
        self._workers[place] = self._start()

    def dismiss(self) -> None:
        for worker in self._workers:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait(10)

    def _start(self) -> subprocess.Popen[bytes]:
        self._running.start_workers(Queue.BULK, processes=1)
        return self._running.processes[-1]


@contextmanager
def crew(database: str) -> Iterator[Crew]:
    """Workers, scheduler, broker and database, with short leases and small chunks: takeovers happen in seconds."""
    with installation(database, lease_seconds=2, chunk_size=100, window_size=50, retry_seconds=1) as running:
        running.start_scheduler()
        workers = Crew(running)
        try:
            yield workers
        finally:
            workers.dismiss()


def under_fire(
    workers: Crew, *, recipients: int, strikes: int, number: signal.Signals, pause: float = 0.004
) -> Outcome:
    """Run a campaign and strike one of the workers, again and again, while messages are under way."""
    outcome = Outcome(recipients)
    with recording(pause) as recorder:
        provider = new_provider("smtp", host="127.0.0.1", port=recorder.port, security="none", connections=CONNECTIONS)
        job_id = new_job(people(recipients), provider=provider).id
        db.session.rollback()
        for _ in range(strikes):
            _await_progress(recorder, recipients, random.randint(recipients // 20, recipients // 10))
            workers.strike(number)
            outcome.kills += 1
        _await_end(job_id)
        outcome.accepted = recorder.accepted.copy()
    _read(outcome, job_id)
    return outcome


def _await_progress(recorder: Recorder, recipients: int, more: int) -> None:
    wanted = min(recorder.total + more, recipients)
    deadline = time.monotonic() + _PATIENCE
    while recorder.total < wanted:
        assert time.monotonic() < deadline, f"stuck at {recorder.total} messages"
        time.sleep(0.005)


def _await_end(job_id: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while _job(job_id).state not in ENDED_JOB_STATES:
        assert time.monotonic() < deadline, f"the job does not end: {states(job_id)}"
        time.sleep(0.1)


def _job(job_id: int) -> Job:
    db.session.rollback()
    return db.session.get_one(Job, job_id)


def _read(outcome: Outcome, job_id: int) -> None:
    outcome.state = _job(job_id).state
    outcome.counted, outcome.rows = counters(job_id), states(job_id)
    marked = select(Message.recipient).where(Message.job_id == job_id, Message.maybe_twice)
    outcome.marked = set(db.session.scalars(marked))
    db.session.rollback()
