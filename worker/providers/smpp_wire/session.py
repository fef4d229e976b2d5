"""Hands messages to a hub, here or in the connector process, and reports what it hears."""

import json
import select
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from worker.providers.base import ConfigurationProblem, Outcome, OutgoingSms, Result, Wait
from worker.providers.source import Source

_PATIENCE = 0.5  # seconds; a thread that waits longer in one piece does not hear that it is told to stop
_GREETING_SECONDS = 15.0
_CONNECT_AGAIN = 2.0


class HubSession:
    """A `Session` on a stream to a hub, opened with the first message and kept between sends."""

    def __init__(self, connect: Callable[[], socket.socket], key: str) -> None:
        self._connect = connect
        self._key = key
        self._stream: socket.socket | None = None
        self._unread = b""
        self._room = 1
        self._under_way: set[int] = set()
        self._source: Source[OutgoingSms] = Source(())
        self._on_outcome: Callable[[Outcome], None] = _ignore
        self._connect_not_before = 0.0
        self._trouble = ""

    def send(self, outgoing: Iterable[OutgoingSms | Wait], on_outcome: Callable[[Outcome], None]) -> None:
        """See `Session.send`."""
        self._source, self._on_outcome = Source(outgoing), on_outcome
        try:
            while True:
                self._take()
                if self._source.exhausted and not self._under_way:
                    break
                self._hear()
        except BaseException:
            self.close()  # outcomes of this run must not be told to the next
            raise
        finally:
            self._on_outcome = _ignore
        if self._source.error is not None:
            raise self._source.error

    def close(self) -> None:
        """See `Session.close`."""
        if self._stream is not None:
            self._stream.close()
        self._stream, self._unread, self._under_way = None, b"", set()

    def _take(self) -> None:
        lines = []
        while len(self._under_way) < self._room:
            message = self._source.take()
            if message is None:
                break
            if self._ready(message.reference):
                self._under_way.add(message.reference)
                lines.append(_line(message))
        if lines and self._stream is not None:
            try:
                self._stream.sendall(b"".join(lines))
            except OSError as error:
                self._lost(str(error))

    def _ready(self, reference: int) -> bool:
        """Is there a stream? Where there is none and none can be had the message is reported as not sent."""
        if self._stream is not None and not self._under_way and select.select([self._stream], [], [], 0)[0]:
            self.close()  # it ended while nothing was under way
        if self._stream is None and time.monotonic() >= self._connect_not_before:
            try:
                self._greet()
            except ConfigurationProblem as problem:
                self.close()
                self._source.stop(problem)
                self._report(reference, Result.RETRY, "", "not_attempted", problem.detail, None)
                return False
            except (OSError, ValueError, KeyError) as error:
                self.close()
                self._trouble = f"The connector process does not answer: {error}"
                self._connect_not_before = time.monotonic() + _CONNECT_AGAIN
        if self._stream is None:
            self._report(reference, Result.RETRY, "", "connect_failed", self._trouble, _CONNECT_AGAIN)
            return False
        return True

    def _greet(self) -> None:
        self._stream = stream = self._connect()
        stream.settimeout(_GREETING_SECONDS)
        stream.sendall(json.dumps({"line": self._key}).encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            piece = stream.recv(4096)
            if not piece:
                raise OSError("it closed the connection")
            answer += piece
        greeting = json.loads(answer)
        if "problem" in greeting:
            raise ConfigurationProblem(*greeting["problem"])
        self._room = int(greeting["room"])

    def _hear(self) -> None:
        """Wait for outcomes, or until the source may have something again."""
        patience = _PATIENCE
        if self._source.paused_until and not self._source.exhausted:
            patience = min(patience, max(0.0, self._source.paused_until - time.monotonic()))
        if self._stream is None:
            time.sleep(patience)
            return
        if not select.select([self._stream], [], [], patience)[0]:
            return
        try:
            piece = self._stream.recv(65536)
        except OSError:
            piece = b""
        if not piece:
            self._lost("it ended")
            return
        *lines, self._unread = (self._unread + piece).split(b"\n")
        for line in lines:
            self._heard(*json.loads(line))

    def _heard(
        self, reference: int, result: str, ids: str, code: str, detail: str, pause: float | None, at_fault: bool
    ) -> None:
        if reference not in self._under_way:
            return
        self._under_way.discard(reference)
        if at_fault:
            self._source.stop(ConfigurationProblem(code, detail))
            code = "not_attempted"
        self._report(reference, Result(result), ids, code, detail, pause)

    def _lost(self, words: str) -> None:
        """What was handed over may be on its way: nobody can say."""
        lost = sorted(self._under_way)
        with suppress(OSError):
            self.close()
        for reference in lost:
            self._report(
                reference, Result.UNKNOWN, "", "connector_lost", f"The connector process is gone: {words}.", None
            )

    def _report(self, reference: int, result: Result, ids: str, code: str, detail: str, pause: float | None) -> None:
        self._on_outcome(Outcome(reference, result, ids, code, detail[:500], pause))
        self._source.resume()


def _line(message: OutgoingSms) -> bytes:
    lifetime = None
    if message.expires_at is not None:
        lifetime = (message.expires_at - datetime.now(UTC)).total_seconds()
    values: list[Any] = [
        message.reference, message.to, message.sender, message.text, message.encoding, message.category,
        message.registered_template, lifetime,
    ]  # fmt: skip
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"


def _ignore(outcome: Outcome) -> None:
    """Stands in between sends, when no message is under way."""
