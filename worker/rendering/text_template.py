"""The text part of a template that has none: its HTML converted once per version instead of once per message.

Converting 10 KB of HTML takes about 1 ms, twenty times as long as rendering it. Here the Jinja tags travel through the
converter as tokens (private-use characters around a number) and are put back afterwards; rendering the result and
settling its breaks gives what converting the rendered HTML would give. That holds only where what a tag does to the
text does not depend on the data, so `derive_text_template` declines (None) whatever it cannot prove to be safe:

- statements other than if, for, with and set, and filters that let a value bring its own HTML (`safe`);
- a tag that opens in one branch an element (link, list, hidden block) that closes in another;
- a tag inside an HTML tag that decides whether something is shown or where a link goes.

Declined templates are converted per message by `text_from_html`: slower, never different.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.runtime import Undefined

from worker.rendering.plain_text import HtmlReader, settle_inside
from worker.rendering.sandbox import EmailEnvironment, plain_environment

__all__ = ["derive_text_template", "derived_environment"]

_OPEN: Final = "\ue000"
_CLOSE: Final = "\ue001"
_TOKEN = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")
_STATEMENTS: Final = (nodes.Output, nodes.If, nodes.For, nodes.With, nodes.Assign)
_MARKUP_FILTERS: Final = frozenset({"safe", "xmlattr"})
_ENDINGS: Final = frozenset({"endif", "endfor", "endwith"})
_DECIDING_ATTRIBUTES: Final = frozenset({"href", "alt", "style", "hidden"})
#: `<{{` makes a tag's name, `&{{` an entity out of a value.
_MIXED_SYNTAX = re.compile(rf"<[/!]?\s*{_OPEN}|&[#\w]*{_OPEN}")


class _Declined(Exception):
    """The template cannot be converted ahead of its values."""


@dataclass(slots=True)
class _Group:
    """One statement: its tags in order, and the statement around it."""

    outer: int | None
    tags: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Pieces:
    """A template taken apart: HTML with tokens, the tag behind each token, and which statement it belongs to."""

    html: str = ""
    tags: list[str] = field(default_factory=list)
    groups: list[_Group] = field(default_factory=list)
    group_of: dict[int, int | None] = field(default_factory=dict)
    setters: set[int] = field(default_factory=set)
    controls: set[int] = field(default_factory=set)


def derived_environment(undefined: type[Undefined]) -> EmailEnvironment:
    """The dialect of derived text: escaping for HTML, asked for by name, has no place in it."""
    environment = plain_environment(undefined)
    for name in ("e", "escape", "forceescape"):
        environment.filters[name] = str
    return environment


def derive_text_template(source: str, environment: EmailEnvironment) -> str | None:
    """Jinja source of the marked text of an HTML template, or None where only the rendered HTML can tell.

    Render it in `derived_environment` and `settle` the result. Raises TemplateSyntaxError for a broken source.
    """
    try:
        _check_statements(environment.parse(source))
        pieces = _take_apart(source, environment)
        reader = _TemplateReader(pieces)
        reader.read(pieces.html)
        marked = reader.marked_text()
        _check_structure(pieces, [int(number) for number in _TOKEN.findall(marked)], reader.states)
        derived = _put_together(marked, pieces)
        environment.parse(derived)
    except (_Declined, TemplateSyntaxError):
        return None
    return derived


def _check_statements(tree: nodes.Template) -> None:
    statements: list[nodes.Node] = list(tree.body)
    while statements:
        statement = statements.pop()
        if not isinstance(statement, _STATEMENTS) or (isinstance(statement, nodes.For) and statement.recursive):
            raise _Declined
        for name in ("body", "elif_", "else_"):
            statements += getattr(statement, name, [])
    if any(used.name in _MARKUP_FILTERS for used in tree.find_all(nodes.Filter)):
        raise _Declined


def _take_apart(source: str, environment: EmailEnvironment) -> _Pieces:
    """Replaces the tags by tokens, equal tags outside of statements by the same token; trims as the lexer does."""
    if _OPEN in source or _CLOSE in source:
        raise _Declined
    pieces = _Pieces()
    html: list[str] = []
    same: dict[str, int] = {}
    open_groups: list[int] = []
    code: list[str] = []
    for _, kind, value in environment.lexer.tokeniter(source, None):
        if kind == "data":
            html.append(value)
        elif kind in ("raw_begin", "raw_end"):
            raise _Declined
        elif kind in ("variable_begin", "block_begin"):
            code.clear()
        elif kind == "variable_end":
            html.append(_printing_token("".join(code), pieces, same, open_groups))
        elif kind == "block_end":
            html.append(_control_token("".join(code), pieces, open_groups))
        elif not kind.startswith("comment"):
            code.append(value)
    pieces.html = "".join(html)
    if _MIXED_SYNTAX.search(pieces.html):
        raise _Declined
    return pieces


def _printing_token(code: str, pieces: _Pieces, same: dict[str, int], open_groups: list[int]) -> str:
    key = f"{open_groups}{code}"
    if key not in same:
        same[key] = len(pieces.tags)
        pieces.group_of[same[key]] = open_groups[-1] if open_groups else None
        pieces.tags.append("{{" + code + "}}")
    return f"{_OPEN}{same[key]}{_CLOSE}"


def _control_token(code: str, pieces: _Pieces, open_groups: list[int]) -> str:
    number = len(pieces.tags)
    pieces.tags.append("{%" + code + "%}")
    pieces.controls.add(number)
    keyword = (code.split() or [""])[0]
    if keyword in ("if", "for", "with"):
        pieces.groups.append(_Group(open_groups[-1] if open_groups else None))
        open_groups.append(len(pieces.groups) - 1)
    if keyword == "set":
        pieces.setters.add(number)
        pieces.group_of[number] = open_groups[-1] if open_groups else None
    elif open_groups:
        pieces.groups[open_groups[-1]].tags.append(number)
        pieces.group_of[number] = open_groups[-1]
    if keyword in _ENDINGS:
        open_groups.pop()
    return f"{_OPEN}{number}{_CLOSE}"


class _TemplateReader(HtmlReader):
    """Reads HTML with tokens; `states` tells for each control tag what the converter was in the middle of."""

    def __init__(self, pieces: _Pieces) -> None:
        super().__init__()
        self._controls = pieces.controls
        self.states: dict[int, tuple[object, ...]] = {}

    def handle_data(self, data: str) -> None:
        """Text, cut at its control tags so that the state at each is known."""
        for number in _TOKEN.findall(data):
            if int(number) in self._controls:
                self.states[int(number)] = self.state
        super().handle_data(data)

    def handle_comment(self, data: str) -> None:
        """Comments show nothing, but statements may be hidden in them: `<!-- {% for … %} -->`."""
        super().handle_data("".join(token[0] for token in _TOKEN.finditer(data) if int(token[1]) in self._controls))
        for number in _TOKEN.findall(data):
            self.states[int(number)] = self.state

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An opening tag; tokens in it must not decide what is shown."""
        for name, value in attrs:
            value = value or ""
            if _OPEN in name and _TOKEN.sub("", name) in (*_DECIDING_ATTRIBUTES, "" if tag in ("a", "img") else None):
                raise _Declined
            if name == "style" and _OPEN in value and ("display" in value.lower() or not _TOKEN.sub("", value).strip()):
                raise _Declined
        super().handle_starttag(tag, attrs)


