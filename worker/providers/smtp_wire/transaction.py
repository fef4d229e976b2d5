"""One message on its way through one connection."""

from worker.providers.base import OutgoingEmail
from worker.providers.smtp_wire.dialogue import Capabilities
from worker.providers.smtp_wire.envelope import Envelope, wrap
from worker.providers.smtp_wire.replies import Reply
from worker.providers.smtp_wire.verdicts import Verdict, judge

LONE_DOT = b".\r\n"
DATA = b"DATA\r\n"


class Transaction:
    """A taken message, its envelope once it has a connection, and what the server said so far.

    `tries` counts the connections it was given to. `end_offset` is where in the stream its final dot ends, None
    while the content has not been written. `verdict` is set as soon as the fate is known, which with PIPELINING may
    be before the last reply about it has come in.
    """

    __slots__ = ("_content", "end_offset", "envelope", "message", "refused_copies", "replied", "tries", "verdict")

    def __init__(self, message: OutgoingEmail) -> None:
        self.message = message
        self.tries = 0
        self.envelope: Envelope
        self._content = b""
        self.end_offset: int | None = None
        self.verdict: Verdict | None = None
        self.replied = 0  # recipients answered so far
        self.refused_copies: list[str] = []

    def _reset(self) -> None:
        self.end_offset = self.verdict = None
        self.replied = 0
        self.refused_copies = []

    def prepare(self, capabilities: Capabilities) -> None:
        """Build the envelope for this server. Raises Unsendable or RenderError."""
        if self.tries:
            self._reset()
        self.tries += 1
        self.envelope, self._content = wrap(self.message, capabilities)

    def release_content(self) -> bytes:
        """What follows the 354: the message, or nothing where the recipient was refused. To be asked once.

        A server may answer DATA with 354 although it took no recipient; a lone dot gets both sides out of it.
        """
        content, self._content = self._content, b""
        return LONE_DOT if self.verdict is not None else content

    def recipient_answered(self, reply: Reply) -> None:
        """Note the reply to the next RCPT. The To address comes first and decides; the others are only told about."""
        self.replied += 1
        if 200 <= reply.code < 300 or self.verdict is not None:
            return
        if self.replied == 1:
            self.verdict = judge(reply, final=False)
        else:
            self.refused_copies.append(f"{self.envelope.addresses[self.replied - 1]} ({reply.label})")
