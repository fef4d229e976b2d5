"""The lanes, and how anything is put on one: by actor name, with ids and scalars, after the commit.

A message on the broker is a hint; the database holds the work. So a broker that is away costs time, never work:
`enqueue` logs and goes on, and the scheduler's sweep hands the work out again.
"""

from __future__ import annotations

import logging
from enum import StrEnum

import dramatiq
from dramatiq.errors import BrokerConnectionError
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class Queue(StrEnum):
    """One lane, one purpose; each has worker processes of its own, so no lane waits behind another."""

    OTP = "otp"  # one-time codes; goal: handed over within 100 ms
    TRANSACTIONAL = "transactional"  # events, API messages, test sends; within a second
    BULK = "bulk"  # campaigns; as fast as the provider takes it
    IMPORTS = "imports"  # checking and loading of audience files
    RECEIPTS = "receipts"  # callbacks of providers
    PERIODIC = "periodic"  # what the scheduler starts


def enqueue(
    actor_name: str, *arguments: int | str | float | bool | None, queue: Queue, delay_ms: int | None = None
) -> bool:
    """Put a call of an actor on its lane; False (and a log line) where the broker cannot be reached."""
    message: dramatiq.Message[None] = dramatiq.Message(
        queue_name=queue.value, actor_name=actor_name, args=arguments, kwargs={}, options={}
    )
    try:
        dramatiq.get_broker().enqueue(message, delay=delay_ms)
    except (BrokerConnectionError, RedisError) as error:
        logger.warning(
            "broker away, the sweep will hand it out", extra={"actor": actor_name, "error": type(error).__name__}
        )
        return False
    return True
