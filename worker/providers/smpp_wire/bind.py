"""One bind: a connection signed in as transceiver, with its window of unanswered messages and its timers."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from itertools import count
from typing import Final

from worker.providers.smpp_wire import pdus
from worker.providers.smpp_wire.settings import WireSettings
from worker.providers.smpp_wire.statuses import ALREADY_BOUND, NOT_STORED, code_of, kind_of, words_of

Answer = Callable[[int | None, str], None]
"""Called once with the command_status (None: the connection ended first) and the message id, or words about the end."""
Respond = Callable[[bool], None]
Deliver = Callable[[pdus.Delivery, Respond], None]

_LAST_SEQUENCE: Final = 0x7FFFFFFF
_FAREWELL_SECONDS = 2.0


class OpenFailed(Exception):
    """There is no bind. `at_fault`: the settings are wrong, and no message can go until somebody acts."""

    def __init__(self, step: str, code: str, detail: str, *, at_fault: bool = False) -> None:
        super().__init__(detail)
        self.step = step
        self.code = code
        self.detail = detail
        self.at_fault = at_fault


class Bind:
    """Open it, submit on it, close it; it is never opened again. All in one event loop."""

    def __init__(self, settings: WireSettings, deliver: Deliver) -> None:
        self._settings = settings
        self._deliver = deliver
        self._sequences: Iterator[int] = count(1)
        self._waiting: dict[int, tuple[float, Answer]] = {}
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._heard = 0.0
        self._enquired = 0.0
        self._unbound = asyncio.Event()
        self.peer = ""

    @property
    def under_way(self) -> int:
        """Messages that wait for their answer."""
        return len(self._waiting)

    async def open(self) -> None:
        """Connect and sign in. Raises OpenFailed."""
        settings = self._settings
        try:
            async with asyncio.timeout(settings.connect_seconds):
                self._reader, self._writer = await asyncio.open_connection(
                    settings.host, settings.port, ssl=_tls(settings), limit=2**17
                )
        except ssl.SSLCertVerificationError as error:
            detail = f"The certificate is refused: {error.verify_message}."
            raise OpenFailed("Encrypt", "certificate", detail, at_fault=True) from error
        except (OSError, TimeoutError) as error:
            words = str(error) or f"no connection within {settings.connect_seconds:g} s"
            detail = f"{settings.host}:{settings.port}: {words}"[:500]
            raise OpenFailed("Connect", "connect_failed", detail) from error
        try:
            await self._sign_in()
        except BaseException:
            self._cut()
            raise

    async def _sign_in(self) -> None:
        settings = self._settings
        try:
            request = pdus.bind(settings, self._next())
        except ValueError as error:  # UnicodeEncodeError is one
            raise OpenFailed("Sign in", "bad_settings", str(error), at_fault=True) from error
        self._write(request)
        try:
            async with asyncio.timeout(settings.connect_seconds):
                header, body = await self._read()
                while header.command not in (pdus.BIND_RESP, pdus.GENERIC_NACK):
                    header, body = await self._read()
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            words = f"The message centre does not answer the bind: {error or type(error).__name__}"
            raise OpenFailed("Sign in", "connect_failed", words[:500]) from error
        if header.status:
            fault = kind_of(header.status, dict(settings.statuses)) != "retry" and header.status != ALREADY_BOUND
            raise OpenFailed("Sign in", code_of(header.status), words_of(header.status), at_fault=fault)
        self.peer = pdus.c_string(body)

    async def serve(self) -> str:
        """Read until the connection ends, and say why it did. Every message has had its answer then."""
        self._heard = asyncio.get_running_loop().time()
        keeper = asyncio.create_task(self._keep_alive())
        try:
            words = await self._read_all()
        finally:
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper
            self._cut()
            self._lose("The connection ended.")
        return words

    async def close(self) -> None:
        """Take leave: unbind, and wait a moment for the answer. `serve` ends by it."""
        if self._writer is not None:
            self._write(pdus.unbind(self._next()))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_SECONDS):
                    await self._unbound.wait()
        self._cut()

    def submit(self, part: pdus.EncodedSubmit, answer: Answer) -> None:
        """Send one part. Raises what the library does where it cannot be written down; nothing was sent then."""
        sequence = self._next()
        part.sequence_num = sequence
        data = part.pdu()
        self._waiting[sequence] = (asyncio.get_running_loop().time() + self._settings.reply_seconds, answer)
        self._write(data)

    def _next(self) -> int:
        return next(self._sequences) % _LAST_SEQUENCE or self._next()

    def _write(self, data: bytes) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(data)

    async def _read(self) -> tuple[pdus.Header, bytes]:
        if self._reader is None:
            raise EOFError("not connected")
        header = pdus.read_header(await self._reader.readexactly(pdus.HEADER.size))
        return header, await self._reader.readexactly(header.length - pdus.HEADER.size)

    async def _read_all(self) -> str:
        loop = asyncio.get_running_loop()
        while True:
            try:
                header, body = await self._read()
            except EOFError:
                return "The message centre closed the connection."
            except (OSError, ValueError) as error:
                return f"The connection broke: {error}"[:500]
            self._heard = loop.time()
            if self._take(header, body):
                return "The message centre ended the bind."

    def _take(self, header: pdus.Header, body: bytes) -> bool:
        """Act on one PDU; True where it is the last."""
        if header.command in (pdus.SUBMIT_RESP, pdus.GENERIC_NACK):
            waiting = self._waiting.pop(header.sequence, None)
            if waiting is not None:
                waiting[1](header.status, pdus.c_string(body))
        elif header.command == pdus.DELIVER:
            self._take_delivery(header.sequence, body)
        elif header.command == pdus.ENQUIRE:
            self._write(pdus.response(pdus.ENQUIRE, header.sequence))
        elif header.command == pdus.ENQUIRE_RESP:
            self._enquired = 0.0
        elif header.command == pdus.UNBIND:
            self._write(pdus.response(pdus.UNBIND, header.sequence))
            return True
        elif header.command == pdus.UNBIND_RESP:
            self._unbound.set()
            return True
        elif not header.command & pdus.GENERIC_NACK:
            self._write(pdus.response(0, header.sequence, 0x03))  # generic_nack: a request that we do not know
        return False

    def _take_delivery(self, sequence: int, body: bytes) -> None:
        def respond(stored: bool) -> None:
            self._write(pdus.response(pdus.DELIVER, sequence, 0 if stored else NOT_STORED))

        try:
            delivery = pdus.read_delivery(body)
        except ValueError:
            respond(True)  # it would come again and again, and never be read
            return
        self._deliver(delivery, respond)

    async def _keep_alive(self) -> None:
        """Ask whether they are there while nothing is heard; cut the connection when an answer is overdue."""
        loop, settings = asyncio.get_running_loop(), self._settings
        pause = min(1.0, settings.enquire_seconds / 4, settings.reply_seconds / 4)
        while True:
            await asyncio.sleep(pause)
            now = loop.time()
            overdue = next(iter(self._waiting.values()), (now + 1, None))[0] <= now
            if overdue or (self._enquired and now - self._enquired > settings.reply_seconds):
                self._lose("No answer in time.")
                self._cut()
            elif not self._enquired and now - self._heard >= settings.enquire_seconds:
                self._enquired = now
                self._write(pdus.enquire_link(self._next()))

    def _lose(self, words: str) -> None:
        waiting, self._waiting = self._waiting, {}
        for _, answer in waiting.values():
            answer(None, words)

    def _cut(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _tls(settings: WireSettings) -> ssl.SSLContext | None:
    if settings.tls == "none":
        return None
    context = ssl.create_default_context()
    if settings.tls == "unverified":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
