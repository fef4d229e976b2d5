"""A real broker for the pages that look into it."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask

from dashboard.current import current_settings
from tests.brokers import use_broker_of
from tests.conftest import settings_for
from worker import broker_server
from worker.broker import prepare_broker


@pytest.fixture(scope="session")
def broker_process() -> Iterator[SimpleNamespace]:
    """A Valkey (or Redis) on a unix socket; `stop` and `start` take it away and bring it back."""
    with tempfile.TemporaryDirectory(prefix="carillon-") as folder:  # a socket's path has to be short
        socket = Path(folder) / "broker.sock"
        binary = broker_server.find_binary()
        assert binary is not None, broker_server.MISSING
        running: list[subprocess.Popen[bytes]] = []

        def start() -> None:
            running.append(subprocess.Popen(broker_server.command(binary, socket, Path(folder))))
            deadline = time.monotonic() + 150
            while not broker_server.answers(f"unix://{socket}"):
                assert time.monotonic() < deadline
                time.sleep(0.02)

        def stop() -> None:
            process = running.pop()
            process.terminate()
            process.wait(timeout=150)

        start()
        yield SimpleNamespace(url=f"unix://{socket}", start=start, stop=stop)
        stop()


@pytest.fixture
def broker(app: Flask, broker_process: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The application talks to the real broker, whose lanes are empty."""
    settings = current_settings()
    changed = settings_for(settings.var_dir, settings.database_url, redis_url=broker_process.url)
    monkeypatch.setitem(app.extensions, "carillon_settings", changed)
    broker = prepare_broker(broker_process.url)
    broker.client.flushall()  # type: ignore[attr-defined]
    yield SimpleNamespace(url=broker_process.url, client=broker.client, process=broker_process)  # type: ignore[attr-defined]
    broker.close()
    client = app.extensions.pop("carillon_broker_client", None)
    if client is not None:
        client.close()
    broker.client.close()  # type: ignore[attr-defined]
    use_broker_of(app)
