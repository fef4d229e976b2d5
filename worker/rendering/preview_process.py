"""The process that renders previews: templates nobody has checked yet, in a child that may be killed.

It reads requests from standard input and answers on standard output, each a length (4 bytes) and JSON. For every
request it forks (about 2 ms, everything is imported already); the child has limits of the operating system on its time
and memory, and no environment, no database and no socket to steal. The forking process itself renders nothing and has
one thread, which is what makes forking safe.
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import struct
import sys
import time
from dataclasses import asdict
from typing import Any, BinaryIO, Final

from worker.rendering.channels import content_from
from worker.rendering.lenient import preview_now

__all__ = ["WALL_SECONDS", "main", "read_frame", "write_frame"]

WALL_SECONDS: Final = 8.0
_CPU_SECONDS: Final = 4
_MEMORY_BYTES: Final = 768 * 1024 * 1024
_LENGTH = struct.Struct(">I")


def read_frame(stream: BinaryIO) -> bytes | None:
    """The next message of the stream, None at its end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    size = _LENGTH.unpack(head)[0]
    body = stream.read(size)
    return body if len(body) == size else None


def write_frame(stream: BinaryIO, body: bytes) -> None:
    """One message onto the stream."""
    stream.write(_LENGTH.pack(len(body)) + body)
    stream.flush()


def main() -> None:
    """Serves until standard input ends, which happens when the process that started this one is gone."""
    try:
        while (request := read_frame(sys.stdin.buffer)) is not None:
            write_frame(sys.stdout.buffer, _answer(request))
    except BrokenPipeError:  # the caller went away while its template was rendered
        os._exit(0)  # without flushing into the broken pipe


def _answer(request: bytes) -> bytes:
    """Renders in a child; an answer of its own when the child dies or takes too long."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _render_and_exit(request, writing)
    os.close(writing)
    body = _read_until(reading, time.monotonic() + WALL_SECONDS)
    os.close(reading)
    if body is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if body is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL)):
        return _failure("too_slow", "rendering takes too long and was stopped: is there a loop inside a loop?")
    if os.waitstatus_to_exitcode(status) != 0 or not body:
        return _failure("output_too_large", "rendering needs too much memory and was stopped")
    return body


def _read_until(descriptor: int, deadline: float) -> bytes | None:
    """Everything up to the end of the pipe; None when that takes too long."""
    pieces: list[bytes] = []
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            break
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
    return None


def _render_and_exit(request: bytes, writing: int) -> None:
    """The child's whole life."""
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        body = _rendered(json.loads(request))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(body)
        status = 0
    finally:
        os._exit(status)  # no clean-up of what belongs to the parent


def _rendered(request: dict[str, Any]) -> bytes:
    content = content_from(request["channel"], request["content"])
    result = preview_now(content, request["values"], lenient=request["lenient"])
    return json.dumps(asdict(result)).encode()


def _failure(code: str, message: str) -> bytes:
    remark = {
        "severity": "error",
        "code": code,
        "part": "html",
        "line": 1,
        "column": 1,
        "end_column": None,
        "message": message,
        "variable": None,
        "suggestion": None,
    }
    return json.dumps({"rendered": None, "diagnostics": [remark], "undefined": []}).encode()


if __name__ == "__main__":
    main()
