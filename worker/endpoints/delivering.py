"""Delivers what is due, several at a time: claimed by a lease, tried, and its outcome booked.

A worker that dies leaves leases that end by themselves, so each delivery is made at least once; its `webhook-id` stays
the same, by which a receiver knows a repetition. No endpoint gets more than a share of the places, and one that fails
gets a single one, so a slow endpoint does not keep the others waiting.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from sqlalchemy import Connection, Engine, Select, func, or_, select, update

from dashboard.crypto import CannotDecrypt, decrypt
from dashboard.endpoints.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from dashboard.extensions import read_connection, write_connection
from dashboard.settings import Settings
from worker.endpoints.backoff import GIVE_UP, next_try
from worker.endpoints.posting import Answer, new_client, post
from worker.engine import stopping
from worker.engine.clock import Clock

PLACES: Final = 16
_OF_ONE_ENDPOINT: Final = 4
#: Longer than a try can take.
LEASE: Final = timedelta(seconds=90)
#: A call gives its thread back after this; what is left is handed out again by the scheduler.
BUDGET_SECONDS: Final = 20.0

#: One thread of a process delivers; the background lane has others to serve.
_busy = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Due:
    """A delivery in our hands until `lease_until`."""

    id: int
    endpoint_id: int
    event_id: str
    payload: str
    step: int
    lease_until: datetime
    url: str
    keys: tuple[str, ...]


def due(now: datetime) -> Select[Any]:
    """Deliveries whose time has come, of endpoints that are enabled, in nobody's hands."""
    free = or_(WebhookDelivery.lease_until.is_(None), WebhookDelivery.lease_until <= now)
    return (
        select(WebhookDelivery.id)
        .join(WebhookEndpoint, WebhookEndpoint.id == WebhookDelivery.endpoint_id)
        .where(
            WebhookEndpoint.enabled,
            WebhookDelivery.state == DeliveryState.PENDING.value,
            WebhookDelivery.next_try_at <= now,
            free,
        )
    )


def deliver_due(engine: Engine, settings: Settings, seconds: float = BUDGET_SECONDS) -> int:
    """Deliver what is due, for at most about so long; how many tries were made. Nothing where this process does it."""
    return _run_with(engine, settings, seconds, _busy)


def _run_with(engine: Engine, settings: Settings, seconds: float, alone: threading.Lock) -> int:
    if not alone.acquire(blocking=False):
        return 0
    try:
        with (
            new_client(allow_private=settings.allow_private_urls, connections=PLACES) as client,
            ThreadPoolExecutor(PLACES, thread_name_prefix="webhook") as pool,
        ):
            return _run(engine, settings, client, pool, time.monotonic() + seconds)
    finally:
        alone.release()


def _run(engine: Engine, settings: Settings, client: httpx.Client, pool: ThreadPoolExecutor, ends_at: float) -> int:
    clock, tried = Clock.of(engine), 0
    flying: dict[Future[Answer], _Due] = {}
    while True:
        if time.monotonic() < ends_at and not stopping.asked_to_stop():
            for one in _claim(engine, settings, Counter(item.endpoint_id for item in flying.values()), clock.now()):
                flying[pool.submit(post, client, one.url, one.keys, one.event_id, one.payload)] = one
        if not flying:
            return tried
        done, _ = wait(flying, timeout=1.0, return_when=FIRST_COMPLETED)
        if done:
            with write_connection(engine) as connection:
                for future in done:
                    _book(connection, flying.pop(future), future.result(), clock.now())
            tried += len(done)


def _claim(engine: Engine, settings: Settings, at_work: Counter[int], now: datetime) -> list[_Due]:
    """Take as many as there are places, by turns; each endpoint's oldest first."""
    free = PLACES - at_work.total()
    with read_connection(engine) as connection:
        if free <= 0 or connection.execute(due(now).limit(1)).first() is None:
            return []
        endpoints = connection.execute(select(WebhookEndpoint.__table__).where(WebhookEndpoint.enabled)).all()
    taken: list[_Due] = []
    with write_connection(engine) as connection:
        for endpoint in endpoints:
            most = 1 if endpoint.failing_since is not None else _OF_ONE_ENDPOINT
            places = min(most - at_work[endpoint.id], free - len(taken))
            if places > 0:
                taken += _claim_of(connection, settings, endpoint, places, now)
    return taken


def _claim_of(connection: Connection, settings: Settings, endpoint: Any, places: int, now: datetime) -> list[_Due]:
    mine = (
        due(now)
        .where(WebhookDelivery.endpoint_id == endpoint.id)
        .order_by(WebhookDelivery.next_try_at, WebhookDelivery.id)
        .limit(places)
        .with_for_update(skip_locked=True, of=WebhookDelivery)
    )
    ids = list(connection.scalars(mine))
    if not ids:
        return []
    keys, lease_until = _keys(settings, endpoint, now), now + LEASE
    statement = (
        update(WebhookDelivery)
        .where(WebhookDelivery.id.in_(ids))
        .values(lease_until=lease_until)
        .returning(WebhookDelivery.id, WebhookDelivery.event_id, WebhookDelivery.payload, WebhookDelivery.step)
    )
    return [
        _Due(row.id, endpoint.id, row.event_id, row.payload, row.step, lease_until, endpoint.url, keys)
        for row in connection.execute(statement)
    ]


def _keys(settings: Settings, endpoint: Any, now: datetime) -> tuple[str, ...]:
    """The secrets to sign with; none where they belong to another SECRET_KEY."""
    try:
        kept = decrypt(settings.key, endpoint.secrets)
    except CannotDecrypt:
        return ()
    old = endpoint.old_secret_until is not None and endpoint.old_secret_until > now
    return (kept["current"], kept["old"]) if old and "old" in kept else (kept["current"],)


def _book(connection: Connection, one: _Due, answer: Answer, now: datetime) -> None:
    """Write down what came of a try; nothing where the lease has ended and somebody else has it."""
    failures = one.step + 1
    again = None if answer.taken or answer.status == 410 else next_try(failures, now, answer.retry_after)
    state = DeliveryState.DELIVERED if answer.taken else DeliveryState.PENDING if again else DeliveryState.FAILED
    ours = connection.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.id == one.id, WebhookDelivery.lease_until == one.lease_until)
        .values(
            state=state.value,
            attempts=WebhookDelivery.attempts + 1,
            step=0 if answer.taken else failures,
            next_try_at=again,
            lease_until=None,
            last_status=answer.status,
            last_answer=answer.body,
            last_error=answer.error,
            last_ms=answer.milliseconds,
            last_try_at=now,
        )
    )
    if ours.rowcount:
        _book_endpoint(connection, one.endpoint_id, answer, now)


def _book_endpoint(connection: Connection, endpoint_id: int, answer: Answer, now: datetime) -> None:
    mine = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)
    if answer.taken:
        connection.execute(mine.where(WebhookEndpoint.failing_since.is_not(None)).values(failing_since=None))
        return
    connection.execute(mine.values(failing_since=func.coalesce(WebhookEndpoint.failing_since, now)))
    if answer.status == 410:
        reason = "It answered 410 Gone: nobody listens there any more."
        connection.execute(mine.where(WebhookEndpoint.enabled).values(enabled=False, disabled_reason=reason))
        return
    words = answer.error or f"It answered {answer.status}."
    reason = f"Nothing but failures for {GIVE_UP.days} days. The last one: {words}"[:300]
    connection.execute(
        mine.where(WebhookEndpoint.enabled, WebhookEndpoint.failing_since <= now - GIVE_UP).values(
            enabled=False, disabled_reason=reason
        )
    )
