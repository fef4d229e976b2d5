"""What waits on the broker: depths of the lanes, and the dead letters (calls whose every try failed).

Dramatiq's Redis layout: `dramatiq:<lane>` is a list of message ids, `dramatiq:<lane>.DQ` the delayed ones, and
`dramatiq:<lane>.XQ` a sorted set of dead ids by the millisecond of their death with the bodies in the hash
`….XQ.msgs`. Dead letters are kept for seven days. All calls here end within a second when the broker is away.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import dramatiq
from dramatiq.brokers.stub import StubBroker
from dramatiq.common import q_name
from dramatiq.errors import BrokerConnectionError
from flask import current_app
from redis import Redis
from redis.exceptions import RedisError

from dashboard.current import current_settings
from worker.broker import NAMESPACE
from worker.queues import Queue

SHOWN: Final = 50
_TIMEOUT_SECONDS: Final = 1.0
_CLIENT: Final = "carillon_broker_client"


class BrokerAway(Exception):
    """The broker does not answer; the text says how that showed, without addresses."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: calls ready to be taken, delayed ones, dead ones; the age of the ready one that waits longest."""

    name: str
    ready: int
    delayed: int
    dead: int
    oldest_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A call whose every try failed. `key` names it within its lane; `error` is the last line of its traceback."""

    lane: str
    key: str
    actor: str
    arguments: tuple[Any, ...]
    retries: int
    error: str
    traceback: str
    died_at: datetime


def ping() -> None:
    """Return where the broker answers; raises BrokerAway."""
    client = _client()
    if client is not None:
        with _asking():
            client.ping()


def lanes() -> list[Lane]:
    """Every lane with its numbers, in two round trips; raises BrokerAway."""
    client = _client()
    if client is None:
        return _lanes_in_memory()
    pipe = client.pipeline(transaction=False)
    for queue in Queue:
        pipe.llen(f"{NAMESPACE}:{queue.value}")
        pipe.llen(f"{NAMESPACE}:{queue.value}.DQ")
        pipe.zcard(_dead(queue))
        pipe.lindex(f"{NAMESPACE}:{queue.value}", 0)
    with _asking():
        numbers = pipe.execute()
        for queue, oldest in zip(Queue, numbers[3::4], strict=True):
            pipe.hget(f"{NAMESPACE}:{queue.value}.msgs", oldest or b"")
        bodies = pipe.execute()
    parts = zip(Queue, numbers[0::4], numbers[1::4], numbers[2::4], bodies, strict=True)
    return [Lane(queue.value, ready, delayed, dead, _age(body)) for queue, ready, delayed, dead, body in parts]


def dead_letters(lane: Queue) -> list[DeadLetter]:
    """The newest SHOWN dead letters of a lane; raises BrokerAway."""
    client = _client()
    if client is None:
        return []
    with _asking():
        pairs = client.zrevrange(_dead(lane), 0, SHOWN - 1, withscores=True)
        bodies = client.hmget(_bodies(lane), [key for key, _ in pairs]) if pairs else []
    return [_letter(lane, key, died, body) for (key, died), body in zip(pairs, bodies, strict=True) if body]


def dead_keys(lane: Queue) -> list[str]:
    """The keys of every dead letter of a lane, oldest first; raises BrokerAway."""
    client = _client()
    if client is None:
        return []
    with _asking():
        return [key.decode() for key in client.zrange(_dead(lane), 0, -1)]


def take_dead_letter(lane: Queue, key: str) -> dramatiq.Message[Any] | None:
    """Remove a dead letter and return its call; None where somebody else was quicker. Raises BrokerAway."""
    client = _client()
    if client is None:
        return None
    with _asking():
        body = client.hget(_bodies(lane), key)
        removed = client.hdel(_bodies(lane), key)
        client.zrem(_dead(lane), key)
    return dramatiq.Message.decode(body) if body and removed else None


def put_back(message: dramatiq.Message[Any]) -> None:
    """Put a call on its lane again, with all its tries; raises BrokerAway."""
    options = {
        name: value
        for name, value in message.options.items()
        if name not in ("retries", "traceback", "requeue_timestamp", "redis_message_id", "eta")
    }
    fresh: dramatiq.Message[Any] = dramatiq.Message(
        queue_name=q_name(message.queue_name),
        actor_name=message.actor_name,
        args=message.args,
        kwargs=message.kwargs,
        options=options,
    )
    with _asking():
        dramatiq.get_broker().enqueue(fresh)


@contextmanager
def _asking() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError, BrokerConnectionError) as error:
        raise BrokerAway(type(error).__name__) from error


def _letter(lane: Queue, key: bytes, died: float, body: bytes) -> DeadLetter:
    message: dramatiq.Message[Any] = dramatiq.Message.decode(body)
    traceback = str(message.options.get("traceback", "")).strip()
    return DeadLetter(
        lane=lane.value,
        key=key.decode(),
        actor=message.actor_name,
        arguments=tuple(message.args),
        retries=int(message.options.get("retries", 0)),
        error=traceback.rsplit("\n", 1)[-1],
        traceback=traceback,
        died_at=datetime.fromtimestamp(died / 1000, tz=UTC),
    )


def _age(body: bytes | None) -> float:
    """Seconds since a call was put on its lane; 0.0 for none, or for one that a worker took a moment ago."""
    if body is None:
        return 0.0
    message: dramatiq.Message[Any] = dramatiq.Message.decode(body)
    return max(0.0, time.time() - message.message_timestamp / 1000)


def _lanes_in_memory() -> list[Lane]:
    broker = dramatiq.get_broker()
    if not isinstance(broker, StubBroker):
        return []
    depth = {name: queue.qsize() for name, queue in broker.queues.items()}
    return [
        Lane(
            queue.value,
            depth.get(queue.value, 0),
            depth.get(f"{queue.value}.DQ", 0),
            len(broker.dead_letters_by_queue[queue.value]),
            _age(next(iter(broker.queues[queue.value].queue), None) if queue.value in broker.queues else None),
        )
        for queue in Queue
    ]


def _client() -> Any:
    """A redis.Redis that gives up after a second (the broker's own waits for ever); None for a broker in memory."""
    url = current_settings().broker_url
    if url.startswith("memory:"):
        return None
    client = current_app.extensions.get(_CLIENT)
    if client is None:
        client = Redis.from_url(url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS)
        current_app.extensions[_CLIENT] = client
    return client


def _dead(lane: Queue) -> str:
    return f"{NAMESPACE}:{lane.value}.XQ"


def _bodies(lane: Queue) -> str:
    return f"{NAMESPACE}:{lane.value}.XQ.msgs"
