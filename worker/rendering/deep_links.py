"""What a phone makes of the link of a notification: the parts of an address, and what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlsplit

__all__ = ["DeepLink", "read_link"]

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")
#: Schemes that run something, or show what an app never meant to.
_REFUSED: Final = frozenset({"about", "blob", "data", "file", "javascript", "vbscript"})


@dataclass(frozen=True, slots=True)
class DeepLink:
    """An address that may be followed. `place` is what an app looks its screen up by: host and path, since apps write
    app://orders/7 and mean the same as app:///orders/7; `values` are the parameters behind the question mark."""

    address: str
    scheme: str
    place: str
    values: tuple[tuple[str, str], ...]
    fragment: str

    @property
    def is_web(self) -> bool:
        """Does a browser open it where no app claims it?"""
        return self.scheme in ("http", "https")


def read_link(text: str) -> DeepLink | str:
    """The link in its parts; words about what is wrong where no phone could follow it."""
    scheme, colon, rest = text.partition(":")
    if not colon or not _SCHEME.fullmatch(scheme):
        return "A link needs its whole address, such as https://… or app://…"
    if any(character.isspace() for character in text):
        return "A link holds no blanks: write a value into it with the filter urlencode"
    if scheme.lower() in _REFUSED:
        return f"Phones follow no link that begins with {scheme.lower()}:"
    try:
        parts = urlsplit(text)
    except ValueError:
        return "This is no address that a phone could follow"
    web = scheme.lower() in ("http", "https")
    if not rest.strip("/") or (web and not parts.hostname):
        return "The link leads nowhere: only its beginning is there"
    values = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return DeepLink(text, scheme.lower(), parts.netloc + parts.path, values, parts.fragment)
