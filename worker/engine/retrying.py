"""What an outcome means for the row: final, put off, or sent once more.

A try is spent when the provider had the message before it. It is not spent when nothing was handed over, nor while
the provider cannot be reached at all: an outage of an hour must not fail a campaign. Codes are the exception, since
nobody waits an hour for one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dashboard.messages.models import MessageState
from worker.engine.rows import Change, Note, Row
from worker.providers.base import Outcome, Result

#: The session gave the message back without touching it.
NOT_ATTEMPTED = "not_attempted"
#: The provider as a whole cannot be reached: about the connection, not about the message.
OUTAGE_CODES = frozenset({"connect_failed"})
WORKER_LOST = "worker_lost"

_LONGEST_WAIT = 6 * 3600.0
_STATES = {Result.SENT: MessageState.SENT, Result.FAILED: MessageState.FAILED, Result.BOUNCED: MessageState.BOUNCED}


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """`retry_seconds` before the second try, doubled with every further one, `max_attempts` tries in all, none from
    `expires_at` on."""

    max_attempts: int
    retry_seconds: float
    resend_unknown: bool
    outages_spend_tries: bool
    expires_at: datetime | None = None
    others_stand_by: bool = False  # another provider takes over what this one cannot be reached for, at once

    def is_over(self, moment: datetime) -> bool:
        """Is a try at that moment of no use any more?"""
        return self.expires_at is not None and moment >= self.expires_at


def is_outage(outcome: Outcome) -> bool:
    return outcome.result is Result.RETRY and outcome.code in OUTAGE_CODES


def change_for(
    row: Row, outcome: Outcome, policy: RetryPolicy, now: Callable[[], datetime]
) -> tuple[Change, Note | None]:
    """The row's next state and, where a person reading the row would wonder, a line for its history."""
    _, result, reference, code, detail, _ = outcome
    state = _STATES.get(result)
    if state is not None:
        told = _fitting(reference, 200), _fitting(code, 60), _fitting(detail, 2000)
        return Change(row.id, state, row.attempt, row.maybe_twice, *told), None
    return _not_final(row, outcome, policy, now())


def _not_final(row: Row, outcome: Outcome, policy: RetryPolicy, now: datetime) -> tuple[Change, Note | None]:
    if outcome.result is Result.UNKNOWN:
        return _unknown(row, outcome, policy, now)
    if outcome.code == NOT_ATTEMPTED:
        return put_back(row, now), None
    if is_outage(outcome) and not policy.outages_spend_tries:
        wait = 0.0 if policy.others_stand_by else outcome.retry_after or policy.retry_seconds
        again = now + timedelta(seconds=min(_LONGEST_WAIT, wait))
        return _later(row, outcome, policy, again, attempts=row.attempt - 1)
    if row.attempt >= policy.max_attempts:
        return _change(row, outcome, MessageState.FAILED), None
    again = now + timedelta(seconds=wait_before_next(row.attempt, outcome.retry_after, policy))
    return _later(row, outcome, policy, again)


def _later(
    row: Row, outcome: Outcome, policy: RetryPolicy, again: datetime, *, attempts: int | None = None
) -> tuple[Change, Note | None]:
    """Put off until `again`; where that is too late to be of use, it ends here."""
    if policy.is_over(again):
        return _change(row, outcome, MessageState.EXPIRED), None
    return (
        _change(row, outcome, MessageState.QUEUED, attempts=attempts, not_before=again),
        Note(row.id, "deferred", outcome.code, outcome.detail),
    )


def wait_before_next(attempt: int, retry_after: float | None, policy: RetryPolicy) -> float:
    """Seconds: what the provider asks for, else the back-off with a fifth of jitter either way."""
    if retry_after is not None:
        return max(0.0, min(retry_after, _LONGEST_WAIT))
    return min(_LONGEST_WAIT, policy.retry_seconds * 2.0 ** (attempt - 1)) * random.uniform(0.8, 1.2)


def put_back(row: Row, now: datetime) -> Change:
    """Booked but not handed over: back in the queue, with no try spent."""
    return Change(row.id, MessageState.QUEUED, row.attempt - 1, row.maybe_twice, not_before=now)


def _unknown(row: Row, outcome: Outcome, policy: RetryPolicy, now: datetime) -> tuple[Change, Note | None]:
    """The provider may have it. Once more where the job wants that, never a third time: a provider that stalls after
    taking every message would double each of them with every try."""
    if not policy.resend_unknown or row.maybe_twice or row.attempt >= policy.max_attempts:
        return _change(row, outcome, MessageState.UNKNOWN), None
    again = now + timedelta(seconds=wait_before_next(row.attempt, outcome.retry_after, policy))
    if policy.is_over(again):
        return _change(row, outcome, MessageState.UNKNOWN), None
    return (
        _change(row, outcome, MessageState.QUEUED, not_before=again, maybe_twice=True),
        Note(row.id, "resent", outcome.code, outcome.detail),
    )


def _change(
    row: Row,
    outcome: Outcome,
    state: MessageState,
    *,
    attempts: int | None = None,
    not_before: datetime | None = None,
    maybe_twice: bool | None = None,
) -> Change:
    return Change(
        row.id,
        state,
        row.attempt if attempts is None else attempts,
        row.maybe_twice if maybe_twice is None else maybe_twice,
        _fitting(outcome.provider_message_id, 200),
        _fitting(outcome.code, 60),
        _fitting(outcome.detail, 2000),
        not_before,
    )


def _fitting(text: str, length: int) -> str | None:
    """What a provider said, as a column can hold it: PostgreSQL refuses NUL and texts that are too long."""
    if len(text) > length or "\x00" in text:
        text = text.replace("\x00", "")[:length]
    return text or None
