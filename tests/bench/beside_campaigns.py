"""What the cases share that send codes while campaigns run: the campaigns, and an even pace."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

from dashboard.extensions import db
from dashboard.jobs.models import Job, JobState
from dashboard.jobs.services import cancel_job

#: Codes, idle and busy each: ten of them are slower than the p99.
SAMPLES = 1_000
#: Seconds from one code to the next. Not even, so that it never keeps step with the polls of workers.
_APART = (0.03, 0.07)
_LOOK_EVERY = 50


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

    def end(self) -> None:
        """Cancel what still runs."""
        self.go_on()
        cancel_job(job_id=self.job_id)


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
