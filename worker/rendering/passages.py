"""Static stretches of a template's body, encoded once instead of once a message.

Most of a 10 KB email is the same for everybody. What encoding does to a line (CRLF, quoted-printable, dot-stuffing, the
length limit) depends on that line alone, so a static text is cut at its line ends: the whole lines in its middle are a
passage, kept in every shape they may travel in, and what is before and after them joins the values around. A body then
is a list of runs, each a number of whole lines: passages, and texts still to be encoded. In 10 KB of HTML with eight
variables that leaves some hundred bytes to work on.

Passages are found by what they say, not by where they stand: a value that happens to say the same is encoded the same.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from types import CodeType
from typing import Final, NamedTuple

from jinja2 import Template

__all__ = ["MARK_BEGINS", "NO_RUNS", "BodyRuns", "Passage", "Passages", "Runs", "dotted", "passages_of", "runs_of"]

#: How boundaries begin: a text that says so is looked at with every message.
MARK_BEGINS: Final = "=_carillon_"
_dot_begins: Final = re.compile(rb"\n\.").search  # in half the time that `in` takes for two bytes
_SHORTEST: Final = 400  # characters; below, handling a passage costs more than encoding it


class Passage(NamedTuple):
    """Whole lines with CRLF line ends, as they are and quoted-printable, each also with its leading dots doubled."""

    plain: bytes
    plain_dotted: bytes
    quoted: bytes
    quoted_dotted: bytes
    ascii: bool
    fits: bool  # no line is longer than mail allows


#: Static text -> (end of a line begun before it, whole lines, beginning of a line that goes on after it).
Passages = Mapping[str, tuple[str, Passage, str]]

#: A body: whole lines in order; the last run may end without a line end.
Runs = list[str | Passage]


class BodyRuns(NamedTuple):
    """The bodies of one email as runs; None where a body is known as a text only."""

    html: Runs | None
    text: Runs | None


NO_RUNS: Final = BodyRuns(None, None)


def passages_of(template: Template, longest_line: int) -> Passages:
    """The passages among the static texts of a compiled template."""
    texts = {text for code in _codes(template) for text in code.co_consts if isinstance(text, str)}
    found = ((text, _cut(text, longest_line)) for text in texts if len(text) >= _SHORTEST)
    return {text: cut for text, cut in found if cut is not None}


def runs_of(pieces: Sequence[str], passages: Passages) -> Runs:
    """The pieces that a template printed as runs."""
    runs: Runs = []
    begun, before = 0, ""
    for text in filter(passages.__contains__, pieces) if passages else ():
        place = pieces.index(text, begun)
        head, passage, tail = passages[text]
        runs.append("".join((before, *pieces[begun:place], head)))
        runs.append(passage)
        begun, before = place + 1, tail
    runs.append("".join((before, *pieces[begun:]) if begun else pieces))
    return runs


def dotted(lines: bytes) -> bytes:
    """Each dot that begins a line doubled (RFC 5321 4.5.2). `lines` begins at the beginning of one."""
    if _dot_begins(lines):
        lines = lines.replace(b"\n.", b"\n..")
    return b"." + lines if lines.startswith(b".") else lines


def _codes(template: Template) -> Iterable[CodeType]:
    for function in (template.root_render_func, *template.blocks.values()):
        yield function.__code__


def _cut(text: str, longest_line: int) -> tuple[str, Passage, str] | None:
    start, end = text.find("\n") + 1, text.rfind("\n") + 1
    if end - start < _SHORTEST or "\r" in text or "\x00" in text or MARK_BEGINS in text:
        return None
    try:
        lines = text[start:end].encode()
    except UnicodeEncodeError:
        return None
    plain = lines.replace(b"\n", b"\r\n")
    quoted = binascii.b2a_qp(lines, istext=True).replace(b"\n", b"\r\n")
    passage = Passage(
        plain=plain,
        plain_dotted=dotted(plain),
        quoted=quoted,
        quoted_dotted=dotted(quoted),
        ascii=lines.isascii(),
        fits=all(len(line) <= longest_line for line in lines.split(b"\n")),
    )
    return text[:start], passage, text[end:]
