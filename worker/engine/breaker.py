"""A circuit breaker for each provider: opened by bad answers, tried with a few messages, closed by good ones.

What happened lately is counted in Redis (`worker.engine.provider_figures`); whether the breaker is open stands in the
provider's row, so every worker and every page sees the same, and it outlives the broker. Opening needs half of the
answers to be bad, closing needs a trial with four fifths of good ones: between the two nothing moves, so traffic does
not swing to and fro. Every trial that fails doubles the pause.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, Update, insert, update

from dashboard.extensions import write_connection
from dashboard.providers.models import Provider, ProviderIncident
from worker.engine.provider_figures import Recent, Stopwatch

logger = logging.getLogger(__name__)

#: Fewer answers than this say nothing about a provider.
LEAST_ANSWERS = 20
_BAD_SHARE = 0.5
_GOOD_SHARE = 0.8
#: Seconds that an answer takes on average, beyond which a provider is as good as down.
_SLOW_SECONDS = 20.0
#: Seconds.
FIRST_PAUSE = 30
LONGEST_PAUSE = 600
#: A trial takes a slice of so many seconds; nobody else tries meanwhile.
TRIAL_SECONDS = 2.0
_TRIAL_LEASE = timedelta(seconds=30)


def verdict(recent: Recent) -> str:
    """Why the provider is to be left alone, in words; empty where it is not."""
    if recent.count < LEAST_ANSWERS:
        return ""
    if recent.bad >= _BAD_SHARE * recent.count:
        return f"{recent.bad / recent.count:.0%} of its last {recent.count} answers were errors or no answers"
    if recent.mean_seconds > _SLOW_SECONDS:
        return f"its answers took {recent.mean_seconds:.0f} s on average"
    return ""


def passed(recent: Recent) -> bool:
    """Did a trial go well enough to close the breaker?"""
    return recent.count > 0 and recent.count - recent.bad >= _GOOD_SHARE * recent.count


@dataclass(frozen=True, slots=True)
class Turn:
    """A provider's turn at some messages. `pause`: the last one of its breaker; `trouble`: what is wrong with it as a
    whole, in words."""

    provider_id: int
    trial: bool
    pause: int
    stopwatch: Stopwatch
    trouble: str


def judge(engine: Engine, turn: Turn, now: datetime) -> bool:
    """Open or close a provider's breaker by how its turn went; True where another provider has to go on."""
    if turn.trial:
        answers = turn.stopwatch.of_this_slice
        if turn.trouble or (answers.count and not passed(answers)):
            trial_failed(engine, turn.provider_id, turn.pause, now)
            return True
        if answers.count:
            close_breaker(engine, turn.provider_id, now)
        return False
    trouble = turn.trouble or verdict(turn.stopwatch.recent())
    if trouble:
        open_breaker(engine, turn.provider_id, trouble, now)
    return bool(trouble)


def open_breaker(engine: Engine, provider_id: int, reason: str, now: datetime) -> bool:
    """Send the provider's traffic elsewhere; False where its breaker is open already."""
    statement = (
        update(Provider)
        .where(Provider.id == provider_id, Provider.breaker_opened_at.is_(None))
        .values(
            breaker_opened_at=now,
            breaker_until=now + timedelta(seconds=FIRST_PAUSE),
            breaker_pause=FIRST_PAUSE,
            breaker_reason=reason[:1000],
        )
    )
    with write_connection(engine) as connection:
        if connection.execute(statement).rowcount == 0:
            return False
        incident = {"provider_id": provider_id, "opened_at": now, "reason": reason[:1000]}
        connection.execute(insert(ProviderIncident), [incident])
    logger.warning("a provider's traffic goes elsewhere", extra={"provider_id": provider_id})
    return True


def claim_trial(engine: Engine, provider_id: int, now: datetime) -> bool:
    """May this worker try the provider now? One at a time, and only after the pause."""
    statement = (
        update(Provider)
        .where(Provider.id == provider_id, Provider.breaker_opened_at.is_not(None), Provider.breaker_until <= now)
        .values(breaker_until=now + _TRIAL_LEASE)
    )
    return _changes(engine, statement)


def trial_failed(engine: Engine, provider_id: int, pause: int, now: datetime) -> None:
    """Leave the provider alone for twice the pause before."""
    longer = min(LONGEST_PAUSE, max(FIRST_PAUSE, pause * 2))
    statement = update(Provider).where(Provider.id == provider_id, Provider.breaker_opened_at.is_not(None))
    _changes(engine, statement.values(breaker_until=now + timedelta(seconds=longer), breaker_pause=longer))


def close_breaker(engine: Engine, provider_id: int, now: datetime) -> bool:
    """Its traffic comes back; False where the breaker was closed."""
    statement = (
        update(Provider)
        .where(Provider.id == provider_id, Provider.breaker_opened_at.is_not(None))
        .values(breaker_opened_at=None, breaker_until=None, breaker_pause=0, breaker_reason="")
    )
    with write_connection(engine) as connection:
        if connection.execute(statement).rowcount == 0:
            return False
        connection.execute(
            update(ProviderIncident)
            .where(ProviderIncident.provider_id == provider_id, ProviderIncident.closed_at.is_(None))
            .values(closed_at=now)
        )
    logger.warning("a provider's traffic comes back", extra={"provider_id": provider_id})
    return True


def _changes(engine: Engine, statement: Update) -> bool:
    with write_connection(engine) as connection:
        return connection.execute(statement).rowcount == 1
