"""The processes of one machine: what each runs, and how it is asked to stop.

Lanes are processes, because a priority does not reorder a queue: a code asked for during a campaign of millions must
find an idle worker. Campaign workers have one thread each (eight threads cost 30 %, measured), the waiting lanes
have many.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from dashboard.settings import Settings
from worker.queues import Queue

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15  # linux/prctl.h
#: Niceness of lanes that nobody waits for: where processors are short, a third of the share of the others.
LOW_PRIORITY = 5
_PROMPT = (Queue.OTP, Queue.TRANSACTIONAL)


@dataclass(frozen=True, slots=True)
class Process:
    """One child of the supervisor: a Python module run as a program, or (empty module) another program's arguments.

    Those with a low `stop_order` are stopped first.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    stop_order: int = 1
    stop_seconds: float = 20.0
    niceness: int = 0

    @property
    def command(self) -> tuple[str, ...]:
        """The same as a command line of its own."""
        return (sys.executable, "-m", self.module, *self.arguments) if self.module else self.arguments


@dataclass(frozen=True, slots=True)
class Lane:
    """One group of worker processes and the queues that it serves."""

    name: str
    queues: tuple[Queue, ...]
    processes: int
    threads: int


def lanes(settings: Settings) -> tuple[Lane, ...]:
    """Every queue stands in exactly one lane (a test holds that)."""
    return (
        Lane("otp", (Queue.OTP,), 1, 4),
        Lane("transactional", (Queue.TRANSACTIONAL,), 1, 4),
        Lane("bulk", (Queue.BULK,), settings.bulk_processes, 1),
        Lane("background", (Queue.IMPORTS, Queue.RECEIPTS, Queue.PERIODIC), 1, 3),
    )


def worker_process(lane: Lane) -> Process:
    """A Dramatiq master with its worker processes for one lane."""
    arguments = (
        "worker.entrypoint",
        "--processes", str(lane.processes), "--threads", str(lane.threads),
        "--worker-shutdown-timeout", "15000", "--skip-logging",
        "--queues", *(queue.value for queue in lane.queues),
    )  # fmt: skip
    # Pick-up of an idle worker: 0.5 s by default, 35 ms so (measured); the price is a poll ten times a second.
    return Process(
        f"worker-{lane.name}",
        "dramatiq",
        arguments,
        {"dramatiq_worker_timeout": "100"},
        niceness=0 if set(lane.queues) & set(_PROMPT) else LOW_PRIORITY,
    )


def scheduler_process() -> Process:
    return Process("scheduler", "worker.scheduler", ())


def connector_process() -> Process:
    """It stops after the workers, which wait for its answers."""
    return Process("connector", "worker.smpp_connector", (), stop_order=2)


def web_process(settings: Settings) -> Process:
    """gunicorn with threads; one process on SQLite, whose writers take turns anyway."""
    arguments = (
        "--bind", f"{settings.host}:{settings.port}",
        "--workers", str(settings.web_processes), "--worker-class", "gthread", "--threads", str(settings.web_threads),
        "--graceful-timeout", "10", "--max-requests", "20000", "--max-requests-jitter", "2000",
        "--log-level", "warning", "--no-control-socket", "wsgi:app",
    )  # fmt: skip
    return Process("web", "gunicorn", arguments, stop_order=0)


def desk_command(name: str, *arguments: str) -> Process:
    """A command of `dashboard.cli`, run once."""
    return Process(name, "flask", ("--app", "wsgi", "carillon", name, *arguments))


def die_with_parent() -> None:
    """Ask the kernel (Linux) to end this process when its parent dies, so kill -9 of a parent leaves no orphan."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def give_way(niceness: int, session: Path = Path("/proc/self/autogroup")) -> None:
    """Lower the priority of this process, a session leader, and of those that it forks.

    Where the kernel schedules by sessions (sched_autogroup), niceness counts within a session alone; so the session's
    own niceness is set, too.
    """
    if niceness:
        os.nice(niceness)
        with contextlib.suppress(OSError):  # no such file: the kernel knows no such groups
            session.write_text(str(niceness))


def call_process(name: str) -> None:
    """Show this process, and those that it forks, under a name (15 characters of it) in top and ps (Linux)."""
    _prctl(_PR_SET_NAME, name.encode())


def _prctl(option: int, argument: int | bytes) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, argument)
