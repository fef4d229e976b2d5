"""Header fields as bytes: checked, encoded (RFC 2047) and folded (RFC 5322).

The common case, a short ASCII value, is two regular expressions and one concatenation. Lines are folded at 78
characters where there is a place to fold and never exceed 998. Every function returns the field with its final CRLF.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from worker.rendering.addresses import check_address, split_address_list, split_display_name
from worker.rendering.content import header_part
from worker.rendering.errors import RenderError, TemplateSyntaxProblem

__all__ = ["address_list_line", "check_custom_header_name", "header_line", "mailbox_line", "structured_line"]

_LINE: Final = 78
_ENCODED_LINE: Final = 76  # RFC 2047 is stricter for lines with encoded words
_LONGEST: Final = 998

_NAME = re.compile(r"[!-9;-~]{1,50}")  # leaves room for an encoded word on the field's first line
_BAD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_PLAIN = re.compile(r"[^ -~]|=\?")
_UNICODE_LINE_ENDS: Final = str.maketrans({"\x85": " ", "\u2028": " ", "\u2029": " ", "\t": " "})
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_FOLDING_PLACE = re.compile(r"(?<=[^ ]) +(?=[^ ])")
_Q_SAFE: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")
_Q: Final = tuple(chr(code) if code in _Q_SAFE else "_" if code == 32 else f"={code:02X}" for code in range(256))

#: Fields that the sender writes itself, or that servers on the way write.
_RESERVED: Final = frozenset(
    {"from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "sender", "return-path", "received"}
    | {"mime-version", "dkim-signature", "list-unsubscribe", "list-unsubscribe-post"}
)


def check_custom_header_name(name: str) -> None:
    """Raises TemplateSyntaxProblem("bad_header") for a name that is no name, or that the sender writes itself."""
    if not _NAME.fullmatch(name):
        reason = "a header's name is letters, digits and hyphens, at most 50"
    elif name.lower() in _RESERVED or name.lower().startswith("content-"):
        reason = f"{name} is written by the sender itself"
    else:
        return
    raise TemplateSyntaxProblem(reason, part=header_part(name), code="bad_header")


def clean_value(name: str, value: str) -> str:
    """The value on one line; raises RenderError("header_injection") for CR, LF, NUL and their like."""
    if _BAD.search(value):
        raise RenderError("header_injection", f"{name} holds a line break or a control character", part=_part(name))
    if "\t" in value or not value.isascii():
        value = value.translate(_UNICODE_LINE_ENDS).encode("utf-8", "replace").decode()
    return value.strip()


def header_line(name: str, value: str) -> bytes:
    """A field of free text, such as Subject: encoded where it is not plain ASCII."""
    _check_name(name)
    plain = value.isascii() and value.isprintable()
    value = value.strip() if plain else clean_value(name, value)
    if "=?" not in value and (plain or _NOT_PLAIN.search(value) is None):
        if len(name) + len(value) + 2 <= _LINE:
            return f"{name}: {value}\r\n".encode("ascii")
        folded = _folded(name, value)
        if folded is not None:
            return folded.encode("ascii")
    return f"{name}: {_encoded(value, len(name) + 2)}\r\n".encode("ascii")


def structured_line(name: str, value: str) -> bytes:
    """A field whose value programs read, such as List-Unsubscribe: ASCII, folded at its spaces, never encoded."""
    _check_name(name)
    value = value.strip() if value.isascii() and value.isprintable() else clean_value(name, value)
    if not value.isascii():
        raise RenderError("render_failed", f"{name} may hold ASCII only", part=_part(name))
    if " " not in value and len(name) + len(value) + 2 <= _LONGEST:
        return f"{name}: {value}\r\n".encode("ascii")
    folded = _folded(name, value)
    if folded is None:
        raise RenderError("render_failed", f"{name} is too long for a mail header", part=_part(name))
    return folded.encode("ascii")


def mailbox_line(name: str, display_name: str, address: str) -> bytes:
    """`From: Anna Bell <anna@x.example>`; raises RenderError for a bad name or address."""
    return _address_field(name, [_mailbox(name, display_name, address)])


def address_list_line(name: str, addresses: Iterable[str]) -> bytes:
    """`Cc: a@x.example, Bea <b@x.example>`; each item an address, with or without a display name, or a list of them."""
    mailboxes = [_mailbox(name, *split_display_name(piece)) for item in addresses for piece in split_address_list(item)]
    return _address_field(name, mailboxes)


def _part(name: str) -> str:
    own = {"Subject": "subject", "From": "from_name", "Reply-To": "reply_to", "Cc": "cc", "To": "to"}
    return own.get(name, header_part(name))


@lru_cache(maxsize=256)
def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise RenderError("header_injection", f"{name!r} is not a header's name", part=header_part(name))


def _folded(name: str, value: str) -> str | None:
    """The plain value on lines of at most 78 characters where spaces allow; None where a line would be too long."""
    lines: list[str] = []
    start = 0
    place = -1  # the last space at which the current line may end
    room = _LINE - len(name) - 2
    for match in [*_FOLDING_PLACE.finditer(value), None]:
        end = match.start() if match else len(value)
        if end - start > room and place >= 0:
            lines.append(value[start:place])
            start, room = place, _LINE
        place = end
    lines.append(value[start:])
    if len(lines[0]) + len(name) + 2 > _LONGEST or any(len(line) > _LONGEST for line in lines):
        return None
    return f"{name}: " + "\r\n".join(lines) + "\r\n"


def _encoded(text: str, first_column: int) -> str:
    """Encoded words of at most 75 characters, cut between characters, a line each."""
    data = text.encode("utf-8", "replace")
    quoted = "".join([_Q[byte] for byte in data])
    use_q = len(quoted) <= (len(data) + 2) // 3 * 4
    room = _ENCODED_LINE - first_column
    if len(quoted if use_q else data) <= ((room - 12) if use_q else (room - 12) // 4 * 3):
        return _word(data, use_q)
    words: list[str] = []
    taken = bytearray()
    length = 0
    for character in text:
        piece = character.encode("utf-8", "replace")
        step = sum(len(_Q[byte]) for byte in piece) if use_q else len(piece)
        if length + step > ((room - 12) if use_q else (room - 12) // 4 * 3):
            words.append(_word(taken, use_q))
            taken.clear()
            length, room = 0, _ENCODED_LINE - 1
        taken += piece
        length += step
    words.append(_word(taken, use_q))
    return "\r\n ".join(words)


def _word(data: bytes | bytearray, use_q: bool) -> str:
    payload = "".join([_Q[byte] for byte in data]) if use_q else b64encode(data).decode("ascii")
    return f"=?utf-8?{'q' if use_q else 'b'}?{payload}?="


def _mailbox(name: str, display_name: str, address: str) -> str:
    try:
        wire_address = check_address(address)
    except ValueError as error:
        message = f"{address[:80]!r} is not an email address: {error}"
        raise RenderError("bad_address", message, part=_part(name)) from error
    display_name = clean_value(name, display_name)
    if not display_name:
        return wire_address
    if _NOT_PLAIN.search(display_name) or len(display_name) > 60:
        phrase = _encoded(display_name, len(name) + 2)
    elif _PHRASE.fullmatch(display_name):
        phrase = display_name
    else:
        escaped = display_name.replace("\\", "\\\\").replace('"', '\\"')
        phrase = f'"{escaped}"'
    last_line = phrase.rpartition("\r\n")[2]
    gap = "\r\n " if len(last_line) + len(wire_address) + len(name) + 5 > _LINE else " "
    return f"{phrase}{gap}<{wire_address}>"


def _address_field(name: str, mailboxes: list[str]) -> bytes:
    """Mailboxes by commas, as many on a line as fit."""
    text = f"{name}: "
    column = len(text)
    for index, mailbox in enumerate(mailboxes):
        first_line, _, rest = mailbox.partition("\r\n")
        if index:
            gap = ",\r\n " if column + len(first_line) + 3 > _LINE else ", "
            text += gap
            column = 1 if gap == ",\r\n " else column + 2
        text += mailbox
        column = len(mailbox.rpartition("\r\n")[2]) if rest else column + len(first_line)
    return f"{text}\r\n".encode()
