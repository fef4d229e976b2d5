"""The in-memory broker of an application, and the calls that wait on it."""

from __future__ import annotations

from typing import Any

import dramatiq
from dramatiq.brokers.stub import StubBroker
from flask import Flask


def use_broker_of(app: Flask) -> StubBroker:
    """Make the broker with which this application was built the global one again (several apps per test process)."""
    broker = app.extensions.setdefault("carillon_test_broker", dramatiq.get_broker())
    dramatiq.set_broker(broker)
    return broker


def waiting(queue: str) -> list[tuple[str, tuple[Any, ...]]]:
    """(actor name, arguments) of every call waiting on a lane, oldest first."""
    broker = dramatiq.get_broker()
    messages = [dramatiq.Message.decode(raw) for raw in list(broker.queues[queue].queue)]
    return [(message.actor_name, tuple(message.args)) for message in messages]
