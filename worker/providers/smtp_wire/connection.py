"""An established connection: messages in, verdicts out, in the fewest round trips the server allows.

With PIPELINING a message costs one write and one read: the write that ends one content carries the envelope of the
next, and the read brings the final reply of the one and the three replies of the other.
"""

import time
from collections import deque
from collections.abc import Callable
from typing import NoReturn, Protocol

from worker.providers.base import Result
from worker.providers.smtp_wire.dialogue import Capabilities
from worker.providers.smtp_wire.envelope import Unsendable
from worker.providers.smtp_wire.replies import ProtocolError, Reply, ReplyReader, one_line
from worker.providers.smtp_wire.settings import WireSettings
from worker.providers.smtp_wire.stream import Stream, StreamClosed
from worker.providers.smtp_wire.transaction import DATA, Transaction
from worker.providers.smtp_wire.verdicts import (
    Verdict,
    broken_connection,
    judge,
    with_refused_copies,
)
from worker.rendering.errors import RenderError

RESET = b"RSET\r\n"
_WORTH_JOINING = 65536  # bytes; above, the copy costs more than the second write
_QUIT_TIMEOUT = 2.0
_NOOP_TIMEOUT = 5.0
_NEVER = float("inf")


ReplyHandler = Callable[[Reply], None]


class Owner(Protocol):
    """The session a connection works for."""

    def take(self) -> Transaction | None:
        """The next message, if one is due."""

    def finish(self, transaction: Transaction, verdict: Verdict) -> None:
        """A message has met its fate."""

    def put_back(self, transaction: Transaction) -> None:
        """A message that certainly was not taken wants another connection."""

    def at_rest(self, connection: "Connection") -> None:
        """The connection is free for a message."""

    def gone(self, connection: "Connection", words: str) -> None:
        """The connection is closed."""


