"""A message under way: its parts, their answers, and what these come to."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, NamedTuple

from worker.providers.base import Result
from worker.providers.smpp_wire.pdus import EncodedSubmit
from worker.providers.smpp_wire.statuses import Kind, code_of, words_of

_PRIORITIES: Final = {"otp": 0, "transactional": 1}
_numbers = count()


class Verdict(NamedTuple):
    """An outcome as it travels from the hub to a session, without the reference."""

    result: Result
    provider_message_id: str = ""
    code: str = ""
    detail: str = ""
    retry_after: float | None = None
    at_fault: bool = False


class Refusal(NamedTuple):
    """Why a part certainly was not taken."""

    kind: Kind
    code: str
    detail: str
    retry_after: float | None = None


@dataclass(slots=True)
class Letter:
    """`report` is called once, when every part has been answered or given up. `owner` is who handed it over."""

    parts: list[EncodedSubmit]
    report: Callable[[Verdict], None]
    owner: object
    category: str = "transactional"
    ids: list[str] = field(default_factory=list)
    refusal: Refusal | None = None
    lost: str = ""
    held_back: Refusal | None = None
    settled: int = 0

    def __post_init__(self) -> None:
        self.ids = [""] * len(self.parts)

    def take(self, index: int, identifier: str) -> None:
        """A part was accepted."""
        self.ids[index] = identifier or "-"
        self._settle()

    def refuse(self, refusal: Refusal) -> None:
        """A part was not accepted."""
        self.refusal = self.refusal or refusal
        self._settle()

    def hold_back(self, refusal: Refusal) -> None:
        """A part was refused because we are too fast, and goes once more by itself."""
        self.held_back = refusal

    def lose(self, words: str) -> None:
        """Nobody knows whether a part was accepted."""
        self.lost = words
        self._settle()

    def _settle(self) -> None:
        self.settled += 1
        if self.settled == len(self.parts):
            self.report(self._verdict())

    def _verdict(self) -> Verdict:
        """All ids stay with the message, whatever became of it: each part has receipts of its own."""
        taken = [identifier for identifier in self.ids if identifier]
        ids = " ".join(identifier for identifier in taken if identifier != "-")
        if self.lost:
            return Verdict(Result.UNKNOWN, ids, "answer_lost", self.lost)
        if self.refusal is None:
            return self._sent(ids)
        kind, code, detail, retry_after = self.refusal
        if kind == "permanent":
            return Verdict(Result.FAILED, ids, code, detail)
        if taken:
            words = f"{len(taken)} of {len(self.parts)} parts were taken. {detail}"
            return Verdict(Result.UNKNOWN, ids, "partly_taken", words)
        return Verdict(Result.RETRY, "", code, detail, retry_after, kind == "configuration")

    def _sent(self, ids: str) -> Verdict:
        """With the code that it was held back for, so that the engine hears of it and slows down."""
        if self.held_back is None:
            return Verdict(Result.SENT, ids)
        return Verdict(Result.SENT, ids, self.held_back.code, f"{self.held_back.detail} It was taken at a later try.")


def refusal_of(status: int, kind: Kind, retry_after: float | None = None) -> Refusal:
    """A part's refusal by a command_status."""
    return Refusal(kind, code_of(status), words_of(status), retry_after)


class Slip(NamedTuple):
    """A part in the queue, by its place in the letter.

    The order: one-time codes, transactional, the rest; each in the order of arrival.
    """

    priority: int
    number: int
    letter: Any
    part: int
    throttled: int = 0


class Queue:
    """The parts of all letters that wait for a bind."""

    def __init__(self) -> None:
        self._heap: list[Slip] = []

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, letter: Letter) -> None:
        priority = _PRIORITIES.get(letter.category, 2)
        for index in range(len(letter.parts)):
            heapq.heappush(self._heap, Slip(priority, next(_numbers), letter, index))

    def put_back(self, slip: Slip) -> None:
        """Throttled: in its old place, before those that came later."""
        heapq.heappush(self._heap, slip._replace(throttled=slip.throttled + 1))

    def take(self) -> Slip:
        return heapq.heappop(self._heap)

    def drop(self, owner: object) -> None:
        """Forget what somebody handed over who is gone and hears no outcome: it is unknown to them."""
        self._heap = [slip for slip in self._heap if slip.letter.owner is not owner]
        heapq.heapify(self._heap)

    def refuse_all(self, refusal: Refusal) -> None:
        """Give up what waits."""
        waiting, self._heap = sorted(self._heap), []
        for slip in waiting:
            slip.letter.refuse(refusal)
