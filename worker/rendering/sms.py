"""SMS: what a template consists of, one rendered message, and compiling the one for the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from typing import Any, ClassVar, Final, NamedTuple

from worker.rendering.content import WithoutCopies, read_text
from worker.rendering.errors import RenderError
from worker.rendering.part import CompiledPart, render_within_limits
from worker.rendering.sandbox import EmailEnvironment, plain_environment
from worker.rendering.segments import GSM7, MOST_SEGMENTS, Measure, measure
from worker.rendering.settling import settled_body

__all__ = ["CompiledSms", "RenderedSms", "Run", "SmsContent", "compile_sms"]

_strict: Final = plain_environment()
#: What phones make a link of, roughly: an address with its scheme, or www and a name.
_LINK: Final = re.compile(r"\b(?:https?://|www\.)[^\s<>]*[^\s<>.,;:!?)\]]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SmsContent(WithoutCopies):
    """A template: `text` is Jinja source.

    `registered_template` is the id under which a regulator knows the text (19 digits in India, kept as text),
    `registered_text` that text with its {#var#} slots; both empty where nothing has to be registered.
    """

    text: str
    registered_template: str = ""
    registered_text: str = ""

    channel: ClassVar[str] = "sms"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SmsContent:
        """The content stored by to_dict; missing keys are empty. Raises TypeError naming a key of the wrong shape."""
        return cls(**{name: read_text(data, name) for name in ("text", "registered_template", "registered_text")})

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape stored in the database."""
        return {
            "text": self.text,
            "registered_template": self.registered_template,
            "registered_text": self.registered_text,
        }

    def sources(self) -> Iterator[tuple[str, str]]:
        """Every Jinja source as (part, source)."""
        yield "text", self.text

    def with_sources(self, change: Callable[[str, str], str]) -> SmsContent:
        """The same with each source replaced by change(part, source)."""
        return replace(self, text=change("text", self.text))


class Run(NamedTuple):
    """A piece of a text; `kind` is link, slot or empty."""

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class RenderedSms:
    """One message: the text with LF line ends, how it travels, and in how many segments."""

    text: str
    encoding: str = GSM7
    segments: int = 0

    @classmethod
    def of(cls, text: str) -> RenderedSms:
        """The message of a text."""
        size = measure(text)
        return cls(text, size.encoding, size.segments)

    @property
    def measure(self) -> Measure:
        """The length in full, with the cuts."""
        return measure(self.text)

    def runs(self, slots: Sequence[tuple[int, int]] = ()) -> tuple[tuple[Run, ...], ...]:
        """The text as a phone shows it: for each segment its runs. `slots` are (start, end) of what fills each slot."""
        kinds = {**_kinds("link", _links(self.text)), **_kinds("slot", slots)}
        cuts = self.measure.cuts
        edges = sorted({0, len(self.text), *cuts, *(edge for pair in (*slots, *_links(self.text)) for edge in pair)})
        segments: list[list[Run]] = [[]]
        for start, end in pairwise(edges):
            if start in cuts:
                segments.append([])
            segments[-1].append(Run(self.text[start:end], kinds.get(start, "")))
        return tuple(tuple(runs) for runs in segments)

    @property
    def preview(self) -> str:
        """The message on one line, for lists."""
        return " ".join(self.text.split())

    def marked(self, mark: str) -> RenderedSms:
        """The same with a mark in front."""
        return RenderedSms.of(mark + self.text)

    def check(self) -> None:
        """Raises RenderError for what no gateway takes: an empty text, or one of more than ten segments."""
        if not self.text:
            raise RenderError("empty_message", "the message is empty with these values", part="text")
        if self.segments > MOST_SEGMENTS:
            message = f"the message takes {self.segments} segments; {MOST_SEGMENTS} are the most"
            raise RenderError("too_many_segments", message, part="text")


def _links(text: str) -> list[tuple[int, int]]:
    return [found.span() for found in _LINK.finditer(text)]


def _kinds(kind: str, spans: Iterable[tuple[int, int]]) -> dict[int, str]:
    return {index: kind for start, end in spans for index in range(start, end)}


class CompiledSms:
    """A template version, ready to render; safe to share between threads."""

    def __init__(self, content: SmsContent, environment: EmailEnvironment) -> None:
        """Compiles the text; raises TemplateSyntaxProblem. Use compile_sms."""
        self.content = content
        self._globals = dict(environment.globals)
        self._text = CompiledPart(environment, "text", content.text)
        self.variables: frozenset[str] = frozenset(use.root for use in self._text.uses)
        self.required: frozenset[str] = frozenset(use.root for use in self._text.uses if not use.certain)

    def render(self, values: Mapping[str, Any]) -> RenderedSms:
        """One message, whether or not it can be sent (see `RenderedSms.check`). Raises RenderError."""
        text = render_within_limits(partial(self._text.render, {**self._globals, **values}), "text")
        return RenderedSms.of(settled_body(text).strip())


def compile_sms(content: SmsContent, environment: EmailEnvironment = _strict) -> CompiledSms:
    """Compiles the text. Raises TemplateSyntaxProblem for the first problem; diagnose() lists all."""
    return CompiledSms(content, environment)
