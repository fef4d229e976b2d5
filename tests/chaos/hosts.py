"""Worker machines that share a database and a broker, and nothing else."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
from sqlalchemy import select

from dashboard.extensions import read_connection
from dashboard.jobs.models import Chunk
from dashboard.system.models import Heartbeat
from tests.bench.installation import ROOT, Installation
from worker.processes import Lane, Process, scheduler_process, worker_process
from worker.queues import Queue

_BULK = Lane("bulk", (Queue.BULK,), 1, 1)


class Host:
    """One machine: a worker of the campaigns' lane and a scheduler, with a data folder of its own."""

    def __init__(self, shared: Installation, folder: Path) -> None:
        self._environment = {
            **shared.environment, "VAR_DIR": str(folder), "REDIS_URL": shared.settings.broker_url,
        }  # fmt: skip
        self._worker = self._start(worker_process(_BULK))
        self._scheduler = self._start(scheduler_process())

    def pids(self) -> set[str]:
        """Of every process of this host, as they stand in names of leases and heartbeats."""
        found = {str(self._worker.pid), str(self._scheduler.pid)}
        for master in (self._worker, self._scheduler):
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= {str(child.pid) for child in psutil.Process(master.pid).children(recursive=True)}
        return found

    def kill(self) -> None:
        """The power goes out."""
        for process in (self._worker, self._scheduler):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(150)

    def drain(self) -> tuple[int, int]:
        """Ask everything to end, as an operator does before maintenance; the exit codes."""
        for process in (self._worker, self._scheduler):
            process.send_signal(signal.SIGTERM)
        return self._worker.wait(150), self._scheduler.wait(150)

    def _start(self, process: Process) -> subprocess.Popen[bytes]:
        environment = {**self._environment, **process.environment}
        return subprocess.Popen(process.command, env=environment, cwd=ROOT, start_new_session=True)


def alive() -> set[str]:
    """The pids that the database has signs of life of, by kind."""
    with read_connection() as connection:
        return {name.rpartition(":")[2] for name in connection.scalars(select(Heartbeat.name))}


def holders() -> set[str]:
    """The pids of those who hold a lease."""
    with read_connection() as connection:
        owners = connection.scalars(select(Chunk.lease_owner).where(Chunk.lease_owner != ""))
        return {owner.split(":")[1] for owner in owners}


@contextlib.contextmanager
def hosts(shared: Installation, folder: Path, count: int) -> Iterator[list[Host]]:
    """So many machines, killed at the end."""
    made = [Host(shared, folder / f"host-{number}") for number in range(count)]
    try:
        yield made
    finally:
        for host in made:
            host.kill()
