"""One command starts everything: broker, migrations, workers, scheduler, web; Ctrl-C stops it in order.

`python -m worker.supervisor`, which `make run` calls. A child that dies is started again with a growing pause. The
broker stops last, so that workers can hand back what they hold.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import IO

import httpx

from dashboard.settings import Settings
from worker.broker_server import MISSING, answers, command, find_binary
from worker.processes import Process, die_with_parent, lanes, scheduler_process, web_process, worker_process

_PAUSES = (0.2, 1.0, 3.0, 10.0)  # seconds before a dead child is started again, by its deaths in a row
_STEADY_SECONDS = 30.0  # alive this long, a child's deaths are forgotten


class StartFailed(Exception):
    """Something that has to be there is not; the message says what to do."""


class Child:
    """A process that is kept running until it is told to stop."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.deaths = 0
        self.start_at = 0.0
        self.started = 0.0
        self.handle: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.started = time.monotonic()
        self.handle = subprocess.Popen(  # noqa: S603 - our own arguments
            self.process.arguments,
            env={**os.environ, **self.process.environment},
            start_new_session=True,  # Ctrl-C reaches the supervisor alone; it stops the others in order
            preexec_fn=die_with_parent,
        )

    def keep(self, now: float) -> None:
        """Start it, or start it again after its pause; says so on the terminal."""
        if self.handle is not None and self.handle.poll() is None:
            if self.deaths and now - self.started > _STEADY_SECONDS:
                self.deaths = 0
            return
        if self.handle is not None:
            pause = _PAUSES[min(self.deaths, len(_PAUSES) - 1)]
            say(f"{self.process.name} ended with {self.handle.returncode}, starting it again in {pause:g} s")
            self.deaths += 1
            self.start_at, self.handle = now + pause, None
        if now >= self.start_at:
            self.start()

    def signal(self, number: int) -> None:
        if self.handle is not None and self.handle.poll() is None:
            self.handle.send_signal(number)

    def wait(self, deadline: float) -> None:
        """Wait until it is gone; kill it (and its own children) at the deadline."""
        if self.handle is None:
            return
        try:
            self.handle.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            say(f"{self.process.name} did not stop in time")
            os.killpg(self.handle.pid, signal.SIGKILL)
            self.handle.wait()


class Supervisor:
    """The children of one installation on one machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = False
        self.children: list[Child] = []
        self.broker: Child | None = None
        self.demonstration: Child | None = None
        self._lock: IO[str] | None = None

    def run(self) -> None:
        """Start all, say where, keep all running until SIGINT or SIGTERM."""
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        self._take_lock()
        try:
            self._start_broker()
            first_password = self._prepare()
            self._start_children()
            if self._wait_until_healthy():
                self._announce(first_password)
                self._fill_in_demonstration()
            while not self.stopping:
                self._keep_all()
                time.sleep(0.2)
        finally:
            self._stop_all()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.stopping = True

    def _take_lock(self) -> None:
        """Refuse a second supervisor on the same data folder."""
        self.settings.var_dir.mkdir(parents=True, exist_ok=True)
        self._lock = (self.settings.var_dir / "supervisor.lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartFailed(
                f"Another Carillon already runs on {self.settings.var_dir}. Stop it, or choose another VAR_DIR."
            ) from error

    def _start_broker(self) -> None:
        if self.settings.redis_url:
            if not answers(self.settings.redis_url):
                raise StartFailed(
                    "REDIS_URL is set, but no Redis or Valkey answers there. Start it, or unset REDIS_URL."
                )
            return
        if answers(self.settings.broker_url):
            return  # left over from a supervisor that was killed: its data is ours
        binary = find_binary()
        if binary is None:
            raise StartFailed(MISSING)
        data = self.settings.var_dir / "broker"
        data.mkdir(exist_ok=True)
        self.broker = Child(Process("broker", tuple(command(binary, self.settings.broker_socket, data.absolute()))))
        self.broker.start()
        deadline = time.monotonic() + 20
        while not answers(self.settings.broker_url):
            if time.monotonic() > deadline:
                raise StartFailed("The broker does not answer on its socket. Look for its words above.")
            time.sleep(0.05)

    def _prepare(self) -> str | None:
        """Migrate and make the first user, in a process of its own; the password, where one was made."""
        finished = subprocess.run(  # noqa: S603
            [*flask_command(), "carillon", "prepare"], stdout=subprocess.PIPE, text=True, check=False
        )
        if finished.returncode != 0:
            raise StartFailed("The database could not be prepared. The lines above say why.")
        answer: dict[str, str | None] = json.loads(finished.stdout.strip().splitlines()[-1])
        return answer["first_password"]

    def _start_children(self) -> None:
        processes = [web_process(self.settings), *map(worker_process, lanes(self.settings)), scheduler_process()]
        self.children = [Child(process) for process in processes]
        self._keep_all()

    def _keep_all(self) -> None:
        now = time.monotonic()
        for child in [*([self.broker] if self.broker else []), *self.children]:
            child.keep(now)

    def _wait_until_healthy(self) -> bool:
        """Wait (60 s at most) for /healthz to answer 200; False where it does not or we are told to stop."""
        deadline = time.monotonic() + 60
        while not self.stopping and time.monotonic() < deadline:
            self._keep_all()
            try:
                if httpx.get(f"{self._address()}/healthz", timeout=2, trust_env=False).status_code == 200:
                    return True
            except httpx.HTTPError:
                pass
            time.sleep(0.1)
        if not self.stopping:
            say(f"Not everything is up after 60 s; {self._address()}/healthz says what is missing.")
        return False

    def _address(self) -> str:
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "::") else self.settings.host  # noqa: S104
        return f"http://{host}:{self.settings.port}"

    def _announce(self, first_password: str | None) -> None:
        say("")
        say(f"  Carillon is up:  {self._address()}/")
        if first_password:
            say("  Sign in as:      admin")
            say(f"  First password:  {first_password}   (shown once; you choose your own at the first sign-in)")
        say("  Stop with Ctrl-C. A second start goes on where this one stops.")
        say("")

    def _fill_in_demonstration(self) -> None:
        """In a process of its own, after everything is up, so that the first page shows work as it happens."""
        if self.settings.demo:
            self.demonstration = Child(Process("demonstration", (*flask_command(), "carillon", "demo")))
            self.demonstration.start()

    def _stop_all(self) -> None:
        """Web first (no new work), then workers and scheduler (they finish their window), the broker last."""
        if self.children:
            say("Stopping: windows under way are finished first.")
        if self.demonstration is not None:
            self.demonstration.signal(signal.SIGTERM)
            self.demonstration.wait(time.monotonic() + 5)
        for order in sorted({child.process.stop_order for child in self.children}):
            group = [child for child in self.children if child.process.stop_order == order]
            for child in group:
                child.signal(signal.SIGTERM)
            for child in group:
                child.wait(time.monotonic() + child.process.stop_seconds)
        if self.broker is not None:
            self.broker.signal(signal.SIGTERM)
            self.broker.wait(time.monotonic() + 10)


def flask_command() -> tuple[str, ...]:
    return (sys.executable, "-m", "flask", "--app", "wsgi")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(_arguments: Sequence[str] = ()) -> int:
    os.chdir(Path(__file__).parent.parent)
    try:
        Supervisor(Settings()).run()
    except StartFailed as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
