"""Slices of work for tests: whole ones, ones that die in the middle, and a session whose answers are written down."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update

from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, Job
from dashboard.messages.models import Message, MessageEvent, MessageState
from dashboard.providers.models import Provider, SandboxMail
from worker.engine.deliver import Report, Slice, new_slice, work
from worker.engine.plan import load_plan
from worker.engine.sessions import warm_sessions
from worker.providers.base import Outcome, OutgoingEmail, Result, Wait

Answer = Callable[[OutgoingEmail], Outcome]


def sent(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.SENT, f"taken-{message.reference}", "250 2.0.0", "Taken.")


class ScriptedSession:
    """Carries up to `at_once` messages and answers each as the script says; keeps what it was given."""

    def __init__(self, answer: Answer = sent, *, at_once: int = 1) -> None:
        self.answer = answer
        self.at_once = at_once
        self.taken: list[OutgoingEmail] = []
        self.waits: list[float] = []
        self.closed = False

    def send(self, outgoing: Iterable[OutgoingEmail | Wait], on_outcome: Callable[[Outcome], None]) -> None:
        carried: deque[OutgoingEmail] = deque()
        try:
            for item in outgoing:
                if isinstance(item, Wait):
                    self.waits.append(item.seconds)
                    while carried:
                        on_outcome(self.answer(carried.popleft()))
                    continue
                self.taken.append(item)
                carried.append(item)
                if len(carried) >= self.at_once:
                    on_outcome(self.answer(carried.popleft()))
        finally:
            while carried:
                on_outcome(self.answer(carried.popleft()))

    def close(self) -> None:
        self.closed = True


def script(provider: Provider, session: ScriptedSession) -> ScriptedSession:
    """Let the next slice for this provider find the session among the warm ones."""
    warm_sessions.keep(provider.id, provider.version, session)
    return session


def scripted(job: Job, answer: Answer = sent, *, at_once: int = 1) -> ScriptedSession:
    """A scripted session for the provider of a job."""
    return script(db.session.get_one(Provider, job.provider_id), ScriptedSession(answer, at_once=at_once))


def deliver(job_id: int, **options: float) -> Report:
    """One slice; what the test's session had read is let go first and afterwards."""
    db.session.rollback()
    try:
        return work(job_id, **options)
    finally:
        db.session.rollback()


def dying_slice(job_id: int, *, handed_over: int, outcomes: int) -> Slice:
    """A worker that was killed: so many messages handed over, so many of them with an outcome, then nothing more.

    Its lease has run out, too.
    """
    db.session.rollback()
    plan = load_plan(db.engine, current_settings(), job_id)
    assert plan is not None
    slice_ = new_slice(db.engine, current_settings(), plan)
    assert slice_.feeder.begin()
    messages = slice_.feeder.messages()
    taken = [item for item in itertools.islice(messages, handed_over) if isinstance(item, OutgoingEmail)]
    for message in taken[:outcomes]:
        slice_.feeder.on_outcome(sent(message))
    slice_.feeder._journal.close(remove=False)  # as the kernel does for the dead
    expire_leases(job_id)
    return slice_


def expire_leases(job_id: int) -> None:
    with transaction() as session:
        session.execute(
            update(Chunk)
            .where(Chunk.job_id == job_id, Chunk.lease_until.is_not(None))
            .values(lease_until=utc_now() - timedelta(seconds=1))
        )


def make_due(job_id: int) -> None:
    """Everything that was put off is due now."""
    past = utc_now() - timedelta(seconds=1)
    with transaction() as session:
        session.execute(
            update(Message).where(Message.job_id == job_id, Message.state == "queued").values(not_before=past)
        )
        session.execute(update(Chunk).where(Chunk.job_id == job_id, Chunk.state == "waiting").values(not_before=past))


def states(job_id: int) -> dict[str, int]:
    """Messages of a job by state, counted from the rows."""
    db.session.rollback()
    rows = db.session.execute(
        select(Message.state, func.count()).where(Message.job_id == job_id).group_by(Message.state)
    )
    return {row[0]: row[1] for row in rows}


def counters(job_id: int) -> dict[str, int]:
    """The same, as the chunks have it."""
    db.session.rollback()
    columns = [func.sum(getattr(Chunk, state.value)).label(state.value) for state in MessageState]
    row = db.session.execute(select(*columns).where(Chunk.job_id == job_id)).one()
    return {state: count for state, count in row._mapping.items() if count}


def messages(job_id: int) -> list[Message]:
    db.session.rollback()
    return list(db.session.scalars(select(Message).where(Message.job_id == job_id).order_by(Message.record_no)))


def events(message_id: int) -> list[tuple[str, str]]:
    """(kind, code) of a message's history."""
    statement = select(MessageEvent).where(MessageEvent.message_id == message_id).order_by(MessageEvent.id)
    return [(event.kind, event.code) for event in db.session.scalars(statement)]


def inbox(recipient: str = "") -> list[SandboxMail]:
    db.session.rollback()
    statement = select(SandboxMail).order_by(SandboxMail.message_id)
    return list(db.session.scalars(statement.where(SandboxMail.recipient == recipient) if recipient else statement))


def recipients_in_inbox() -> Counter[str]:
    return Counter(mail.recipient for mail in inbox())


def chunk(job_id: int, chunk_no: int = 0) -> Any:
    db.session.rollback()
    return db.session.get_one(Chunk, (job_id, chunk_no))
