"""When a delivery that failed is tried again."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

#: Pauses after the first, second … failure; after one more it has failed for good (three and a half days in all).
PAUSES: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
)
#: An endpoint cannot ask for a longer pause than this.
LONGEST: Final = timedelta(hours=24)
#: Nothing but failures for so long, and the endpoint is disabled.
GIVE_UP: Final = timedelta(days=5)


def next_try(failures: int, now: datetime, retry_after: str = "") -> datetime | None:
    """The moment after so many failures in a row (1 or more); None where no try is left.

    Up to a tenth is added, so that what failed together does not come back together. The pause that the endpoint asked
    for (`Retry-After`, in seconds or as a date) is kept where it is longer.
    """
    if failures > len(PAUSES):
        return None
    pause = PAUSES[failures - 1] * random.uniform(1.0, 1.1)
    return now + max(pause, min(_asked(retry_after, now), LONGEST))


def _asked(text: str, now: datetime) -> timedelta:
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return timedelta(seconds=int(text))
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return timedelta()
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now