class Connection:
    """Takes over the stream of a successful opening. `deadline` is infinite while nothing is expected."""

    def __init__(
        self, settings: WireSettings, owner: Owner, stream: Stream, reader: ReplyReader, capabilities: Capabilities
    ) -> None:
        self._settings = settings
        self._reply_timeout = settings.reply_timeout
        self._final_timeout = settings.final_timeout
        self._owner = owner
        self._stream = stream
        self._reader = reader
        self.capabilities = capabilities
        self._pipelining = capabilities.pipelining
        # Who reads the replies that are still to come, oldest first.
        self._expected: deque[ReplyHandler] = deque()
        # Messages whose fate is open: at most one that waits for its final reply, and then one in its envelope.
        self._under_way: deque[Transaction] = deque()
        self._started = 0
        self._closed = False
        self.completed = 0  # messages whose final reply came
        self.leaving = False
        self.resting_since = time.monotonic()
        self.deadline = _NEVER
        stream.owner = self

    @property
    def carrying(self) -> bool:
        """Is a message on it whose fate is open?"""
        return bool(self._under_way)

    @property
    def spent(self) -> bool:
        """Has it carried as many messages as one connection may?"""
        limit = self._settings.messages_per_connection
        return bool(limit) and self._started >= limit

    def start(self, transaction: Transaction) -> bool:
        """Send the envelope on a connection at rest. False when the message turned out to be unsendable."""
        commands = self._prepare(transaction)
        if not commands:
            return False
        self._stream.write(commands)
        self._set_deadline()
        return True

    def check(self) -> None:
        """Ask a rested connection whether it is still there; it comes to rest again if it is."""
        self._expected.append(self._on_noop)
        self._stream.write(b"NOOP\r\n")
        self.deadline = time.monotonic() + min(_NOOP_TIMEOUT, self._reply_timeout)

    def leave(self) -> None:
        """Say goodbye; the connection closes when the server has answered, or soon without."""
        self.leaving = True
        self._expected.append(self._on_quit)
        self._stream.write(b"QUIT\r\n")
        self.deadline = time.monotonic() + min(_QUIT_TIMEOUT, self._reply_timeout)

    def service(self) -> None:
        """The selector says that the stream can move on."""
        stream = self._stream
        try:
            if not stream.flushed:
                self._flush()
            data = stream.read()
            if data:
                expected = self._expected
                for reply in self._reader.feed(data):
                    if reply.code == 421:
                        self._on_farewell(reply)
                    elif expected:
                        expected.popleft()(reply)
                    else:
                        _refuse_unasked(reply)
                    if self._closed:
                        return
                self._set_deadline()
        except StreamClosed as closed:
            self._lose("connection_lost", str(closed))
        except ProtocolError as error:
            self._lose("protocol_error", str(error))

    def expire(self) -> None:
        """The deadline has passed."""
        self._lose("timeout", "The server did not answer in time.")

    def close(self) -> None:
        """Drop the connection without a word about the messages on it."""
        self._closed = True
        self._expected.clear()
        self._under_way.clear()
        self.deadline = _NEVER
        self._stream.close()

    def _flush(self) -> None:
        """Write on. A large message on a slow line takes its time: each piece that goes through buys more of it."""
        before = self._stream.sent
        self._stream.flush()
        if self._stream.sent > before:
            self._set_deadline()

    def _set_deadline(self) -> None:
        if self.leaving:
            return
        if not self._expected:
            self.deadline = _NEVER
            return
        waits_for_final = self._awaits_final and self._stream.flushed
        self.deadline = time.monotonic() + (self._final_timeout if waits_for_final else self._reply_timeout)

    @property
    def _awaits_final(self) -> bool:
        return bool(self._under_way) and self._under_way[0].end_offset is not None

    # Sending: each method appends what it expects to hear before it writes.

    def _prepare(self, transaction: Transaction) -> bytes:
        """The first commands of a message, b"" when it cannot be sent (and its fate has been told)."""
        try:
            transaction.prepare(self.capabilities)
        except Unsendable as problem:
            self._owner.finish(transaction, Verdict(Result.FAILED, problem.code, problem.detail))
            return b""
        except RenderError as error:
            self._owner.finish(transaction, Verdict(Result.FAILED, error.code, one_line(str(error))))
            return b""
        self._started += 1
        envelope = transaction.envelope
        expected = self._expected
        expected.append(self._on_mail)
        self._under_way.append(transaction)
        if not self._pipelining:
            return envelope.mail
        if len(envelope.recipients) == 1:
            expected.append(self._on_recipient)
            expected.append(self._on_data)
            return b"".join((envelope.mail, envelope.recipients[0], DATA))
        # DATA waits until the To address was taken: once a server has said 354 with only copies on its list, the
        # one way not to send those alone is to cut the connection.
        expected.extend([self._on_recipient] * len(envelope.recipients))
        return b"".join((envelope.mail, *envelope.recipients))

    def _following(self) -> bytes:
        """The first commands of the next message, to travel in the same write; b"" when there is none."""
        while self._pipelining and not self.spent:
            transaction = self._owner.take()
            if transaction is None:
                break
            commands = self._prepare(transaction)
            if commands:
                return commands
        return b""

    def _ask(self, command: bytes, read: ReplyHandler) -> None:
        self._expected.append(read)
        self._stream.write(command)

    def _next_command(self, transaction: Transaction) -> None:
        """Go on with an envelope that is sent step by step."""
        recipients = transaction.envelope.recipients
        if transaction.verdict is not None:
            self._give_up(transaction.verdict)
        elif transaction.replied < len(recipients):
            self._ask(recipients[transaction.replied], self._on_recipient)
        else:
            self._ask(DATA, self._on_data)

    def _give_up(self, verdict: Verdict) -> None:
        """End a transaction before its content, and clear the server's idea of it."""
        self._owner.finish(self._under_way.popleft(), verdict)
        self._expected.append(self._on_reset)
        self._stream.write(RESET + self._following())

    def _rest(self) -> None:
        self.resting_since = time.monotonic()
        self._owner.at_rest(self)

    # Replies: one method for each thing that can be answered.

    def _on_mail(self, reply: Reply) -> None:
        transaction = self._under_way[-1]
        if not 200 <= reply.code < 300:
            transaction.verdict = judge(reply, final=False)
        if not self._pipelining:
            self._next_command(transaction)

    def _on_recipient(self, reply: Reply) -> None:
        transaction = self._under_way[-1]
        transaction.recipient_answered(reply)
        count = len(transaction.envelope.recipients)
        if not self._pipelining or (count > 1 and transaction.replied == count):
            self._next_command(transaction)

    def _on_data(self, reply: Reply) -> None:
        transaction = self._under_way[-1]
        if reply.code != 354:
            self._give_up(transaction.verdict or judge(reply, final=False))
            return
        content = transaction.release_content()
        transaction.end_offset = self._stream.queued + len(content)
        self._expected.append(self._on_final)
        following = self._following()
        if len(content) < _WORTH_JOINING:
            self._stream.write(content + following)
        else:
            self._stream.write(content)
            if following:
                self._stream.write(following)

    def _on_final(self, reply: Reply) -> None:
        transaction = self._under_way.popleft()
        self.completed += 1
        verdict = transaction.verdict or judge(reply, final=True)
        if transaction.refused_copies:
            verdict = with_refused_copies(verdict, transaction.refused_copies)
        self._owner.finish(transaction, verdict)
        if verdict.code == "protocol_error":
            raise ProtocolError(verdict.detail)
        if not self._expected:
            self._rest()

    def _on_reset(self, reply: Reply) -> None:
        if reply.code != 250:
            raise ProtocolError(f"the server would not start afresh: {reply.label} {reply.words}")
        if not self._expected:
            self._rest()

    def _on_noop(self, reply: Reply) -> None:
        if reply.code != 250:
            raise ProtocolError(f"the server answered a NOOP with {reply.label} {reply.words}")
        self._rest()

    def _on_quit(self, reply: Reply) -> None:
        raise StreamClosed(f"said goodbye: {reply.words}")

    def _on_farewell(self, reply: Reply) -> None:
        """421: the server is closing. The message it answers was not taken, nor was any after it."""
        if self._awaits_final:
            transaction = self._under_way.popleft()
            self._owner.finish(transaction, transaction.verdict or judge(reply, final=True))
        self._lose(reply.label, reply.words)

    def _lose(self, code: str, words: str) -> None:
        """The connection is over: settle the messages that were on it.

        A connection that has carried messages may end at any time (servers count messages, and minutes): what it had
        not been handed yet goes to another connection, once. Only a message that meets this twice, or meets it first
        thing on a fresh connection, is reported.
        """
        under_way = tuple(self._under_way)
        sent = self._stream.sent
        self.close()
        for transaction in under_way:
            handed_over = transaction.end_offset is not None and sent >= transaction.end_offset
            if transaction.verdict is not None:
                self._owner.finish(transaction, transaction.verdict)
            elif self.completed and transaction.tries < 2 and not handed_over:
                self._owner.put_back(transaction)
            else:
                self._owner.finish(transaction, broken_connection(code, words, handed_over=handed_over))
        self._owner.gone(self, words)


def _refuse_unasked(reply: Reply) -> NoReturn:
    raise ProtocolError(f"the server said {reply.label} {reply.words} without being asked")
