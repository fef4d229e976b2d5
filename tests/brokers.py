"""The in-memory broker of an application, and the calls that wait on it."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dramatiq
from dramatiq.brokers.stub import StubBroker
from flask import Flask

from worker.broker_server import answers, command, find_binary


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


@contextmanager
def redis_server() -> Iterator[str]:
    """A real server of the kind that we ship, empty; its address."""
    with tempfile.TemporaryDirectory(prefix="carillon-redis-") as folder:
        socket = Path(folder) / "redis.sock"
        binary = find_binary()
        assert binary is not None
        server = subprocess.Popen(command(binary, socket, Path(folder)), stdout=subprocess.DEVNULL)
        url = f"unix://{socket}"
        try:
            while not answers(url):
                time.sleep(0.02)
            yield url
        finally:
            server.terminate()
            server.wait()