def _check_structure(pieces: _Pieces, kept: list[int], states: dict[int, tuple[object, ...]]) -> None:
    """A statement must survive whole or not at all, its tags in the same state; nothing may survive without it."""
    times = Counter(kept)
    if any(times[number] != 1 for number in pieces.setters):
        raise _Declined
    survivors: dict[int, list[int]] = {}
    for number in kept:
        group_number = pieces.group_of.get(number)
        if group_number is not None and number in pieces.controls and number not in pieces.setters:
            survivors.setdefault(group_number, []).append(number)
    for group_number, numbers in survivors.items():
        tags = pieces.groups[group_number].tags
        if numbers != tags or len({states.get(number) for number in tags}) > 1:
            raise _Declined
    for number in times:
        group_number = pieces.group_of.get(number)
        while group_number is not None:
            if group_number not in survivors:
                raise _Declined
            group_number = pieces.groups[group_number].outer


def _put_together(marked: str, pieces: _Pieces) -> str:
    """The marked text with its tags back; braces of the text that would make a tag are printed by one."""
    out: list[str] = []
    for index, piece in enumerate(_TOKEN.split(marked)):
        if index % 2:
            out.append(pieces.tags[int(piece)])
        else:
            out.append(re.sub(r"\{(?=[{%#]|$)", "{{ '{' }}", settle_inside(piece)))
    return "".join(out)
