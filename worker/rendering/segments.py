"""How a text travels as SMS: its encoding, its length in that encoding, and where it is cut into segments.

GSM 03.38: characters of the basic table take one unit (a septet), those of the extension table two, an escape and a
code. One character outside of both makes the whole text UCS-2, counted in UTF-16 units. A text of one segment has 160
or 70 units; longer ones lose some to the header that joins them (153, 67). Packing is greedy: neither an escape pair
nor a surrogate pair is split, so that 153 times "€" takes three segments although 306 is 2 x 153.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = [
    "GSM7",
    "GSM7_CHARACTERS",
    "MOST_SEGMENTS",
    "UCS2",
    "Culprit",
    "Measure",
    "culprits",
    "measure",
    "replaced",
    "suggestion_for",
]

GSM7: Final = "gsm7"
UCS2: Final = "ucs2"
MOST_SEGMENTS: Final = 10
"""More parts than this no text may have: gateways cut or refuse it, by custom (providers.md, section 11)."""

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION: Final = frozenset("\f^{}\\[~]|€")
GSM7_CHARACTERS: Final = _BASIC | _EXTENSION
_LIMITS: Final = {GSM7: (160, 153), UCS2: (70, 67)}

#: What a person would write instead; everything else loses its accent where that helps.
_INSTEAD: Final = {
    **dict.fromkeys("‘’‚‛′`´ʼ", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("\u00a0\u2002\u2003\u2007\u2009\u202f\t", " "),
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufe0f\ufeff", ""),
    "…": "...",
    "•": "-",
    "·": ".",
    "₹": "Rs.",
    "×": "x",
    "™": "TM",
    "®": "(R)",
    "©": "(C)",
    "ł": "l",
    "Ł": "L",
    "\u2028": "\n",
    "\u2029": "\n",
    "\x85": "\n",
}


@dataclass(frozen=True, slots=True)
class Culprit:
    """A character that forces UCS-2: where it stands first (from 0), how often, and what could be written instead.

    `suggestion` is None where there is nothing like it, and empty where it can simply go.
    """

    character: str
    name: str
    position: int
    count: int
    suggestion: str | None


@dataclass(frozen=True, slots=True)
class Measure:
    """A text's length: `units` septets or UTF-16 units, `cuts` the indexes at which the second and later segments
    begin, `limit` the units of one of its segments."""

    encoding: str
    characters: int
    units: int
    cuts: tuple[int, ...]
    limit: int

    @property
    def segments(self) -> int:
        """How many parts it travels in; 0 for an empty text."""
        return len(self.cuts) + 1 if self.units else 0

    @property
    def room(self) -> int:
        """The units that the text could have with this number of segments, at best."""
        return self.limit * max(1, self.segments)


def measure(text: str) -> Measure:
    """Encoding, length and cuts of a text; 2 µs for what fits into one segment."""
    encoding = GSM7 if GSM7_CHARACTERS.issuperset(text) else UCS2
    single, joined = _LIMITS[encoding]
    units = len(text) + _doubled(text, encoding)
    if units <= single:
        return Measure(encoding, len(text), units, (), single)
    plain = units == len(text)
    cuts = tuple(range(joined, units, joined)) if plain else _packed(text, encoding, joined)
    return Measure(encoding, len(text), units, cuts, joined)


def culprits(text: str) -> tuple[Culprit, ...]:
    """Every character that forces UCS-2, in the order in which they appear."""
    places: dict[str, list[int]] = {}
    for position, character in enumerate(text):
        if character not in GSM7_CHARACTERS:
            places.setdefault(character, []).append(position)
    return tuple(
        Culprit(character, _name(character), found[0], len(found), suggestion_for(character))
        for character, found in places.items()
    )


def suggestion_for(character: str) -> str | None:
    """What to write instead of a character that GSM-7 lacks; None where there is nothing like it."""
    if character in _INSTEAD:
        return _INSTEAD[character]
    other_case = character.swapcase()
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    if bare and GSM7_CHARACTERS.issuperset(bare):
        return bare
    return other_case if GSM7_CHARACTERS.issuperset(other_case) and other_case != character else None


def replaced(text: str, characters: Iterable[str]) -> str:
    """The text with each of these characters replaced by its suggestion, where it has one."""
    instead = {character: suggestion_for(character) for character in characters}
    return text.translate({ord(character): words for character, words in instead.items() if words is not None})


def _doubled(text: str, encoding: str) -> int:
    """How many characters take two units."""
    if encoding == GSM7:
        return 0 if _EXTENSION.isdisjoint(text) else sum(text.count(character) for character in _EXTENSION)
    return 0 if max(text) < "\U00010000" else sum(character > "\uffff" for character in text)


def _packed(text: str, encoding: str, limit: int) -> tuple[int, ...]:
    cuts: list[int] = []
    used = 0
    for index, character in enumerate(text):
        size = 2 if (character in _EXTENSION if encoding == GSM7 else character > "\uffff") else 1
        if used + size > limit:
            cuts.append(index)
            used = 0
        used += size
    return tuple(cuts)


def _name(character: str) -> str:
    """Unicode's name in small letters, the number of a character that has none."""
    return unicodedata.name(character, f"character U+{ord(character):04X}").lower()
