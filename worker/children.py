"""Child processes of the supervisor, kept running until they are told to stop.

Python programs are forked from the supervisor, which has imported everything by then, instead of being started anew:
eight processes that each import for two seconds would take ten on two cores before the first page, and their code
would lie in memory eight times. The supervisor has one thread, which is what makes forking safe.
"""

from __future__ import annotations

import contextlib
import logging
import os
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Callable

from worker.processes import Process, call_process, die_with_parent, give_way

_PAUSES = (0.2, 1.0, 3.0, 10.0)  # seconds before a dead child is started again, by its deaths in a row
_STEADY_SECONDS = 30.0  # alive this long, a child's deaths are forgotten


class Child:
    """One process and what is known of its deaths; `say` tells the person at the terminal."""

    def __init__(self, process: Process, say: Callable[[str], None]) -> None:
        self.process = process
        self._say = say
        self._pid: int | None = None
        self._returncode: int | None = None
        self._deaths = 0
        self._start_at = 0.0
        self._started = 0.0

    def start(self) -> None:
        """Fork, and become the program in the child."""
        sys.stdout.flush()
        sys.stderr.flush()
        self._started, self._returncode = time.monotonic(), None
        supervisor, pid = os.getpid(), os.fork()
        if pid == 0:
            _become(self.process, supervisor)
        self._pid = pid

    def running(self) -> bool:
        """Whether it runs; reaps it where it does not."""
        if self._pid is None or self._returncode is not None:
            return False
        with contextlib.suppress(ChildProcessError):
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            if pid == 0:
                return True
            self._returncode = os.waitstatus_to_exitcode(status)
            return False
        self._returncode = 0
        return False

    def keep(self, now: float) -> None:
        """Start it, or start it again after its pause."""
        if self.running():
            if self._deaths and now - self._started > _STEADY_SECONDS:
                self._deaths = 0
            return
        if self._pid is not None:
            pause = _PAUSES[min(self._deaths, len(_PAUSES) - 1)]
            self._say(f"{self.process.name} ended with {self._returncode}, starting it again in {pause:g} s")
            self._deaths += 1
            self._start_at, self._pid = now + pause, None
        if now >= self._start_at:
            self.start()

    def signal(self, number: int) -> None:
        if self._pid is not None and self.running():
            os.kill(self._pid, number)

    def wait(self, seconds: float) -> int | None:
        """Wait until it is gone and give its exit code; kill it (and its own children) when the time is over."""
        deadline = time.monotonic() + seconds
        while self.running():
            if time.monotonic() > deadline and self._pid is not None:
                self._say(f"{self.process.name} did not stop in time")
                os.killpg(self._pid, signal.SIGKILL)
                deadline += 5
            time.sleep(0.02)
        return self._returncode


def _become(process: Process, supervisor: int) -> None:
    """Turn the forked child into the program; never returns."""
    code = 1
    try:
        os.setsid()  # Ctrl-C reaches the supervisor alone; it stops the others in order
        die_with_parent()
        if os.getppid() != supervisor:
            return  # it was killed a moment ago; `finally` ends us
        call_process(process.name)
        give_way(process.niceness)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.environ.update(process.environment)
        if not process.module:
            os.execv(process.arguments[0], process.arguments)  # noqa: S606 - our own arguments
        sys.argv = [process.module, *process.arguments]
        runpy.run_module(process.module, run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:  # whatever it is, it must not climb into the supervisor's own stack
        traceback.print_exc()
    finally:
        logging.shutdown()
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
