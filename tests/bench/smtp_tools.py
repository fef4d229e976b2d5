"""Postfix's smtp-sink and smtp-source (`apt-get install postfix`, or `make test`, which does it)."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

INSTALL_NOTE = "smtp-sink and smtp-source come with Debian's package postfix: apt-get install postfix"


def find(name: str) -> str:
    """Path of one of the two programs; SystemExit with the install note."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if not found:
        raise SystemExit(INSTALL_NOTE)
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def sink(*options: str) -> Iterator[int]:
    """A running smtp-sink; gives its port."""
    port = free_port()
    user = ["-u", "postfix"] if os.geteuid() == 0 else []
    process = subprocess.Popen([find("smtp-sink"), *user, *options, f"127.0.0.1:{port}", "1000"], cwd=Path("/tmp"))
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def slow_sink(milliseconds: float, *, log: bool = False) -> Iterator[tuple[int, Path]]:
    """A server that answers each message so late; gives its port and its log (see `tests.bench.slow_sink`)."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="carillon-sink-") as folder:
        path = Path(folder) / "messages.log"
        arguments = [str(port), str(milliseconds), *([str(path)] if log else [])]
        process = subprocess.Popen([sys.executable, "-m", "tests.bench.slow_sink", *arguments])
        try:
            wait_for(port)
            yield port, path
        finally:
            process.terminate()
            process.wait()


def wait_for(port: int) -> None:
    """Until something listens there."""
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.02)


def source_rate(port: int, *, n: int, size: int) -> float:
    """Messages a second of smtp-source with kept connections: the better of 10 and 50 sessions."""
    best = 0.0
    for sessions in (10, 50):
        started = time.perf_counter()
        subprocess.run(
            [find("smtp-source"), "-d", "-s", str(sessions), "-l", str(size), "-m", str(n), f"127.0.0.1:{port}"],
            check=True, cwd=Path("/tmp"),
        )  # fmt: skip
        best = max(best, n / (time.perf_counter() - started))
    return best
