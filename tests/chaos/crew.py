"""The processes of one installation, and what can happen to each of them."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

from tests.bench.installation import ROOT, Installation, installation, start_broker
from tests.chaos.supervised import Supervised
from worker.processes import Lane, Process, scheduler_process, worker_process
from worker.queues import Queue

_BULK = Lane("bulk", (Queue.BULK,), 1, 1)
_BACKGROUND = Lane("background", (Queue.IMPORTS, Queue.RECEIPTS, Queue.PERIODIC), 1, 1)


class Crew:
    """Two workers of the campaigns' lane, one of the background's and a scheduler; whoever is struck is replaced."""

    def __init__(self, running: Installation) -> None:
        self.running = running
        self._clock = running.settings.var_dir / "moved_clock"
        self.move_clock(0)
        self._start_all()

    def _start_all(self) -> None:
        self._workers = [self._start(worker_process(_BULK)), self._start(worker_process(_BULK))]
        self._background = self._start(worker_process(_BACKGROUND))
        self._scheduler = self._start(scheduler_process())

    def strike_worker(self, number: signal.Signals) -> None:
        """Strike one of the campaigns' workers. SIGTERM goes to the master, which passes it on (a second one would
        end its worker at once), SIGKILL to all its processes."""
        place = random.randrange(len(self._workers))
        (os.killpg if number is signal.SIGKILL else os.kill)(self._workers[place].pid, number)
        self._workers[place].wait(150)
        self._workers[place] = self._start(worker_process(_BULK))

    def freeze_worker(self, seconds: float) -> None:
        """A worker that stands still past its lease and then goes on as if nothing had been."""
        pid = random.choice(self._workers).pid
        os.killpg(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.killpg(pid, signal.SIGCONT)

    def kill_scheduler(self) -> None:
        _kill(self._scheduler)
        self._scheduler = self._start(scheduler_process())

    def kill_broker(self, *, drop_data: bool, away: float) -> None:
        """The broker dies and comes back after some seconds, with what it had written down or without."""
        _kill(self.running.broker)
        if drop_data:
            shutil.rmtree(self.running.settings.var_dir / "broker")
        time.sleep(away)
        self.running.broker = start_broker(self.running.settings)

    @contextlib.contextmanager
    def supervised(self) -> Iterator[Supervised]:
        """Let the real supervisor run everything meanwhile, the broker too; both changes of shift are orderly."""
        everybody = (*self._workers, self._background, self._scheduler)
        for process in everybody:
            process.send_signal(signal.SIGTERM)
        for process in everybody:
            process.wait(150)
        self.running.broker.send_signal(signal.SIGTERM)
        self.running.broker.wait(150)
        supervisor = Supervised(self.running)
        try:
            yield supervisor
        finally:
            supervisor.stop()
            self.running.broker = start_broker(self.running.settings)
            self._start_all()

    def restart_database(self, *, away: float) -> None:
        """PostgreSQL crashes (SIGQUIT: no checkpoint, no goodbye) and comes back after some seconds."""
        server = self.running.postgres
        process = psutil.Process(server.get_pid())
        process.send_signal(signal.SIGQUIT)
        process.wait(150)
        time.sleep(away)
        server.ensure_postgres_running()

    def fill_disk(self, seconds: float) -> None:
        """For some seconds no file of the workers may grow (nor any byte beyond the first be written)."""
        self._limit_files(1)
        time.sleep(seconds)
        self._limit_files(psutil.RLIM_INFINITY)

    def move_clock(self, seconds: float) -> None:
        """Set the clock of this machine, as its processes see it, so far from the truth."""
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._clock)

    def dismiss(self) -> None:
        for process in (*self._workers, self._background, self._scheduler):
            _kill(process)

    def _limit_files(self, size: int) -> None:
        for master in self._workers:
            for process in psutil.Process(master.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    _, most = process.rlimit(psutil.RLIMIT_FSIZE)
                    process.rlimit(psutil.RLIMIT_FSIZE, (size, most))

    def _start(self, process: Process) -> subprocess.Popen[bytes]:
        arguments = (sys.executable, "-m", "tests.chaos.moved_clock", str(self._clock), process.module)
        environment = {**self.running.environment, **process.environment}
        return subprocess.Popen((*arguments, *process.arguments), env=environment, cwd=ROOT, start_new_session=True)


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(150)


@contextlib.contextmanager
def crew(database: str) -> Iterator[Crew]:
    """Workers, scheduler, broker and database, with short leases and small chunks: takeovers happen in seconds."""
    with installation(database, lease_seconds=2, chunk_size=100, window_size=50, retry_seconds=1) as running:
        workers = Crew(running)
        try:
            yield workers
        finally:
            workers.dismiss()
