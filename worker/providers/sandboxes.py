"""What the sandboxes of all channels share: an inbox in place of the world, and faults on demand."""

import hashlib
import threading
import time
from abc import abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final

from worker.providers.base import (
    ConfigurationProblem,
    ConnectionReport,
    Inbox,
    InboxMail,
    Outcome,
    Ports,
    Provider,
    Result,
    Session,
    Wait,
)
from worker.providers.fields import SettingField, read_settings
from worker.rendering.errors import RenderError

BATCH_SIZE = 200
THROTTLE_SECONDS = 2.0
_SLOW_AT_ONCE = 10  # how many slow messages wait side by side, as on so many connections
_REMEMBERED = 100_000
FAIL: Final = "fail"
BOUNCE: Final = "bounce"
THROTTLE: Final = "throttle"
_WISHES: Final = frozenset({FAIL, BOUNCE, THROTTLE})


class InboxProvider(Provider):
    """Delivers to `ports.inbox`. Nothing leaves the machine.

    Which messages go wrong is drawn from their ids, so that the same message always meets the same fate; some
    addresses ask for a fate by name. `codes` are the answers to fail, bounce, throttle and sent.
    """

    uses_inbox: ClassVar[bool] = True
    codes: ClassVar[Mapping[str, str]]
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(
            "fail_percent",
            "Failing, %",
            "number",
            help="Share of messages that are refused for good.",
            default=0,
            minimum=0,
            maximum=100,
        ),
        SettingField(
            "bounce_percent",
            "Bouncing, %",
            "number",
            help="Share of messages that cannot reach anybody.",
            default=0,
            minimum=0,
            maximum=100,
        ),
        SettingField(
            "throttle_percent",
            "Throttled, %",
            "number",
            help="Share of messages that are put off once and taken on a later try.",
            default=0,
            minimum=0,
            maximum=100,
        ),
        SettingField(
            "slow_percent",
            "Slow, %",
            "number",
            help="Share of messages that take their time.",
            default=0,
            minimum=0,
            maximum=100,
        ),
        SettingField(
            "slow_milliseconds",
            "Time of a slow one, ms",
            "number",
            default=500,
            minimum=0,
            maximum=60_000,
        ),
    )

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check each field, and that the shares leave no message with two fates."""
        errors = super().validate(settings)
        if errors:
            return errors
        values = read_settings(cls.fields, settings)
        if values["fail_percent"] + values["bounce_percent"] + values["throttle_percent"] > 100:
            errors["fail_percent"] = "Failing, bouncing and throttled together cannot be more than 100 %."
        return errors

    def __init__(self, settings: Mapping[str, Any], ports: Ports) -> None:
        """Settings as in `fields`; raises ConfigurationProblem where a value cannot be used."""
        super().__init__(settings, ports)
        for problem in self.validate(settings).values():
            raise ConfigurationProblem("invalid_settings", problem)
        self._values = read_settings(self.fields, settings)

    def open(self) -> Session:
        """A session on the inbox; raises ConfigurationProblem where no inbox was lent."""
        if self.ports.inbox is None:
            raise ConfigurationProblem("no_inbox", "The sandbox has no inbox to deliver to.")
        return SandboxSession(self._values, self.ports.inbox, self)

    @abstractmethod
    def kept(self, message: Any) -> InboxMail:
        """What the inbox keeps of a message. Raises RenderError where it cannot be made."""

    @abstractmethod
    def wish(self, message: Any) -> str:
        """The fate that the address asks for: fail, bounce or throttle; anything else is left to the draw."""

    def test_connection(self) -> ConnectionReport:
        """Is there an inbox?"""
        ready = self.ports.inbox is not None
        words = "Messages will appear in the sandbox inbox." if ready else "There is no inbox to deliver to."
        return ConnectionReport(ready, (("Inbox", ready, words),))


class SandboxSession:
    """Takes up to 200 messages at a time and stores them together; a message is SENT once it is stored.

    A throttled message is put off the first time this process sees it and taken from then on, so a later try
    succeeds in any session of any worker, after at most one RETRY for each worker process.
    """

    def __init__(self, values: Mapping[str, Any], inbox: Inbox, provider: InboxProvider) -> None:
        self._values = values
        self._inbox = inbox
        self._provider = provider
        self._batch: list[InboxMail] = []
        self._slow: deque[tuple[float, InboxMail]] = deque()  # (due, mail), oldest first: the delay is always the same
        self._reported = 0
        self._on_outcome: Callable[[Outcome], None] = _ignore

    def send(self, outgoing: Iterable[Any], on_outcome: Callable[[Outcome], None]) -> None:
        """See `Session.send`."""
        self._on_outcome = on_outcome
        try:
            for item in outgoing:
                if isinstance(item, Wait):
                    self._wait(item.seconds)
                else:
                    self._take(item)
            while self._slow:
                self._await_slow()
        finally:
            # Whoever stops us in mid-send (a worker told to end) is not kept waiting for slow messages.
            self._batch.extend(mail for _, mail in self._slow)
            self._slow.clear()
            try:
                self._store()
            finally:
                self._batch.clear()
                self._on_outcome = _ignore

    def close(self) -> None:
        """Nothing is held open."""

    def _take(self, message: Any) -> None:
        fate = self._fate(message)
        if fate is not None:
            self._report(fate)
            return
        try:
            mail = self._provider.kept(message)
        except RenderError as error:
            self._report(Outcome(message.reference, Result.FAILED, code=error.code, detail=str(error)[:500]))
            return
        except UnicodeEncodeError:
            words = "The message holds half of a surrogate pair, which is no character."
            self._report(Outcome(message.reference, Result.FAILED, code="not_encodable", detail=words))
            return
        if _draw(message.reference, "pace") < self._values["slow_percent"]:
            if len(self._slow) >= _SLOW_AT_ONCE:
                self._await_slow()
            self._slow.append((time.monotonic() + self._values["slow_milliseconds"] / 1000, mail))
        else:
            self._add(mail)
        while self._slow and self._slow[0][0] <= time.monotonic():
            self._add(self._slow.popleft()[1])

    def _fate(self, message: Any) -> Outcome | None:
        """What goes wrong with a message, None when nothing does."""
        wish, codes = self._provider.wish(message), self._provider.codes
        draw = _draw(message.reference, "fate")
        fails = self._values["fail_percent"]
        bounces = fails + self._values["bounce_percent"]
        throttles = bounces + self._values["throttle_percent"]
        if wish == FAIL or (wish not in _WISHES and draw < fails):
            words = "The sandbox was asked to refuse this message."
            return Outcome(message.reference, Result.FAILED, code=codes[FAIL], detail=words)
        if wish == BOUNCE or (wish not in _WISHES and draw < bounces):
            words = "The sandbox was asked to let this message bounce."
            return Outcome(message.reference, Result.BOUNCED, code=codes[BOUNCE], detail=words)
        if (wish == THROTTLE or (wish not in _WISHES and draw < throttles)) and _first_time(message.reference):
            return Outcome(
                message.reference,
                Result.RETRY,
                code=codes[THROTTLE],
                detail="The sandbox was asked to put this message off.",
                retry_after=THROTTLE_SECONDS,
            )
        return None

    def _wait(self, seconds: float) -> None:
        """Store what is there; where that told the engine nothing, let the time pass."""
        until = time.monotonic() + seconds
        before = self._reported
        self._store()
        while self._reported == before and time.monotonic() < until:
            if self._slow and self._slow[0][0] <= until:
                self._await_slow()
                self._store()
            else:
                time.sleep(max(0.0, until - time.monotonic()))

    def _await_slow(self) -> None:
        due, mail = self._slow[0]
        if due > time.monotonic():
            self._store()
            time.sleep(max(0.0, due - time.monotonic()))
        self._slow.popleft()
        self._add(mail)

    def _add(self, mail: InboxMail) -> None:
        self._batch.append(mail)
        if len(self._batch) >= BATCH_SIZE:
            self._store()

    def _store(self) -> None:
        """Deliver the batch, then tell. An inbox that cannot store has not taken the mails: they are to be retried."""
        batch, self._batch = self._batch, []
        if not batch:
            return
        try:
            self._inbox.deliver(batch)
        except Exception as error:
            detail = f"The inbox could not store the message: {error}".replace("\n", " ")[:500]
            for mail in batch:
                self._report(Outcome(mail.reference, Result.RETRY, code="inbox_unavailable", detail=detail))
            return
        code = self._provider.codes["sent"]
        for mail in batch:
            self._report(Outcome(mail.reference, Result.SENT, f"sandbox-{mail.reference}", code, "Stored."))

    def _report(self, outcome: Outcome) -> None:
        self._reported += 1
        self._on_outcome(outcome)


_throttled: OrderedDict[int, None] = OrderedDict()
_throttled_lock = threading.Lock()


def _first_time(reference: int) -> bool:
    """Has this process not put the message off yet? Remembers the latest 100,000."""
    with _throttled_lock:
        if reference in _throttled:
            return False
        _throttled[reference] = None
        if len(_throttled) > _REMEMBERED:
            _throttled.popitem(last=False)
        return True


def _draw(reference: int, purpose: str) -> float:
    """A number from 0 up to 100 that belongs to this message: the same in every process and on every try."""
    digest = hashlib.blake2b(f"{purpose} {reference}".encode(), digest_size=6).digest()
    return int.from_bytes(digest) % 10_000 / 100


def _ignore(outcome: Outcome) -> None:
    """Stands in between sends, when no message is under way."""
