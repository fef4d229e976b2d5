"""What each channel writes its messages in: the one place that tells email, SMS and push apart for everybody else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from worker.rendering.compiler import Dialects, compile_email
from worker.rendering.content import Attachment, Content, EmailContent, Rendered, RenderedEmail
from worker.rendering.push import PushContent, RenderedPush, compile_push
from worker.rendering.sms import RenderedSms, SmsContent, compile_sms

__all__ = ["Compiled", "compile_content", "content_from", "rendered_from"]


class Compiled(Protocol):
    """A template version of any channel, ready to render; safe to share between threads."""

    variables: frozenset[str]  # names that it reads
    required: frozenset[str]  # those that every recipient must have a value for

    def render(self, values: Mapping[str, Any]) -> Rendered:
        """One message. Raises RenderError."""


@dataclass(frozen=True, slots=True)
class _Medium:
    read: Callable[[Mapping[str, Any], Sequence[Attachment]], Content]
    compile: Callable[[Any, Dialects | None], Compiled]
    rendered: Callable[[dict[str, Any]], Rendered]


def _rendered_email(data: dict[str, Any]) -> RenderedEmail:
    headers = tuple((name, value) for name, value in data["headers"])
    return RenderedEmail(**{**data, "cc": tuple(data["cc"]), "bcc": tuple(data["bcc"]), "headers": headers})


def _rendered_push(data: dict[str, Any]) -> RenderedPush:
    return RenderedPush(**{**data, "data": tuple((key, value) for key, value in data["data"])})


_MEDIA: Final[Mapping[str, _Medium]] = {
    "email": _Medium(
        EmailContent.from_dict,
        lambda content, dialects: compile_email(content, dialects) if dialects else compile_email(content),
        _rendered_email,
    ),
    "sms": _Medium(
        lambda data, _attachments: SmsContent.from_dict(data),
        lambda content, dialects: compile_sms(content, dialects.plain) if dialects else compile_sms(content),
        lambda data: RenderedSms(**data),
    ),
    "push": _Medium(
        lambda data, _attachments: PushContent.from_dict(data),
        lambda content, dialects: compile_push(content, dialects.plain) if dialects else compile_push(content),
        _rendered_push,
    ),
}


def content_from(channel: str, data: Mapping[str, Any], attachments: Sequence[Attachment] = ()) -> Content:
    """The content of a channel as stored by its to_dict. Raises TypeError naming the key of a wrong shape."""
    return _MEDIA[channel].read(data, attachments)


def compile_content(content: Content, dialects: Dialects | None = None) -> Compiled:
    """Compiles a template of whatever channel. Raises TemplateSyntaxProblem."""
    return _MEDIA[content.channel].compile(content, dialects)


def rendered_from(channel: str, data: dict[str, Any]) -> Rendered:
    """A rendered message from the JSON of its fields."""
    return _MEDIA[channel].rendered(data)
