"""Sends a stream of messages by calls that run side by side in threads, reporting in the calling thread."""

import queue
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Protocol

import httpx

from worker.providers.base import ConfigurationProblem, Outcome, Result
from worker.providers.http_wire.calls import Call, Reply
from worker.providers.http_wire.exchange import AnswerLost, NotHandedOver, exchange
from worker.providers.http_wire.redaction import Redactor
from worker.providers.http_wire.verdicts import Verdict, everyone, failed, misconfigured, retry, unknown
from worker.providers.source import Source
from worker.rendering.errors import RenderError

_LONGEST_REST = 5.0
_PATIENCE = 0.5  # seconds; a thread that waits longer in one piece does not hear that it is told to stop


class Unsendable(Exception):
    """This message does not fit this vendor: final, and nothing was sent."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class TakeApart(Exception):
    """The vendor refused a batch as a whole and took none of it, perhaps for one message's sake.

    Raised by `parse`; the batch is then sent in halves until the ones at fault stand alone. `verdict` is what holds
    for a message that was refused alone.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


class OnceMore(Exception):
    """The vendor took nothing because what signed the call had grown old: build it anew and call once more.

    Raised by `parse`; `verdict` is what holds where the second call ends like this too.
    """

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


class Vendor(Protocol):
    """What a session needs of its provider."""

    connections: int
    reply_seconds: float
    redact: Redactor
    address_of_message: ClassVar[bool]

    @property
    def batch_size(self) -> int: ...

    @property
    def batch_bytes(self) -> int: ...

    def weight(self, message: Any) -> int:
        """What a message adds to the size of its call, in bytes."""

    def client(self) -> httpx.Client: ...

    def batch_key(self, message: Any) -> object:
        """Messages with the same key may share a call."""

    def build(self, messages: Sequence[Any]) -> Call: ...

    def parse(self, reply: Reply, messages: Sequence[Any]) -> Sequence[Verdict]: ...


