"""The last hour of a provider, minute by minute: share of bad answers and how long they took."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.exceptions import RedisError

from dashboard.current import current_settings
from dashboard.extensions import utc_now
from worker.engine.provider_figures import Answers, store_at

logger = logging.getLogger(__name__)

MINUTES = 60


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute: answers, those that were errors or none at all in per cent, mean time in milliseconds."""

    at: datetime
    answers: int
    errors: float
    milliseconds: float


def last_hour(provider_id: int) -> list[Minute]:
    """The newest minute last; empty where nothing was answered, or Redis is away."""
    try:
        found = store_at(current_settings().broker_url).minutes(provider_id, MINUTES)
    except (RedisError, OSError) as error:
        logger.warning("figures of a provider cannot be read", extra={"error": type(error).__name__})
        return []
    if not any(answers.count for answers in found):
        return []
    now = utc_now().replace(second=0, microsecond=0)
    return [
        _minute(now - timedelta(minutes=back), answers)
        for back, answers in zip(reversed(range(MINUTES)), found, strict=True)
    ]


def _minute(at: datetime, answers: Answers) -> Minute:
    bad = sum(answers.results.get(result, 0) for result in ("retry", "unknown"))
    count = answers.count
    return Minute(at, count, 100 * bad / count if count else 0.0, 1000 * answers.seconds / count if count else 0.0)
