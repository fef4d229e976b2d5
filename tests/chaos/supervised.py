"""The real supervisor on a crew's installation: `worker.supervisor`, with all that it starts, its broker too."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys

import psutil

from tests.bench.installation import ROOT, Installation
from tests.bench.smtp_tools import free_port


class Supervised:
    """One supervisor at a time, in a session of its own as at a terminal."""

    def __init__(self, running: Installation) -> None:
        self._environment = {**running.environment, "PORT": str(free_port()), "DEMO": "0", "BULK_PROCESSES": "2"}
        self._process = self._start()
        self._orphans: list[psutil.Process] = []

    def kill_and_start_again(self) -> None:
        """kill -9 of the supervisor alone; its children are left to end by themselves, as after any such death."""
        self._orphans = psutil.Process(self._process.pid).children(recursive=True)
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(150)
        self._process = self._start()

    def orphans(self) -> list[str]:
        """What the first supervisor has left and still runs."""
        left = []
        for process in self._orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    left.append(" ".join(process.cmdline()))
        return left

    def stop(self) -> None:
        """In order: everything under way is finished."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(150)
        finally:
            self._end_all()

    def _end_all(self) -> None:
        """A supervisor that does not end must not outlive the test."""
        with contextlib.suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self._process.pid).children(recursive=True):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            (sys.executable, "-m", "worker.supervisor"),
            env=self._environment,
            cwd=ROOT,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # workers whose broker dies before them say so at length
        )
