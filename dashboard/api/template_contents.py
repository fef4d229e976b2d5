"""What a template of each channel consists of, in the API: the shape of the content says which channel it is for."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, StrictBool, Tag

from dashboard.api.resource import Input
from dashboard.problems import DomainError
from worker.rendering.channels import content_from
from worker.rendering.content import Content

Source = Field("", max_length=500_000)
Line = Field("", max_length=2000)


class HeaderIn(Input):
    name: str = Field(min_length=1, max_length=100)
    value: str = Field(max_length=2000)


class EmailIn(Input):
    """An email: every text is Jinja source."""

    subject: str = Field(min_length=1, max_length=2000)
    html: str = Source
    text: str = Source
    from_name: str = Field("", max_length=500)
    reply_to: str = Field("", max_length=500)
    cc: list[str] = Field([], max_length=20)
    bcc: list[str] = Field([], max_length=20)
    headers: list[HeaderIn] = Field([], max_length=20)
    inline_css: StrictBool = False


class SmsIn(Input):
    """A text message: its text is Jinja source."""

    text: str = Field(min_length=1, max_length=500_000)
    registered_template: str = Field("", max_length=40, pattern="^[0-9]*$", description="DLT template id.")
    registered_text: str = Field("", max_length=4000, description="As registered, with its {#var#} slots.")


class PushDataIn(Input):
    key: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,79}$")
    value: str = Field(max_length=2000)


class PushIn(Input):
    """A notification: every text is Jinja source."""

    title: str = Field(min_length=1, max_length=2000)
    body: str = Field(min_length=1, max_length=500_000)
    image: str = Line
    link: str = Field("", max_length=2000, description="What a tap opens.")
    collapse_key: str = Field("", max_length=200, description="A later one with the same words replaces this one.")
    data: list[PushDataIn] = Field([], max_length=20)


def _channel(value: Any) -> str:
    """By the fields that only one of them has; what is none is refused as an email, which says what it lacks."""
    fields = value if isinstance(value, dict) else {"subject"}
    if "title" in fields or "body" in fields:
        return "push"
    return "email" if "subject" in fields or "html" in fields or "text" not in fields else "sms"


ContentIn = Annotated[
    Annotated[EmailIn, Tag("email")] | Annotated[SmsIn, Tag("sms")] | Annotated[PushIn, Tag("push")],
    Discriminator(_channel),
]
_CHANNELS = {EmailIn: "email", SmsIn: "sms", PushIn: "push"}


def content_of(given: EmailIn | SmsIn | PushIn) -> Content:
    """The same for the services. Raises DomainError."""
    try:
        return content_from(_CHANNELS[type(given)], given.model_dump())
    except TypeError as error:
        raise DomainError(str(error), field="content") from error
