"""One campaign under fire, and what came of it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from dashboard.extensions import db
from dashboard.jobs.models import ENDED_JOB_STATES, Job
from dashboard.messages.models import Message
from tests.chaos.crew import Crew
from tests.chaos.recorder import Recorder, recording
from tests.factories.sending import new_job, new_provider, people
from tests.worker.engine.slices import counters, states

CONNECTIONS = 4
_PATIENCE = 240.0


@dataclass
class Outcome:
    """What a campaign under fire came to. `may_double`: how many messages may have arrived twice at most."""

    recipients: int
    kills: int = 0
    may_double: int = 0
    state: str = ""
    accepted: Counter[tuple[str, str]] = field(default_factory=Counter)
    counted: dict[str, int] = field(default_factory=dict)
    rows: dict[str, str] = field(default_factory=dict)  # recipient -> state
    marked: set[str] = field(default_factory=set)  # recipients whose row says that they may have it twice

    @property
    def reached(self) -> Counter[str]:
        reached: Counter[str] = Counter()
        for (recipient, _), count in self.accepted.items():
            reached[recipient] += count
        return reached

    @property
    def lost(self) -> int:
        """Recipients without a row, and those who were not reached though their run was not cancelled."""
        excused = {"cancelled", "unknown"} if self.state == "cancelled" else set()
        left_out = {recipient for recipient, state in self.rows.items() if state in excused}
        return self.recipients - len(left_out | (self.reached.keys() & self.rows.keys()))

    @property
    def duplicates(self) -> int:
        return self.reached.total() - len(self.reached)

    @property
    def unmarked_duplicates(self) -> int:
        return sum(1 for recipient, count in self.reached.items() if count > 1 and recipient not in self.marked)

    def faults(self) -> list[str]:
        """What must not be, in words; empty where everything is as promised."""
        by_state = Counter(self.rows.values())
        wrongly = [name for name in self.reached if self.rows.get(name) not in ("sent", "unknown")]
        checks = {
            f"{self.lost} recipients were lost": self.lost > 0,
            f"the run is {self.state}": self.state not in ENDED_JOB_STATES,
            f"counters {self.counted}, rows {dict(by_state)}": self.counted != by_state,
            f"{by_state.total()} rows for {self.recipients} records": by_state.total() != self.recipients,
            f"{len(wrongly)} were reached and not marked as sent": bool(wrongly),
            f"rows in {dict(by_state)}": not by_state.keys() <= {"sent", "cancelled", "unknown"},
            f"{self.duplicates} duplicates, {self.may_double} allowed": self.duplicates > self.may_double,
            f"{self.unmarked_duplicates} duplicates are not marked": self.unmarked_duplicates > 0,
            "a resend has another Message-ID": len(self.accepted) > len(self.reached),
        }
        return [words for words, wrong in checks.items() if wrong]


class Campaign:
    """A job on its way to the recorder; `values` go to `new_job`."""

    def __init__(self, crew: Crew | None, recorder: Recorder, recipients: int, **values: Any) -> None:
        self._crew = crew
        self.recorder = recorder
        self.outcome = Outcome(recipients)
        provider = new_provider("smtp", host="127.0.0.1", port=recorder.port, security="none", connections=CONNECTIONS)
        self.job_id = new_job(people(recipients), provider=provider, **values).id
        db.session.rollback()

    @property
    def crew(self) -> Crew:
        assert self._crew is not None
        return self._crew

    @property
    def state(self) -> str:
        db.session.rollback()
        return db.session.get_one(Job, self.job_id).state

    def advance(self, share: float) -> None:
        """Wait until so much more of the campaign has arrived, or all of it."""
        wanted = min(self.recorder.total + share * self.outcome.recipients, self.outcome.recipients)
        self.wait_until(lambda: self.recorder.total >= wanted, 0.005)

    def wait_until(self, question: Callable[[], bool], pause: float = 0.1) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not question():
            assert time.monotonic() < deadline, f"stuck at {self.recorder.total} messages: {states(self.job_id)}"
            time.sleep(pause)

    def end(self) -> Outcome:
        """Wait for the end and look at everything."""
        self.wait_until(lambda: self.state in ENDED_JOB_STATES)
        outcome = self.outcome
        outcome.state, outcome.counted = self.state, counters(self.job_id)
        outcome.accepted = self.recorder.accepted.copy()
        rows = db.session.execute(
            select(Message.recipient, Message.state, Message.maybe_twice).where(Message.job_id == self.job_id)
        ).all()
        outcome.rows = {recipient: state for recipient, state, _ in rows}
        outcome.marked = {recipient for recipient, _, marked in rows if marked}
        db.session.rollback()
        return outcome


def under_fire(crew: Crew, fault: Callable[[Campaign], None], *, recipients: int, pause: float = 0.02) -> Outcome:
    """Run a campaign while a fault happens."""
    with recording(pause) as recorder:
        campaign = Campaign(crew, recorder, recipients)
        fault(campaign)
        return campaign.end()
