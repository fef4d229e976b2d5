"""The editor's forms for SMS and push."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Regexp

from dashboard.message_templates import content_rules as rules
from dashboard.message_templates.forms import SOURCE_LIMIT, Row, TemplateForm, clean, one_line, unix_lines
from worker.rendering.push import DataSource, PushContent
from worker.rendering.sms import SmsContent

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
#: Keys that the vendors keep for themselves; FCM refuses a message that has one.
_RESERVED = frozenset({"from", "message_type", "notification"})


class SmsForm(TemplateForm):
    main: ClassVar[str] = "text"

    text = TextAreaField("Message", [DataRequired("A text message needs words."), SOURCE_LIMIT], filters=[unix_lines])
    registered_template = StringField(
        "DLT template id",
        [Length(max=40), Regexp(r"[0-9]*$", message="The id has digits only.")],
        filters=[clean],
        description="The number under which Indian operators know this text. Needed for numbers in India.",
    )
    registered_text = TextAreaField(
        "Registered text",
        [Length(max=4000)],
        filters=[unix_lines],
        description="As registered, with its `{#var#}` slots: every preview is held against it.",
    )

    @classmethod
    def values_of(cls, content: SmsContent) -> dict[str, Any]:
        """The fields filled from a text message."""
        return content.to_dict()

    def content(self) -> SmsContent:
        """What was typed."""
        return SmsContent(
            text=self.text.data or "",
            registered_template=self.registered_template.data or "",
            registered_text=self.registered_text.data or "",
        )


class PushForm(TemplateForm):
    """Entries of the data are the rows."""

    main: ClassVar[str] = "title"
    row_inputs: ClassVar[tuple[str, str]] = ("entry_key", "entry_value")

    title = StringField("Title", [Length(max=2000), one_line], filters=[clean])
    body = TextAreaField("Body", [DataRequired("A notification needs a body."), SOURCE_LIMIT], filters=[unix_lines])
    image = StringField(
        "Image", [Length(max=2000), one_line], filters=[clean], description="An https address; phones fetch it."
    )
    link = StringField(
        "Link", [Length(max=2000), one_line], filters=[clean], description="What a tap opens: https://… or app://…"
    )
    collapse_key = StringField(
        "Replaces",
        [Length(max=200), one_line],
        filters=[clean],
        description="A later notification with the same words takes the place of this one.",
    )

    @classmethod
    def values_of(cls, content: PushContent) -> dict[str, Any]:
        """The fields filled from a notification."""
        return {name: value for name, value in content.to_dict().items() if name != "data"}

    @classmethod
    def rows_of(cls, content: PushContent, /) -> list[Row]:
        """Its data."""
        return [Row(entry.key, entry.value) for entry in content.data]

    def row_problem(self, row: Row, seen: set[str], /) -> str | None:
        """Why an entry is refused."""
        if not _KEY.fullmatch(row.name):
            return "A key starts with a letter and has letters, digits, dots, hyphens and underscores only."
        if row.name in _RESERVED or row.name.startswith(("google.", "gcm.")):
            return f"{row.name} is kept by the vendors. Choose another key."
        if row.name in seen:
            return f"{row.name} is there twice. Keep one of them."
        seen.add(row.name)
        return rules.line_problem(row.value)

    def content(self) -> PushContent:
        """What was typed."""
        return PushContent(
            title=self.title.data or "",
            body=self.body.data or "",
            image=self.image.data or "",
            link=self.link.data or "",
            collapse_key=self.collapse_key.data or "",
            data=tuple(DataSource(row.name, row.value) for row in self.rows if row.name or row.value),
        )
