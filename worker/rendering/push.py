"""Push notifications: what a template consists of, one rendered notification, and compiling the one for the other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Final

from worker.rendering.content import WithoutCopies, read_list, read_text
from worker.rendering.errors import RenderError
from worker.rendering.part import CompiledPart, render_within_limits
from worker.rendering.sandbox import EmailEnvironment, plain_environment
from worker.rendering.settling import settled_body

__all__ = ["PAYLOAD_LIMIT", "CompiledPush", "DataSource", "PushContent", "RenderedPush", "compile_push", "data_part"]

PAYLOAD_LIMIT: Final = 4096
"""Bytes of a notification's JSON that Apple and Google take."""

_LINES: Final = ("title", "image", "link", "collapse_key")
_SOURCES: Final = ("title", "body", "image", "link", "collapse_key")
_strict: Final = plain_environment()


def data_part(key: str) -> str:
    """The part name under which problems of the data entry `key` are told."""
    return f"data:{key}"


@dataclass(frozen=True, slots=True)
class DataSource:
    """An entry of the data that the app gets; `value` is Jinja source."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class PushContent(WithoutCopies):
    """A template: every field and every value of `data` is Jinja source.

    `image` and `link` are addresses; `collapse_key` names what a later notification replaces.
    """

    title: str
    body: str = ""
    image: str = ""
    link: str = ""
    collapse_key: str = ""
    data: tuple[DataSource, ...] = ()

    channel: ClassVar[str] = "push"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PushContent:
        """The content stored by to_dict; missing keys are empty. Raises TypeError naming a key of the wrong shape."""
        entries = tuple(_entry(item) for item in read_list(data, "data"))
        return cls(**{name: read_text(data, name) for name in _SOURCES}, data=entries)

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape stored in the database."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in _SOURCES}
        return {**fields, "data": [{"key": entry.key, "value": entry.value} for entry in self.data]}

    def sources(self) -> Iterator[tuple[str, str]]:
        """Every Jinja source as (part, source), in the order of the editor."""
        for name in _SOURCES:
            yield name, getattr(self, name)
        for entry in self.data:
            yield data_part(entry.key), entry.value

    def with_sources(self, change: Callable[[str, str], str]) -> PushContent:
        """The same with each source replaced by change(part, source)."""
        return replace(
            self,
            **{name: change(name, getattr(self, name)) for name in _SOURCES},
            data=tuple(DataSource(entry.key, change(data_part(entry.key), entry.value)) for entry in self.data),
        )


@dataclass(frozen=True, slots=True)
class RenderedPush:
    """One notification; `data` are (key, value) pairs of texts."""

    title: str
    body: str
    image: str = ""
    link: str = ""
    collapse_key: str = ""
    data: tuple[tuple[str, str], ...] = ()

    @property
    def payload(self) -> dict[str, Any]:
        """The notification as the JSON object that is measured; each vendor dresses it in its own words."""
        notification = {"title": self.title, "body": self.body, "image": self.image}
        payload: dict[str, Any] = {"notification": {name: text for name, text in notification.items() if text}}
        data = {**dict(self.data), **({"link": self.link} if self.link else {})}
        if data:
            payload["data"] = data
        return payload

    @property
    def payload_bytes(self) -> int:
        """Length of the payload as UTF-8."""
        return len(json.dumps(self.payload, ensure_ascii=False, separators=(",", ":")).encode())

    @property
    def preview(self) -> str:
        """The notification on one line, for lists."""
        return " ".join(f"{self.title}: {self.body}".split()) if self.title and self.body else self.title or self.body

    def marked(self, mark: str) -> RenderedPush:
        """The same with a mark in front of the title."""
        return replace(self, title=mark + self.title)

    def check(self) -> None:
        """Raises RenderError for what no vendor takes: nothing to show, or more than 4,096 bytes."""
        if not self.title and not self.body:
            raise RenderError("empty_message", "title and body are empty with these values", part="title")
        size = self.payload_bytes
        if size > PAYLOAD_LIMIT:
            message = f"the notification has {size:,} bytes; {PAYLOAD_LIMIT:,} are the most"
            raise RenderError("payload_too_large", message, part="body")


class CompiledPush:
    """A template version, ready to render; safe to share between threads."""

    def __init__(self, content: PushContent, environment: EmailEnvironment) -> None:
        """Compiles every part; raises TemplateSyntaxProblem. Use compile_push."""
        self.content = content
        self._globals = dict(environment.globals)
        self._parts = {
            name: CompiledPart(environment, name, getattr(content, name), one_line=name in _LINES) for name in _SOURCES
        }
        self._data = tuple(
            (entry.key, CompiledPart(environment, data_part(entry.key), entry.value)) for entry in content.data
        )
        uses = [use for part in (*self._parts.values(), *(part for _, part in self._data)) for use in part.uses]
        self.variables: frozenset[str] = frozenset(use.root for use in uses)
        self.required: frozenset[str] = frozenset(use.root for use in uses if not use.certain)

    def render(self, values: Mapping[str, Any]) -> RenderedPush:
        """One notification, whether or not it can be sent (see `RenderedPush.check`). Raises RenderError."""
        return render_within_limits(partial(self._render, {**self._globals, **values}), "body")

    def _render(self, values: dict[str, Any]) -> RenderedPush:
        texts = {name: settled_body(part.render(values)).strip() for name, part in self._parts.items()}
        for name in _LINES:
            texts[name] = " ".join(texts[name].split("\n"))
        data = tuple((key, settled_body(part.render(values))) for key, part in self._data)
        return RenderedPush(**texts, data=data)


def compile_push(content: PushContent, environment: EmailEnvironment = _strict) -> CompiledPush:
    """Compiles every part. Raises TemplateSyntaxProblem for the first problem; diagnose() lists all."""
    return CompiledPush(content, environment)


def _entry(item: Any) -> DataSource:
    if not isinstance(item, Mapping):
        raise TypeError("data must be a list of objects with key and value")
    return DataSource(key=read_text(item, "key"), value=read_text(item, "value"))
