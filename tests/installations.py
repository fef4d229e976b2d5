"""A whole installation as a person starts it: the supervisor, its processes and its broker, on a folder of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


#: Seconds that a test waits at least for what is to come: a busy machine is no failure.
PATIENCE = 150.0


def until(question: Callable[[], object], seconds: float, what: str | Callable[[], str]) -> None:
    deadline = time.monotonic() + max(seconds, PATIENCE)
    while not question():
        assert time.monotonic() < deadline, what if isinstance(what, str) else what()
        time.sleep(0.1)


class Installation:
    """`make run` without make: one supervisor on a data folder and a port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.output = folder / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> None:
        values = {"VAR_DIR": str(self.folder / "var"), "PORT": str(self.port), "SECRET_KEY": "supervised " * 4}
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "worker.supervisor"], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT,
                env={**os.environ, "DEMO": "0", "LOG_LEVEL": "WARNING", **values, **environment},
                start_new_session=True,
            )  # fmt: skip

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.address}/healthz", timeout=30, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_healthy(self) -> None:
        until(self.healthy, 60, lambda: f"never healthy: {self.words()[-2000:]}")

    def words(self) -> str:
        return self.output.read_text()

    def family(self) -> list[psutil.Process]:
        assert self.process is not None
        return psutil.Process(self.process.pid).children(recursive=True)

    def of_kind(self, kind: str) -> set[int]:
        """The processes of one child of the supervisor (as worker.processes names it), with its own children."""
        found = set()
        for process in self.family():
            with contextlib.suppress(psutil.Error):
                named = "valkey-server" in process.exe() if kind == "broker" else process.name() == kind[:15]
                found |= {process.pid} if named and process.status() != psutil.STATUS_ZOMBIE else set()
        return found

    def kill_kind(self, kind: str) -> set[int]:
        """kill -9 of them all; those that were there."""
        killed = self.of_kind(kind)
        assert killed, f"no {kind} runs"
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return killed

    def stop(self, number: int = signal.SIGINT) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def kill(self) -> None:
        """End every process at once, whatever state they are in; nothing where none runs."""
        if self.process is None or self.process.poll() is not None:
            return
        family = self.family()
        self.stop(signal.SIGKILL)
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        with contextlib.closing(sqlite3.connect(self.folder / "var" / "carillon.sqlite", timeout=20)) as connection:
            return connection.execute(statement).fetchall()
