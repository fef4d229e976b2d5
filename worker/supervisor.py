"""One command starts everything: broker, migrations, workers, scheduler, web; Ctrl-C stops it in order.

`python -m worker.supervisor`, which `make run` calls. A child that dies is started again with a growing pause. The
broker stops last, so that workers can hand back what they hold.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType
from typing import IO

import httpx

from dashboard.settings import Settings
from worker.broker_server import LOG_NAME, MISSING, answers, command, find_binary
from worker.children import Child
from worker.preload import preload
from worker.processes import (
    Process,
    connector_process,
    desk_command,
    lanes,
    scheduler_process,
    web_process,
    worker_process,
)

#: What a supervisor that was killed left behind ends by itself, but not at once: windows are finished first.
_LEFT_OVER_SECONDS = 30.0


class StartFailed(Exception):
    """Something that has to be there is not; the message says what to do."""


class Supervisor:
    """The children of one installation on one machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stopping = False
        self.children: list[Child] = []
        self.broker: Child | None = None
        self.demonstration: Child | None = None
        self._lock: IO[str] | None = None
        self._broker_ends_until = 0.0  # where the last supervisor was killed: its broker is ending, too

    def run(self) -> None:
        """Start all, say where, keep all running until SIGINT or SIGTERM."""
        signal.signal(signal.SIGINT, self._stop)
        signal.signal(signal.SIGTERM, self._stop)
        self._take_lock()
        self._check_port()
        try:
            self._launch_broker()
            preload(postgres=self.settings.database.startswith("postgresql"))
            self._wait_for_broker()
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
        """Refuse a second supervisor on the same data folder. What one that was killed has left is waited for: its
        children, which hold the lock with it, end by themselves after the window under way."""
        self.settings.var_dir.mkdir(parents=True, exist_ok=True)
        self._lock = (self.settings.var_dir / "supervisor.lock").open("a+")
        os.set_inheritable(self._lock.fileno(), False)
        patient_until = time.monotonic() + _LEFT_OVER_SECONDS
        while not _lock(self._lock):
            if _runs(self._noted()) or time.monotonic() >= patient_until:
                raise StartFailed(
                    f"Another Carillon already runs on {self.settings.var_dir}. Stop it, or choose another VAR_DIR."
                )
            time.sleep(0.1)
        if self._noted():
            self._broker_ends_until = patient_until
        self._note(str(os.getpid()))

    def _noted(self) -> str:
        """The process that runs here, or was killed while it did; empty after an orderly end."""
        if self._lock is None:
            return ""
        self._lock.seek(0)
        return self._lock.read()

    def _note(self, text: str) -> None:
        if self._lock is not None:
            self._lock.truncate(0)
            self._lock.write(text)
            self._lock.flush()

    def _check_port(self) -> None:
        """Say at once that the address is taken, instead of a web server that dies again and again."""
        with socket.socket(socket.AF_INET6 if ":" in self.settings.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.settings.host, self.settings.port))
            except OSError as error:
                raise StartFailed(
                    f"{self.settings.host}:{self.settings.port} cannot be listened on ({error.strerror}). "
                    "Stop what runs there, or choose another HOST or PORT."
                ) from error

    def _launch_broker(self) -> None:
        """Start our own broker, unless REDIS_URL names one. That of a killed supervisor is about to end; where the
        kernel does not see to that it stays and is used."""
        if self.settings.redis_url:
            return
        while answers(self.settings.broker_url):
            if time.monotonic() >= self._broker_ends_until:
                return
            time.sleep(0.1)
        binary = find_binary()
        if binary is None:
            raise StartFailed(MISSING)
        data = self.settings.var_dir / "broker"
        data.mkdir(exist_ok=True)
        arguments = command(binary, self.settings.broker_socket, data.absolute())
        self.broker = Child(Process("broker", "", tuple(arguments)), say)
        self.broker.start()

    def _wait_for_broker(self) -> None:
        deadline = time.monotonic() + 20
        while not answers(self.settings.broker_url):
            if self.settings.redis_url:
                raise StartFailed(
                    "REDIS_URL is set, but no Redis or Valkey answers there. Start it, or unset REDIS_URL."
                )
            if time.monotonic() > deadline:
                raise StartFailed(
                    f"The broker does not answer. {self.settings.var_dir}/broker/{LOG_NAME} has its words."
                )
            time.sleep(0.05)

    def _prepare(self) -> str | None:
        """Migrate and make the first user, in a process of its own; the password, where one was made."""
        answer = self.settings.var_dir / f"prepared.{os.getpid()}"
        child = Child(desk_command("prepare", "--answer", str(answer.absolute())), say)
        child.start()
        if child.wait(600) != 0:
            raise StartFailed("The database could not be prepared. The lines above say why.")
        words: dict[str, str | None] = json.loads(answer.read_text())
        answer.unlink()
        return words["first_password"]

    def _start_children(self) -> None:
        processes = [web_process(self.settings), *map(worker_process, lanes(self.settings)), scheduler_process()]
        processes.append(connector_process())
        self.children = [Child(process, say) for process in processes]
        self._keep_all()

    def _keep_all(self) -> None:
        now = time.monotonic()
        for child in [*([self.broker] if self.broker else []), *self.children]:
            child.keep(now)
        if self.demonstration is not None:
            self.demonstration.running()  # reaps it

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
        return f"http://{f'[{host}]' if ':' in host else host}:{self.settings.port}"

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
            self.demonstration = Child(desk_command("demo"), say)
            self.demonstration.start()

    def _stop_all(self) -> None:
        """Web first (no new work), then workers and scheduler (they finish their window), the broker last."""
        if self.children:
            say("Stopping: windows under way are finished first.")
        everything = [*self.children, *([self.demonstration] if self.demonstration else [])]
        for order in sorted({child.process.stop_order for child in everything}):
            group = [child for child in everything if child.process.stop_order == order]
            for child in group:
                child.signal(signal.SIGTERM)
            for child in group:
                child.wait(child.process.stop_seconds)
        if self.broker is not None:
            self.broker.signal(signal.SIGTERM)
            self.broker.wait(10)
        self._note("")


def _lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _runs(process: str) -> bool:
    """Does the process with this number run? Also where nobody has written down a number yet."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    root = Path(__file__).parent.parent
    os.chdir(root)
    sys.path.insert(0, str(root))
    try:
        Supervisor(Settings()).run()
    except StartFailed as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
