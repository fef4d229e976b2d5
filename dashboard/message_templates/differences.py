"""What changed between two contents, for people: words of one-line fields, folded lines of bodies."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from worker.rendering.content import Attachment, Content, HeaderSource
from worker.rendering.push import DataSource

_CONTEXT = 3  # same lines kept around a change, as in a unified diff
_WORDS = re.compile(r"\w+\s*|[^\w\s]\s*|\s+")  # a word keeps the space behind it

#: Fields by channel that are compared word by word, and those compared line by line.
_ONE_LINE = {
    "email": (
        ("subject", "Subject"),
        ("from_name", "Sender name"),
        ("reply_to", "Reply-to"),
        ("cc", "Cc"),
        ("bcc", "Bcc"),
        ("cc_variable", "Cc from a variable"),
        ("bcc_variable", "Bcc from a variable"),
        ("headers", "Headers"),
        ("attachments", "Attachments"),
        ("inline_css", "CSS moved into the elements"),
    ),
    "sms": (
        ("text", "Message"),
        ("registered_template", "DLT template id"),
        ("registered_text", "Registered text"),
    ),
    "push": (
        ("title", "Title"),
        ("body", "Body"),
        ("image", "Image"),
        ("link", "Link"),
        ("collapse_key", "Replaces"),
        ("data", "Data"),
    ),
}
_BODIES = {"email": (("html", "HTML"), ("text", "Text part"))}


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words: op is same, added or removed."""

    op: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a body: op is same, added, removed or skip (a fold; its text says how many lines it hides)."""

    op: str
    old: int | None
    new: int | None
    text: str


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field that differs: `pieces` for a one-line field, `rows` for a body."""

    name: str
    label: str
    pieces: tuple[Piece, ...] = ()
    rows: tuple[Row, ...] = ()


def word_pieces(old: str, new: str) -> tuple[Piece, ...]:
    """The new text with what was taken out and put in, word by word."""
    before, after = _WORDS.findall(old), _WORDS.findall(new)
    pieces: list[Piece] = []
    for op, a, b, c, d in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if op == "equal":
            pieces.append(Piece("same", "".join(before[a:b])))
            continue
        if b > a:
            pieces.append(Piece("removed", "".join(before[a:b])))
        if d > c:
            pieces.append(Piece("added", "".join(after[c:d])))
    return tuple(pieces)


def line_rows(old: str, new: str, context: int = _CONTEXT) -> tuple[Row, ...]:
    """The lines of both, same ones folded where they are further than `context` from a change; () where equal."""
    before, after = old.split("\n"), new.split("\n")
    matcher = SequenceMatcher(None, before, after)  # popular lines are junk: bounded time for 10,000 lines
    rows: list[Row] = []
    at_old = 0
    for group in matcher.get_grouped_opcodes(context):
        start = group[0][1]
        if start > at_old:
            rows.append(_fold(start - at_old))
        for op, a, b, c, d in group:
            rows.extend(_rows_of(op, before[a:b], after[c:d], a, c))
        at_old = group[-1][2]
    if rows and at_old < len(before):
        rows.append(_fold(len(before) - at_old))
    return tuple(rows)


def _rows_of(op: str, before: Sequence[str], after: Sequence[str], a: int, c: int) -> Iterator[Row]:
    if op == "equal":
        for offset, line in enumerate(before):
            yield Row("same", a + offset + 1, c + offset + 1, line)
        return
    for offset, line in enumerate(before):
        yield Row("removed", a + offset + 1, None, line)
    for offset, line in enumerate(after):
        yield Row("added", None, c + offset + 1, line)


def _fold(count: int) -> Row:
    return Row("skip", None, None, f"{count} unchanged line{'' if count == 1 else 's'}")


def content_differences(old: Content, new: Content) -> tuple[FieldDifference, ...]:
    """Every field of the two contents that is not the same, in the order of the editor."""
    found = []
    for name, label in _ONE_LINE[new.channel]:
        before, after = _words_of(getattr(old, name)), _words_of(getattr(new, name))
        if before != after:
            found.append(FieldDifference(name, label, pieces=word_pieces(before, after)))
    for name, label in _BODIES.get(new.channel, ()):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            found.append(FieldDifference(name, label, rows=line_rows(before, after)))
    return tuple(found)


def _words_of(value: Any) -> str:
    """A field's value as one line of text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    return ", ".join(_item_words(item) for item in value)


def _item_words(item: Any) -> str:
    if isinstance(item, Attachment):
        return f"{item.filename} ({len(item.data)} bytes)"
    if isinstance(item, DataSource):
        return f"{item.key}: {item.value}"
    return f"{item.name}: {item.value}" if isinstance(item, HeaderSource) else str(item)
