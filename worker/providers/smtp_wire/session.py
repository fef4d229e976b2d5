"""Sends a stream of messages over a pool of connections, in the calling thread."""

import time
from collections import deque
from collections.abc import Callable, Iterable

from worker.providers.base import ConfigurationProblem, Outcome, OutgoingEmail, Result, Wait
from worker.providers.smtp_wire.connection import Connection
from worker.providers.smtp_wire.pool import Pool
from worker.providers.smtp_wire.problems import OpenFailed
from worker.providers.smtp_wire.replies import one_line
from worker.providers.smtp_wire.settings import WireSettings
from worker.providers.smtp_wire.transaction import Transaction
from worker.providers.smtp_wire.verdicts import Verdict
from worker.providers.source import Source

_LONGEST_PATIENCE = 60.0  # seconds
_NOTHING: tuple[OutgoingEmail, ...] = ()


class SmtpSession:
    """A `Session` over SMTP. Connections are opened when messages need them and stay warm between sends.

    At most two messages are under way on a connection: one whose final reply is awaited and, where the server
    pipelines, the envelope of the next. While the server cannot be reached (three attempts with growing pauses),
    messages end as RETRY "connect_failed" at once, with `retry_after` set to the rest of the pause.
    """

    def __init__(self, settings: WireSettings) -> None:
        self._pool = Pool(settings, self, on_fault=self._misconfigured)
        self._pending: deque[Transaction] = deque()
        self._source = Source(_NOTHING)
        self._on_outcome: Callable[[Outcome], None] = _ignore

    def send(self, outgoing: Iterable[OutgoingEmail | Wait], on_outcome: Callable[[Outcome], None]) -> None:
        """See `Session.send`."""
        self._source = source = Source(outgoing)
        self._on_outcome = on_outcome
        try:
            self._pool.wake()
            self._assign()
            while not source.exhausted or self._pending or self._pool.carrying:
                self._pool.poll(self._patience() if source.paused_until or self._pending else _LONGEST_PATIENCE)
                if source.exhausted or self._pending or self._pool.has_room:
                    self._assign()
        except BaseException:
            # Raised in mid-dialogue (a time limit, a failing callback): what is on the wire cannot be settled any
            # more, and a connection in an unknown state must not carry another message.
            self._pending.clear()
            self._pool.close(politely=False)
            raise
        finally:
            self._on_outcome = _ignore
            self._source = Source(_NOTHING)
        if source.error is not None:
            raise source.error

    def close(self) -> None:
        """See `Session.close`."""
        self._pool.close(politely=True)

    # What connections call.

    def take(self) -> Transaction | None:
        """The next message for a connection that can carry one."""
        return self._pending.popleft() if self._pending else self._next()

    def _next(self) -> Transaction | None:
        message = self._source.take()
        return None if message is None else Transaction(message)

    def finish(self, transaction: Transaction, verdict: Verdict) -> None:
        """Report what became of a message."""
        if verdict.result is Result.SENT:
            self._pool.proven()
        self._report(transaction, verdict)
        if verdict.at_fault:
            self._stop(ConfigurationProblem("server_refuses_us", verdict.detail))

    def put_back(self, transaction: Transaction) -> None:
        """Give the message another connection, before those that were taken later."""
        self._pending.appendleft(transaction)

    def at_rest(self, connection: Connection) -> None:
        """Note a free connection."""
        self._pool.rest(connection)

    def gone(self, connection: Connection, words: str) -> None:
        """Note a closed connection."""
        self._pool.gone(connection, words)

    # What moves a send on.

    def _assign(self) -> None:
        """Give messages to connections at rest, and open connections for more, until one of both runs out."""
        if self._source.error is None:
            self._match()
        if self._source.error is not None:
            # The source failed or was told to stop: what is on the wire is settled, what is not goes back.
            self._return_pending(str(self._source.error) or type(self._source.error).__name__)

    def _match(self) -> None:
        pool = self._pool
        while True:
            connection = pool.take_resting()
            if connection is not None:
                transaction = self.take()
                if transaction is None:
                    pool.rest(connection)
                    return
                if not connection.start(transaction):
                    pool.rest(connection)
            elif not self._prepare_for_more():
                return

    def _prepare_for_more(self) -> bool:
        """No connection is free: take a message only where one is coming or may be opened. False: nothing to do."""
        pool = self._pool
        now = time.monotonic()
        if pool.in_outage(now):
            return self._turn_away(pool.outage_until - now)
        surplus = len(self._pending) - pool.on_the_way
        if surplus > 0:
            if not pool.may_open(now):
                return False
            pool.open()
            return True
        if surplus == 0 and not pool.may_open(now):
            return False
        transaction = self._next()
        if transaction is None:
            return False
        self._pending.append(transaction)
        return True

    def _turn_away(self, retry_after: float) -> bool:
        transaction = self.take()
        if transaction is None:
            return False
        verdict = Verdict(Result.RETRY, "connect_failed", self._pool.last_problem)
        self._report(transaction, verdict, retry_after=round(retry_after, 1))
        return True

    def _patience(self) -> float:
        """Seconds to wait for the sockets before the source, or a new connection, is due."""
        now = time.monotonic()
        due = [self._source.paused_until] if self._source.paused_until and not self._source.exhausted else []
        if self._pending and self._pool.open_not_before > now:
            due.append(self._pool.open_not_before)
        return min(due) - now if due else _LONGEST_PATIENCE

    def _report(self, transaction: Transaction, verdict: Verdict, retry_after: float | None = None) -> None:
        self._on_outcome(
            Outcome(
                transaction.message.reference,
                verdict.result,
                verdict.queue_id,
                verdict.code,
                verdict.detail,
                retry_after,
            )
        )
        self._source.resume()

    def _misconfigured(self, failure: OpenFailed) -> None:
        self._stop(ConfigurationProblem(failure.code, failure.detail))

    def _stop(self, problem: ConfigurationProblem) -> None:
        """Take nothing more; what has no connection yet goes back, what is on the wire is settled first."""
        self._source.stop(problem)
        self._return_pending(problem.detail)

    def _return_pending(self, words: str) -> None:
        while self._pending:
            self._report(self._pending.popleft(), Verdict(Result.RETRY, "not_attempted", one_line(words)))


def _ignore(outcome: Outcome) -> None:
    """Stands in between sends, when no message is under way."""
