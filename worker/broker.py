"""The Dramatiq broker, the same for web (which enqueues) and workers (which consume)."""

from __future__ import annotations

import dramatiq
from dramatiq import Middleware
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Callbacks, Pipelines, Retries, ShutdownNotifications, TimeLimit
from flask import Flask

from worker.queues import Queue

#: Dramatiq's own keys; limits and locks use another namespace (its maintenance scans `acks*`).
NAMESPACE = "dramatiq"
#: Address of a broker inside the process, for tests that look at what was put on the lanes.
IN_MEMORY = "memory://"


class AppContext(Middleware):
    """Each message is processed in a Flask application context, pushed here and never at import."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self._contexts: dict[str, object] = {}

    def before_process_message(self, _broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        context = self.app.app_context()
        context.push()
        self._contexts[message.message_id] = context

    def _pop(self, message: dramatiq.MessageProxy) -> None:
        context = self._contexts.pop(message.message_id, None)
        if context is not None:
            context.pop(None)  # type: ignore[attr-defined]

    def after_process_message(
        self,
        _broker: dramatiq.Broker,
        message: dramatiq.MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        self._pop(message)

    def after_skip_message(self, _broker: dramatiq.Broker, message: dramatiq.MessageProxy) -> None:
        self._pop(message)


def _middleware() -> list[Middleware]:
    return [
        AgeLimit(),
        TimeLimit(time_limit=600_000),
        ShutdownNotifications(),
        Callbacks(),
        Pipelines(),
        Retries(max_retries=3, min_backoff=1_000, max_backoff=60_000),
    ]


def prepare_broker(url: str) -> dramatiq.Broker:
    """Make the Redis broker of this process and set it as Dramatiq's global one.

    Dead workers' messages come back after 30 s instead of minutes: `heartbeat_timeout` and a maintenance pass on
    every tenth fetch (`maintenance_chance` is per 1,000,000). The leases in the database do not wait for it.
    """
    broker: dramatiq.Broker
    if url == IN_MEMORY:
        broker = StubBroker(middleware=_middleware())
    else:
        broker = RedisBroker(  # type: ignore[no-untyped-call]
            url=url, middleware=_middleware(), namespace=NAMESPACE, heartbeat_timeout=30_000, maintenance_chance=100_000
        )
    for queue in Queue:
        broker.declare_queue(queue.value)
    dramatiq.set_broker(broker)
    return broker
