"""A text that a regulator knows, with slots such as {#var#}, held against the text that would be sent (India's DLT).

Operators drop a message that differs from the registered text in anything but its slots, or whose slot is too long.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["RegisteredMatch", "has_slot", "match_registered"]

_SLOT: Final = re.compile(r"\{#\s*\w+\s*#\}")


@dataclass(frozen=True, slots=True)
class RegisteredMatch:
    """`slots` are (start, end) of what fills each slot; `problem` is a sentence, empty where the text fits.

    `at` is the index in the text where it stops fitting, None where it fits or only a slot is too long.
    """

    slots: tuple[tuple[int, int], ...] = ()
    problem: str = ""
    at: int | None = None

    @property
    def fits(self) -> bool:
        return not self.problem


def has_slot(source: str) -> bool:
    """Whether a text holds a slot. In a template's source it would be a comment and vanish without a word."""
    return _SLOT.search(source) is not None


def match_registered(registered: str, text: str, *, slot_limit: int) -> RegisteredMatch:
    """Does the text fit the registered one, no slot with more than `slot_limit` characters? Time: lengths multiplied.

    Blanks at both ends and the kind of line ends do not count.
    """
    pieces = _SLOT.split(_settled(registered))
    text = _settled(text)
    slots, reached = _fill(pieces, text, slot_limit)
    if slots is not None:
        return RegisteredMatch(slots)
    slots, reached = _fill(pieces, text, len(text))
    if slots is None:
        return RegisteredMatch((), _difference(pieces, text, reached), reached)
    number, length = max(enumerate((end - start for start, end in slots), 1), key=lambda slot: slot[1])
    words = f"Slot {number} is filled with {length} characters; {slot_limit} are the most."
    return RegisteredMatch(slots, words)


def _settled(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _fill(pieces: list[str], text: str, most: int) -> tuple[tuple[tuple[int, int], ...] | None, int]:
    """What fills each slot, with how far into the text the pieces could be found; None where they do not fit.

    For every place behind a piece the nearest place behind the piece before is kept, so nothing is tried twice.
    """
    first = pieces[0]
    if not text.startswith(first):
        return None, _common(first, text)
    ends: list[dict[int, int]] = [{len(first): -1}]
    for piece in pieces[1:]:
        reached: dict[int, int] = {}
        starts = sorted(ends[-1])
        for place in _places(piece, text, starts[0]):
            start = starts[bisect_right(starts, place) - 1]  # the nearest one before: the shortest filling
            if place - start <= most:
                reached[place + len(piece)] = start
        if not reached:
            return None, min(ends[-1])
        ends.append(reached)
    if len(text) not in ends[-1]:
        return None, min(ends[-1])
    return _walked_back(ends, pieces, len(text)), len(text)


def _places(piece: str, text: str, start: int) -> Iterator[int]:
    """Where a piece stands in the text from `start` on; overlapping ones too, and an empty one everywhere."""
    place = text.find(piece, start)
    while place >= 0:
        yield place
        place = text.find(piece, place + 1)


def _walked_back(ends: list[dict[int, int]], pieces: list[str], end: int) -> tuple[tuple[int, int], ...]:
    slots: list[tuple[int, int]] = []
    for reached, piece in zip(reversed(ends[1:]), reversed(pieces[1:]), strict=True):
        start = reached[end]
        slots.append((start, end - len(piece)))
        end = start
    return tuple(reversed(slots))


def _common(one: str, other: str) -> int:
    """The length of what both begin with."""
    return next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(map(len, (one, other)))
    )


def _difference(pieces: list[str], text: str, at: int) -> str:
    """The first place where they part, with the registered words that were expected there."""
    found = text[at : at + 20]
    behind = "the end of the text" if not found else f"“{found}”"
    expected = next((piece for piece in pieces if piece.strip() and piece not in text), "")
    if expected:
        return f"“{expected.strip()[:40]}” is registered and not in the message; it stops fitting at {behind}."
    return f"The message does not follow the registered text from {behind} on."