class HttpSession:
    """A `Session` over HTTP. Connections are opened when messages need them and stay warm between sends.

    Each connection carries one call, a call at most `batch_size` messages and, where these are several, `batch_bytes`.
    While connections are free a call goes with what there is; while all are busy messages gather, so batches grow
    with the load. A vendor that asks for a pause gets it, a few seconds in one piece: then the next call asks again.
    """

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._client: httpx.Client | None = None
        self._threads: ThreadPoolExecutor | None = None

    def send(self, outgoing: Iterable[Any], on_outcome: Callable[[Outcome], None]) -> None:
        """See `Session.send`."""
        if self._client is None or self._threads is None:
            self._client = self._vendor.client()
            self._threads = ThreadPoolExecutor(self._vendor.connections, "http-vendor")
        _Run(self._vendor, self._client, self._threads, outgoing, on_outcome).run()

    def close(self) -> None:
        """See `Session.close`."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()
        self._client = self._threads = None


Answer = tuple[Sequence[Any], Sequence[Verdict]]


class _Run:
    """One `send`. What its calls answer goes into its own queue, so a run that broke off leaves nothing behind."""

    def __init__(
        self,
        vendor: Vendor,
        client: httpx.Client,
        threads: ThreadPoolExecutor,
        outgoing: Iterable[Any],
        on_outcome: Callable[[Outcome], None],
    ) -> None:
        self._vendor = vendor
        self._client = client
        self._threads = threads
        self._source: Source[Any] = Source(outgoing)
        self._on_outcome = on_outcome
        self._answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._calls = 0  # under way
        self._batch: list[Any] = []
        self._key: object = None
        self._weight = 0
        self._rests_until = 0.0

    def run(self) -> None:
        while True:
            self._take()
            if self._source.exhausted and not self._calls and not self._batch:
                break
            self._hear()
        if self._source.error is not None:
            raise self._source.error

    def _take(self) -> None:
        """Messages for each free connection; a call that is not full goes when there is nothing more to add."""
        while self._calls < self._vendor.connections and time.monotonic() >= self._rests_until:
            message = self._source.take()
            if message is None:
                if self._batch:
                    self._start()
                return
            if self._vendor.batch_size > 1:
                self._make_room(message)
            self._batch.append(message)
            if len(self._batch) >= self._vendor.batch_size:
                self._start()

    def _make_room(self, message: Any) -> None:
        """Send the batch off where the message does not fit into it."""
        key, weight = self._vendor.batch_key(message), self._vendor.weight(message)
        if self._batch and (key != self._key or self._weight + weight > self._vendor.batch_bytes):
            self._start()
        self._key, self._weight = key, self._weight + weight

    def _start(self) -> None:
        messages, self._batch, self._weight = self._batch, [], 0
        if isinstance(self._source.error, ConfigurationProblem):
            self._report(messages, everyone(retry("not_attempted", self._source.error.detail), messages))
            return
        self._calls += 1
        self._threads.submit(self._call, messages)

    def _hear(self) -> None:
        """Wait for an answer, or until the source may have something again."""
        patience = _PATIENCE
        if self._source.paused_until and not self._source.exhausted:
            patience = min(patience, max(0.0, self._source.paused_until - time.monotonic()))
        try:
            messages, verdicts = self._answers.get(timeout=patience)
        except queue.Empty:
            return
        self._calls -= 1
        self._report(messages, verdicts)

    def _report(self, messages: Sequence[Any], verdicts: Sequence[Verdict]) -> None:
        redact = self._vendor.redact
        for message, verdict in zip(messages, verdicts, strict=True):
            code, detail = redact(verdict.code), redact(verdict.detail)
            if verdict.at_fault:
                self._source.stop(ConfigurationProblem(code, detail))
                code = "not_attempted"
            self._on_outcome(
                Outcome(
                    message.reference, verdict.result, verdict.provider_message_id, code, detail, verdict.retry_after
                )
            )
            if verdict.result is Result.RETRY and verdict.retry_after:
                self._rests_until = time.monotonic() + min(verdict.retry_after, _LONGEST_REST)
        self._source.resume()

    # In a thread of the pool.

    def _call(self, messages: Sequence[Any]) -> None:
        try:
            verdicts = self._verdicts(messages)
        except BaseException as error:  # whatever it is, these messages are owed an outcome
            verdicts = everyone(unknown("adapter_failed", f"{type(error).__name__}: {error}"), messages)
        self._answers.put((messages, verdicts))

    def _verdicts(self, messages: Sequence[Any], *, again: bool = True) -> Sequence[Verdict]:
        try:
            call = self._vendor.build(messages)
        except NotHandedOver as error:
            return everyone(retry(error.code, error.detail), messages)
        except ConfigurationProblem as problem:
            return everyone(misconfigured(problem.code, problem.detail), messages)
        except Exception as error:
            if len(messages) == 1:
                return [_unbuilt(error)]
            # One of them cannot be written down: alone, each of the others can.
            return [verdict for message in messages for verdict in self._verdicts([message])]
        try:
            reply = exchange(self._client, call, seconds=self._vendor.reply_seconds)
        except NotHandedOver as error:
            return everyone(retry(error.code, error.detail), messages)
        except AnswerLost as error:
            return everyone(unknown(f"{error.code}_after_request", error.detail), messages)
        except ConfigurationProblem as problem:
            verdict = failed if self._vendor.address_of_message else misconfigured
            return everyone(verdict(problem.code, problem.detail), messages)
        try:
            return self._read(reply, messages)
        except OnceMore as refusal:
            return self._verdicts(messages, again=False) if again else everyone(refusal.verdict, messages)
        except TakeApart as refusal:
            middle = len(messages) // 2
            if not middle:
                return [refusal.verdict]
            return [*self._verdicts(messages[:middle]), *self._verdicts(messages[middle:])]

    def _read(self, reply: Reply, messages: Sequence[Any]) -> Sequence[Verdict]:
        try:
            verdicts = self._vendor.parse(reply, messages)
            if len(verdicts) != len(messages):
                raise ValueError(f"{len(verdicts)} answers to {len(messages)} messages")  # noqa: TRY301
        except ConfigurationProblem as problem:
            return everyone(misconfigured(problem.code, problem.detail), messages)
        except (TakeApart, OnceMore):
            raise
        except Exception as error:
            # It came in a shape nobody foresaw. The vendor may well have taken the messages.
            words = f"{type(error).__name__}: {error}. Status {reply.status}: {reply.text[:200]}"
            return everyone(unknown("malformed_reply", words), messages)
        return verdicts


def _unbuilt(error: Exception) -> Verdict:
    if isinstance(error, RenderError):
        return failed(error.code, error.message)
    if isinstance(error, Unsendable):
        return failed(error.code, error.detail)
    return Verdict(Result.FAILED, "compose_failed", f"{type(error).__name__}: {error}")
