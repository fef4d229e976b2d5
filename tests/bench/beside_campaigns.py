"""What the cases share that send codes while campaigns run: the campaigns, and an even pace."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from sqlalchemy import Select, func, select

from dashboard.extensions import db, read_connection
from dashboard.jobs.models import Chunk, Job, JobState
from dashboard.jobs.services import cancel_job
from dashboard.system.models import Heartbeat
from tests.bench.installation import Installation

#: Codes, idle and busy each: ten of them are slower than the p99.
SAMPLES = 1_000
#: Seconds from one code to the next. Not even, so that it never keeps step with the polls of workers.
_APART = (0.03, 0.07)
_LOOK_EVERY = 50
_PATIENCE = 180.0


class Campaigns:
    """One campaign after the other, so that the machine is busy for as long as codes are sent."""

    def __init__(self, launch: Callable[[], int]) -> None:
        self.launched = 0
        self.job_id = 0
        self._launch = launch

    def go_on(self) -> None:
        """Launch one where none runs."""
        db.session.rollback()
        if not self.job_id or db.session.get_one(Job, self.job_id).state != JobState.RUNNING:
            self.job_id = self._launch()
            self.launched += 1

    def begin(self) -> None:
        """Launch the first, and wait for its first message."""
        self.go_on()
        sent = select(func.sum(Chunk.sent)).where(Chunk.job_id == self.job_id)
        _wait_for(lambda: _count(sent) > 0, "the campaign")

    def end(self) -> None:
        """Cancel what still runs."""
        self.go_on()
        cancel_job(job_id=self.job_id)


def wait_for_workers(desk: Installation) -> None:
    """Until all of them have imported what they need, which takes seconds: then they show signs of life."""
    _wait_for(lambda: _count(select(func.count()).where(Heartbeat.kind == "worker")) >= desk.workers, "the workers")


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > ends:
            raise SystemExit(f"{what} did not begin in time")
        time.sleep(0.02)


def _count(statement: Select[int]) -> int:
    with read_connection(db.engine) as connection:
        return connection.scalar(statement) or 0


def paced(count: int, campaigns: Campaigns | None = None) -> Iterator[int]:
    """The numbers below `count`, each at its moment, the same ones each time. Campaigns are kept going."""
    pace = random.Random(count)  # noqa: S311
    due = time.monotonic()
    for number in range(count):
        if campaigns is not None and number % _LOOK_EVERY == 0:
            campaigns.go_on()
        due = max(due + pace.uniform(*_APART), time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        yield number
