"""What every template has in common; what an email template and one rendered email consist of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol, Self

from worker.rendering.settling import settled_body

__all__ = [
    "Attachment",
    "Content",
    "EmailContent",
    "HeaderSource",
    "Rendered",
    "RenderedEmail",
    "UnjoinedEmail",
    "WithoutCopies",
    "header_part",
    "read_list",
    "read_text",
]

_TEXT_FIELDS = ("subject", "html", "text", "from_name", "reply_to", "cc_variable", "bcc_variable")


class Content(Protocol):
    """A template of one channel: Jinja sources in named parts, and whatever else a version keeps."""

    channel: ClassVar[str]

    def __hash__(self) -> int:
        """Contents are values: equal ones are the same."""

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape stored in the database."""

    def sources(self) -> Iterator[tuple[str, str]]:
        """Every written Jinja source as (part, source), in the order in which an editor shows them."""

    def address_variables(self) -> Iterator[tuple[str, str]]:
        """The variables that are named outside of the sources, as (part, name)."""

    def with_sources(self, change: Callable[[str, str], str]) -> Self:
        """The same with each source replaced by change(part, source)."""

    def with_variable(self, old: str, new: str, /) -> Self:
        """The same where a variable named outside of the sources is called `new` in place of `old`."""


class WithoutCopies:
    """A template whose sources name all of its variables: nobody but the recipient gets the message."""

    __slots__ = ()

    def address_variables(self) -> Iterator[tuple[str, str]]:
        """None."""
        return iter(())

    def with_variable(self, _old: str, _new: str, /) -> Self:
        """The same: there is nothing to change."""
        return self


class Rendered(Protocol):
    """One message's content, of whatever channel."""

    @property
    def preview(self) -> str:
        """The message on one line, for lists: a subject, a text, a title."""

    def marked(self, mark: str) -> Self:
        """The same with a mark in front of what the recipient sees first."""

    def check(self) -> None:
        """Raises RenderError where no provider would take the message."""


def header_part(name: str) -> str:
    """The part name under which problems of the custom header `name` are told."""
    return f"header:{name}"


@dataclass(frozen=True, slots=True)
class HeaderSource:
    """A custom header; `value` is Jinja source."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that every message of a version carries."""

    filename: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class EmailContent:
    """A template: subject, html, text, from_name, reply_to and header values are Jinja source.

    An empty `text` is derived from the HTML. `cc` and `bcc` are fixed addresses; `cc_variable` and `bcc_variable`
    name a variable that holds an address, a list of addresses or a comma separated string of them. `inline_css`
    moves the rules of <style> into style attributes after rendering (about 0.1 ms a message).
    """

    subject: str
    html: str
    text: str = ""
    from_name: str = ""
    reply_to: str = ""
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    cc_variable: str = ""
    bcc_variable: str = ""
    headers: tuple[HeaderSource, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    inline_css: bool = False

    channel: ClassVar[str] = "email"

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], attachments: Sequence[Attachment] = ()) -> EmailContent:
        """The content stored by to_dict; missing keys are empty, unknown ones are left alone.

        Raises TypeError naming the key whose value has the wrong shape.
        """
        return cls(
            **{name: read_text(data, name) for name in _TEXT_FIELDS},
            cc=_texts(data, "cc"),
            bcc=_texts(data, "bcc"),
            headers=tuple(_header(item) for item in read_list(data, "headers")),
            attachments=tuple(attachments),
            inline_css=bool(data.get("inline_css", False)),
        )

    def to_dict(self) -> dict[str, Any]:
        """The JSON shape stored in the database; attachments have their own table and are left out."""
        return {
            **{name: getattr(self, name) for name in _TEXT_FIELDS},
            "cc": list(self.cc),
            "bcc": list(self.bcc),
            "headers": [{"name": header.name, "value": header.value} for header in self.headers],
            "inline_css": self.inline_css,
        }

    def sources(self) -> Iterator[tuple[str, str]]:
        """Every written Jinja source as (part, source), in the order in which an editor shows them."""
        yield "subject", self.subject
        yield "from_name", self.from_name
        yield "reply_to", self.reply_to
        for header in self.headers:
            yield header_part(header.name), header.value
        yield "html", self.html
        if self.text:
            yield "text", self.text

    def address_variables(self) -> Iterator[tuple[str, str]]:
        """The variables that hold copies' addresses, as (part, name)."""
        if self.cc_variable:
            yield "cc", self.cc_variable
        if self.bcc_variable:
            yield "bcc", self.bcc_variable

    def with_sources(self, change: Callable[[str, str], str]) -> EmailContent:
        """The same with each source replaced by change(part, source)."""
        return replace(
            self,
            subject=change("subject", self.subject),
            from_name=change("from_name", self.from_name),
            reply_to=change("reply_to", self.reply_to),
            html=change("html", self.html),
            text=change("text", self.text),
            headers=tuple(HeaderSource(h.name, change(header_part(h.name), h.value)) for h in self.headers),
        )

    def with_variable(self, old: str, new: str, /) -> EmailContent:
        """The same where the copies' addresses come from `new` in place of `old`."""
        return replace(
            self,
            cc_variable=new if self.cc_variable == old else self.cc_variable,
            bcc_variable=new if self.bcc_variable == old else self.bcc_variable,
        )


@dataclass(slots=True)  # not frozen: one is made for each message, and that would cost 2 µs more
class RenderedEmail:
    """One message's content: header values hold no line break, addresses are checked, bodies use LF line ends."""

    subject: str
    html: str
    text: str
    from_name: str
    reply_to: str
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    headers: tuple[tuple[str, str], ...]

    @property
    def preview(self) -> str:
        """The subject."""
        return self.subject

    def marked(self, mark: str) -> RenderedEmail:
        """The same with a mark in front of the subject."""
        return replace(self, subject=mark + self.subject)

    def check(self) -> None:
        """Everything that rendering lets through can be sent."""


class UnjoinedEmail(RenderedEmail):
    """The same, its HTML given as the pieces that a template printed and put together when somebody asks: what goes
    over SMTP is made from runs, and never does."""

    __slots__ = ("_html",)
    _html: str | Sequence[str]

    @property
    def html(self) -> str:
        """As of any RenderedEmail."""
        if not isinstance(self._html, str):
            self._html = settled_body("".join(self._html))
        return self._html

    @html.setter
    def html(self, html: str) -> None:
        self._html = html


def read_text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{key} must be text, not {type(value).__name__}")
    return value


def read_list(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = data.get(key) or ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{key} must be a list, not {type(value).__name__}")
    return value


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = read_list(data, key)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{key} must be a list of texts")
    return tuple(values)


def _header(item: Any) -> HeaderSource:
    if not isinstance(item, Mapping):
        raise TypeError("headers must be a list of objects with name and value")
    return HeaderSource(name=read_text(item, "name"), value=read_text(item, "value"))
