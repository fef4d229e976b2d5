"""What an email template consists of, and what one rendered email consists of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Attachment", "EmailContent", "HeaderSource", "RenderedEmail", "header_part"]

_TEXT_FIELDS = ("subject", "html", "text", "from_name", "reply_to", "cc_variable", "bcc_variable")


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

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], attachments: Sequence[Attachment] = ()) -> EmailContent:
        """The content stored by to_dict; missing keys are empty, unknown ones are left alone.

        Raises TypeError naming the key whose value has the wrong shape.
        """
        return cls(
            **{name: _text(data, name) for name in _TEXT_FIELDS},
            cc=_texts(data, "cc"),
            bcc=_texts(data, "bcc"),
            headers=tuple(_header(item) for item in _list(data, "headers")),
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


@dataclass(frozen=True, slots=True)
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


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key, "")
    if value is None:
        return ""
    if not isinstance(value, str):
        raise TypeError(f"{key} must be text, not {type(value).__name__}")
    return value


def _list(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = data.get(key) or ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise TypeError(f"{key} must be a list, not {type(value).__name__}")
    return value


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values = _list(data, key)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{key} must be a list of texts")
    return tuple(values)


def _header(item: Any) -> HeaderSource:
    if not isinstance(item, Mapping):
        raise TypeError("headers must be a list of objects with name and value")
    return HeaderSource(name=_text(item, "name"), value=_text(item, "value"))
