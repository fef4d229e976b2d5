"""The editor's form for email."""

from __future__ import annotations

from typing import Any, ClassVar

from werkzeug.datastructures import FileStorage
from wtforms import BooleanField, Field, Form, MultipleFileField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from dashboard.message_templates import content_rules as rules
from dashboard.message_templates.forms import (
    SOURCE_LIMIT,
    Row,
    TemplateForm,
    clean,
    one_line,
    select_choices,
    unix_lines,
)
from worker.rendering.content import EmailContent, HeaderSource


def _fixed_addresses(_form: Form, field: Field) -> None:
    problem = rules.addresses_problem(rules.address_words(field.data or ""))
    if problem:
        raise ValidationError(problem)


def _variable_path(_form: Form, field: Field) -> None:
    problem = rules.path_problem(field.data) if field.data else None
    if problem:
        raise ValidationError(problem)


def _reply_address(_form: Form, field: Field) -> None:
    typed = field.data or ""
    problem = None if rules.has_code(typed) else rules.addresses_problem(rules.address_words(typed))
    if problem:
        raise ValidationError(problem)


class EmailForm(TemplateForm):
    """Custom headers are the rows."""

    main: ClassVar[str] = "html"
    row_inputs: ClassVar[tuple[str, str]] = ("header_name", "header_value")

    subject = StringField(
        "Subject", [DataRequired("A mail needs a subject."), Length(max=2000), one_line], filters=[clean]
    )
    html = TextAreaField("HTML", [SOURCE_LIMIT], filters=[unix_lines])
    text_mode = RadioField(
        "Text part",
        choices=select_choices((("derived", "Made from the HTML"), ("written", "Written by hand"))),
        default="derived",
    )
    text = TextAreaField("Text", [SOURCE_LIMIT], filters=[unix_lines])
    from_name = StringField(
        "Sender name",
        [Length(max=500), one_line],
        filters=[clean],
        description="Empty: the name of the provider's From address.",
    )
    reply_to = StringField(
        "Reply-to", [Length(max=500), one_line, _reply_address], filters=[clean], description="Where answers go."
    )
    cc = StringField("Cc", [_fixed_addresses, one_line], filters=[clean], description="Everybody sees these addresses.")
    bcc = StringField("Bcc", [_fixed_addresses, one_line], filters=[clean], description="Nobody sees these.")
    cc_variable = StringField("Cc from a variable", [_variable_path, Length(max=200)], filters=[clean])
    bcc_variable = StringField("Bcc from a variable", [_variable_path, Length(max=200)], filters=[clean])
    inline_css = BooleanField(
        "Move CSS into the elements",
        description="For mail programs that ignore `<style>`. Costs about 0.1 ms a message.",
    )
    files = MultipleFileField("Add files")

    @classmethod
    def values_of(cls, content: EmailContent) -> dict[str, Any]:
        """The fields filled from an email."""
        return {
            "subject": content.subject,
            "html": content.html,
            "text": content.text,
            "text_mode": "written" if content.text else "derived",
            "from_name": content.from_name,
            "reply_to": content.reply_to,
            "cc": ", ".join(content.cc),
            "bcc": ", ".join(content.bcc),
            "cc_variable": content.cc_variable,
            "bcc_variable": content.bcc_variable,
            "inline_css": content.inline_css,
        }

    @classmethod
    def rows_of(cls, content: EmailContent, /) -> list[Row]:
        """Its custom headers."""
        return [Row(header.name, header.value) for header in content.headers]

    def row_problem(self, row: Row, seen: set[str], /) -> str | None:
        """Why a header is refused."""
        return rules.header_problem(row.name, row.value, seen)

    def validate(self, extra_validators: Any = None) -> bool:
        """All fields and headers; a written text part must be there."""
        valid = super().validate(extra_validators)
        if self.text_mode.data == "written" and not (self.text.data or "").strip():
            self.text.errors = [*self.text.errors, "Write the text part, or let it be made from the HTML."]
            valid = False
        return valid

    @property
    def uploads(self) -> list[FileStorage]:
        """Files that arrived with the form; a field without a choice sends an empty one."""
        return [file for file in self.files.data or [] if isinstance(file, FileStorage) and file.filename]

    def content(self) -> EmailContent:
        """What was typed, without attachments; it may not compile yet."""
        return EmailContent(
            subject=self.subject.data or "",
            html=self.html.data or "",
            text=(self.text.data or "") if self.text_mode.data == "written" else "",
            from_name=self.from_name.data or "",
            reply_to=self.reply_to.data or "",
            cc=tuple(rules.address_words(self.cc.data or "")),
            bcc=tuple(rules.address_words(self.bcc.data or "")),
            cc_variable=self.cc_variable.data or "",
            bcc_variable=self.bcc_variable.data or "",
            headers=tuple(HeaderSource(row.name, row.value) for row in self.rows if row.name or row.value),
            inline_css=bool(self.inline_css.data),
        )
