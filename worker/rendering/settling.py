"""What a rendered text must be before it can travel: line ends as LF, no NUL, every character encodable."""

from __future__ import annotations

__all__ = ["encodable", "settled_body"]


def settled_body(text: str) -> str:
    """A body with LF line ends, without NUL, with every character encodable."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if "\x00" in text:
        text = text.replace("\x00", "")
    return text if text.isascii() else encodable(text)


def encodable(text: str) -> str:
    """Half a surrogate pair, which JSON can carry and mail cannot, becomes a question mark."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text
