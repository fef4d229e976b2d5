"""Rendering of unsaved or unpublished templates, kept away from the process that asks for it.

A template that is being typed may loop for ever or fill the memory. `render_preview` hands it to a process of its own
(preview_process.py), which is started once (0.3 s) and then answers in a few milliseconds; up to four of them work at
the same time, the next caller waits for one. They end with the process that started them.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from worker.rendering.channels import rendered_from
from worker.rendering.content import Content
from worker.rendering.diagnostics import Diagnostic
from worker.rendering.lenient import PreviewResult
from worker.rendering.preview_process import WALL_SECONDS, read_frame, write_frame

__all__ = ["PreviewResult", "render_preview"]

_PROCESSES: Final = 4
_ROOT: Final = Path(__file__).resolve().parents[2]
_PASSED_ON: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
_BROKEN = (OSError, ValueError, EOFError)


def render_preview(content: Content, values: Mapping[str, Any], *, lenient: bool) -> PreviewResult:
    """Renders a template that nobody has checked. Never raises for what is in the template or the values.

    Lenient: a missing value is shown (HTML: a hatched <mark data-undefined>, elsewhere «name»), a loop over one runs
    once, and a header that fails is left out, so that the body can be seen. Otherwise as a recipient would get it, or
    `rendered` is None. Attachments are left out: they look the same in every message. Values are JSON.
    """
    request = json.dumps(
        {"channel": content.channel, "content": content.to_dict(), "values": dict(values), "lenient": lenient},
        default=str,
    ).encode()
    for fresh in (False, True):  # one that has been idle may have been killed
        with _pool.process(fresh=fresh) as process:
            answer = process.ask(request)
        if answer is not None:
            return _result(content.channel, json.loads(answer))
    return _unavailable()


class _Process:
    """One preview process and the pipes to it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "worker.rendering.preview_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=_ROOT,
            env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def ask(self, request: bytes) -> bytes | None:
        """The answer to a request; None, and the process is ended, when there is none in time."""
        deadline = time.monotonic() + WALL_SECONDS + 5  # it watches its own time; more means that it hangs itself
        try:
            if self._process.stdin is None or self._process.stdout is None:
                return None
            write_frame(self._process.stdin, request)  # type: ignore[arg-type]
            if select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                answer = read_frame(self._process.stdout)  # type: ignore[arg-type]
                if answer is not None:
                    return answer
        except _BROKEN:
            pass
        self.end()
        return None

    def end(self) -> None:
        """Kills the process and closes the pipes."""
        self._process.kill()
        self._process.wait()
        self.forget()

    def forget(self) -> None:
        """Closes this side's pipes without touching the process, which may belong to the parent of a fork."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # an unsent request in the buffer of a dead pipe
                    continue


class _Pool:
    """Idle processes, the last used first, and room for a limited number of busy ones."""

    def __init__(self) -> None:
        self._room = threading.BoundedSemaphore(_PROCESSES)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []

    @contextmanager
    def process(self, *, fresh: bool) -> Iterator[_Process]:
        """A process for one request: an idle one that lives, or a new one."""
        with self._room:
            process = _Process() if fresh else self._take()
            try:
                yield process
            finally:
                if process.alive:
                    with self._lock:
                        self._idle.append(process)

    def _take(self) -> _Process:
        while True:
            with self._lock:
                process = self._idle.pop() if self._idle else None
            if process is None:
                return _Process()
            if process.alive:
                return process
            process.forget()

    def end(self) -> None:
        """Ends the idle processes."""
        with self._lock:
            idle, self._idle = self._idle, []
        for process in idle:
            process.end()

    def forget(self) -> None:
        """In a forked child: the processes belong to the parent."""
        for process in self._idle:
            process.forget()


_pool = _Pool()


def _start_afresh() -> None:
    global _pool
    _pool.forget()
    _pool = _Pool()


os.register_at_fork(after_in_child=_start_afresh)
atexit.register(lambda: _pool.end())


def _result(channel: str, answer: Mapping[str, Any]) -> PreviewResult:
    rendered = answer["rendered"]
    return PreviewResult(
        rendered=None if rendered is None else rendered_from(channel, rendered),
        diagnostics=[Diagnostic(**remark) for remark in answer["diagnostics"]],
        undefined=tuple(answer["undefined"]),
    )


def _unavailable() -> PreviewResult:
    message = "The preview process cannot be started: try again, and look into the log of the web process"
    return PreviewResult(None, [Diagnostic("error", "preview_unavailable", "html", 1, 1, None, message)], ())
