"""The connector process as a child, and providers that go through it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask

from dashboard.crypto import encrypt
from dashboard.current import current_settings
from dashboard.extensions import transaction
from dashboard.providers.models import Provider
from dashboard.settings import Settings
from tests.factories.sending import new_provider
from tests.worker.providers.message_centre import Centre
from worker.processes import connector_process

ROOT = Path(__file__).parents[2]


def settings_of(app: Flask) -> Settings:
    settings: Settings = app.extensions["carillon_settings"]
    return settings


@contextmanager
def running(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once its socket is there."""
    names = ("var_dir", "database_url", "redis_url", "secret_key", "public_url", "allow_private_urls")
    environment = {**os.environ, **{name.upper(): str(getattr(settings, name)) for name in names}}
    settings.connector_socket.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", connector_process().module], env=environment, cwd=ROOT, stderr=subprocess.PIPE
    )
    try:
        until(settings.connector_socket.exists)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        words = process.communicate(timeout=150)[1].decode()
        assert "Traceback" not in words, words


def until(condition: Callable[[], Any], seconds: float = 150.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def provider_at(centre: Centre, **settings: Any) -> Provider:
    values = {"host": "127.0.0.1", "port": centre.port, "system_id": "shop", **settings}
    provider = new_provider("smpp", **values)
    with transaction() as session:
        session.get_one(Provider, provider.id).secrets = encrypt(current_settings().key, {"password": "secret"})
    return provider
