"""The parts of a Jinja source that are sent as they stand, apart from its tags."""

from __future__ import annotations

import re
from collections.abc import Callable

_TAGS = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)


def change_literals(source: str, change: Callable[[str], str]) -> str:
    """The source with everything outside of its tags changed."""
    pieces = _TAGS.split(source)
    return "".join(piece if index % 2 else change(piece) for index, piece in enumerate(pieces))


def in_literals(source: str, character: str) -> bool:
    """Whether a character stands outside of the tags."""
    return any(character in piece for piece in _TAGS.split(source)[::2])
