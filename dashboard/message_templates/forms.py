"""Forms of templates: shape checks only; what needs the database is checked by the services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage
from wtforms import (
    BooleanField,
    Field,
    Form,
    IntegerField,
    MultipleFileField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import DataRequired, Length, Optional, ValidationError
from wtforms.widgets import HiddenInput

from dashboard.message_templates import content_rules as rules
from dashboard.message_templates.queries import CATEGORY_CHOICES
from dashboard.message_templates.starters import STARTERS
from worker.rendering.content import EmailContent, HeaderSource
from worker.rendering.syntax import MAXIMUM_SOURCE

MAXIMUM_TAGS = 20
_SOURCE_LIMIT = Length(max=MAXIMUM_SOURCE, message=f"At most {MAXIMUM_SOURCE} characters: a mail this long is cut.")


def select_choices(pairs: Iterable[tuple[str, str]]) -> list[SelectChoice]:
    """(value, label) pairs as WTForms wants them."""
    return [SelectChoice(value, label) for value, label in pairs]


def clean(value: str | None) -> str:
    """One-line text without the spaces around it and without NUL, which no database column takes."""
    return (value or "").replace("\x00", "").strip(" \t")


def unix_lines(value: str | None) -> str:
    """Text with LF line ends: browsers send CRLF, and positions of problems count characters."""
    return (value or "").replace("\r\n", "\n").replace("\r", "\n")


def one_line(_form: Form, field: Field) -> None:
    """Validator: nothing that could end a header line."""
    problem = rules.line_problem(field.data or "")
    if problem:
        raise ValidationError(problem)


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


def _json_object(_form: Form, field: Field) -> None:
    try:
        rules.read_object(field.data or "")
    except rules.JsonProblem as problem:
        raise ValidationError(f"This is not the JSON that is needed: {problem.message}.") from problem


def _tags(_form: Form, field: Field) -> None:
    words = tag_words(field.data or "")
    if len(words) > MAXIMUM_TAGS or any(len(word) > 40 for word in words):
        raise ValidationError(f"At most {MAXIMUM_TAGS} tags of 40 characters each.")


def tag_words(text: str) -> list[str]:
    """Tags as typed with commas between, each once."""
    return list(dict.fromkeys(word for piece in text.split(",") if (word := " ".join(piece.split()))))


@dataclass(slots=True)
class HeaderRow:
    """One custom header as typed, with the reason it is refused."""

    name: str = ""
    value: str = ""
    error: str = ""


class NewTemplateForm(FlaskForm):
    name = StringField(
        "Name",
        [DataRequired("Give the template a name."), Length(max=160), one_line],
        filters=[clean],
        description="What colleagues look for: “Order shipped”, not “Template 12”.",
    )
    category = SelectField(
        "Category",
        choices=select_choices(CATEGORY_CHOICES),
        description="Decides the provider, and whether people can unsubscribe: promotional mail needs the link.",
    )
    starter = RadioField("Start from", choices=select_choices((entry.key, entry.name) for entry in STARTERS))


class CloneForm(FlaskForm):
    name = StringField(
        "Name of the copy", [DataRequired("Give the copy a name."), Length(max=160), one_line], filters=[clean]
    )


class VersionedForm(FlaskForm):
    """A button that changes a template: it carries the version that the person saw."""

    version = IntegerField(validators=[Optional()], widget=HiddenInput())


class PublishForm(VersionedForm):
    note = StringField(
        "Note",
        [Length(max=500), one_line],
        filters=[clean],
        description="What changed and why, for whoever looks at the versions later.",
    )


class TemplateForm(VersionedForm):
    """The editor. Custom headers and attachments are rows of the request, see `header_rows` and `kept`."""

    name = StringField("Name", [DataRequired("Give the template a name."), Length(max=160), one_line], filters=[clean])
    description = TextAreaField("Description", [Length(max=2000)], filters=[unix_lines, clean])
    tags = StringField("Tags", [_tags, one_line], filters=[clean], description="With commas between.")
    category = SelectField("Category", choices=select_choices(CATEGORY_CHOICES))
    subject = StringField(
        "Subject", [DataRequired("A mail needs a subject."), Length(max=2000), one_line], filters=[clean]
    )
    html = TextAreaField("HTML", [_SOURCE_LIMIT], filters=[unix_lines])
    text_mode = RadioField(
        "Text part",
        choices=select_choices((("derived", "Made from the HTML"), ("written", "Written by hand"))),
        default="derived",
    )
    text = TextAreaField("Text", [_SOURCE_LIMIT], filters=[unix_lines])
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
    sample = TextAreaField(
        "Sample values",
        [_json_object, Length(max=100_000)],
        filters=[unix_lines],
        description="JSON: the preview and test sends use these where no real record is chosen.",
    )
    files = MultipleFileField("Add files")

    def __init__(self, *arguments: Any, rows: Iterable[HeaderRow] | None = None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.header_rows: list[HeaderRow] = list(rows) if rows is not None else _posted_rows()

    def validate(self, extra_validators: Any = None) -> bool:
        """All fields and all header rows; a written text part must be there."""
        valid = bool(super().validate(extra_validators))
        seen: set[str] = set()
        for row in self.header_rows:
            row.error = ""
            if row.name or row.value:
                row.error = rules.header_problem(row.name, row.value, seen) or ""
        if self.text_mode.data == "written" and not (self.text.data or "").strip():
            self.text.errors = [*self.text.errors, "Write the text part, or let it be made from the HTML."]
            valid = False
        return valid and not any(row.error for row in self.header_rows)

    @property
    def row_errors(self) -> list[tuple[str, str]]:
        """(id of the input, message) of every header row that is refused, for the error summary."""
        return [(f"header_name-{index}", row.error) for index, row in enumerate(self.header_rows) if row.error]

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
            headers=tuple(HeaderSource(row.name, row.value) for row in self.header_rows if row.name or row.value),
            inline_css=bool(self.inline_css.data),
        )


def _posted_rows() -> list[HeaderRow]:
    names, values = request.form.getlist("header_name"), request.form.getlist("header_value")
    return [HeaderRow(clean(name), clean(value)) for name, value in zip(names, values, strict=False)]


class TestSendForm(FlaskForm):
    __test__ = False  # pytest would take the name for a test

    addresses = TextAreaField(
        "Send to",
        [DataRequired("Type at least one address."), Length(max=2000)],
        filters=[unix_lines],
        description="Up to five addresses: one a line, or with commas between.",
    )
    provider = SelectField("Provider", default="", description="The category's default, or one that you want to try.")

    def validate_addresses(self, field: Field) -> None:
        words = rules.address_words(field.data or "")
        problem = rules.addresses_problem(words, most=5) if words else "Type at least one address."
        if problem:
            raise ValidationError(problem)

    @property
    def words(self) -> list[str]:
        return list(dict.fromkeys(rules.address_words(self.addresses.data or "")))
