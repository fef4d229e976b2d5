"""Forms of templates: shape checks only; what needs the database is checked by the services."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from flask import request
from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage
from wtforms import (
    Field,
    Form,
    IntegerField,
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
from dashboard.message_templates.recipients import TestRecipients
from dashboard.message_templates.starters import starters
from worker.rendering.content import Content
from worker.rendering.syntax import MAXIMUM_SOURCE

MAXIMUM_TAGS = 20
SOURCE_LIMIT = Length(max=MAXIMUM_SOURCE, message=f"At most {MAXIMUM_SOURCE} characters.")


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
class Row:
    """A custom header or an entry of data as typed, with the reason it is refused."""

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
    starter = RadioField("Start from")

    def __init__(self, *arguments: Any, channel: str, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.starter.choices = select_choices((entry.key, entry.name) for entry in starters(channel))


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
    """What every editor has; a subclass for each channel adds the content. Rows (headers, data) are repeated inputs
    of the request, attachments are named by `kept`."""

    #: The field that no editor of the channel can do without, so that its presence tells a posted form.
    main: ClassVar[str]
    #: Names of the two inputs of a row, "" where the channel has no rows; the block that shows them.
    row_inputs: ClassVar[tuple[str, str]] = ("", "")

    name = StringField("Name", [DataRequired("Give the template a name."), Length(max=160), one_line], filters=[clean])
    description = TextAreaField("Description", [Length(max=2000)], filters=[unix_lines, clean])
    tags = StringField("Tags", [_tags, one_line], filters=[clean], description="With commas between.")
    category = SelectField("Category", choices=select_choices(CATEGORY_CHOICES))
    sample = TextAreaField(
        "Sample values",
        [_json_object, Length(max=100_000)],
        filters=[unix_lines],
        description="JSON: the preview and test sends use these where no real record is chosen.",
    )

    def __init__(self, *arguments: Any, rows: Iterable[Row] | None = None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.rows: list[Row] = list(rows) if rows is not None else self._posted_rows()

    @classmethod
    def values_of(cls, content: Any) -> dict[str, Any]:
        """The fields filled from a content of the channel."""
        raise NotImplementedError

    @classmethod
    def rows_of(cls, _content: Any, /) -> list[Row]:
        """The rows of a content of the channel."""
        return []

    def content(self) -> Content:
        """What was typed, without attachments; it may not compile yet."""
        raise NotImplementedError

    def row_problem(self, _row: Row, _seen: set[str], /) -> str | None:
        """Why a row is refused; the set holds the names before it and takes this one up."""
        return None

    def validate(self, extra_validators: Any = None) -> bool:
        """All fields and all rows."""
        valid = bool(super().validate(extra_validators))
        seen: set[str] = set()
        for row in self.rows:
            row.error = ""
            if row.name or row.value:
                row.error = self.row_problem(row, seen) or ""
        return valid and not any(row.error for row in self.rows)

    @property
    def row_errors(self) -> list[tuple[str, str]]:
        """(id of the input, message) of every row that is refused, for the error summary."""
        return [(f"{self.row_inputs[0]}-{index}", row.error) for index, row in enumerate(self.rows) if row.error]

    @property
    def uploads(self) -> list[FileStorage]:
        """Files that arrived with the form."""
        return []

    def _posted_rows(self) -> list[Row]:
        names, values = (request.form.getlist(name) if name else [] for name in self.row_inputs)
        return [Row(clean(name), clean(value)) for name, value in zip(names, values, strict=False)]


class TestSendForm(FlaskForm):
    __test__ = False  # pytest would take the name for a test

    addresses = TextAreaField("Send to", [DataRequired("Type at least one address."), Length(max=24_000)])
    provider = SelectField("Provider", default="", description="The category's default, or one that you want to try.")

    def __init__(self, *arguments: Any, recipients: TestRecipients, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._recipients = recipients
        self.addresses.description = recipients.hint

    def validate_addresses(self, field: Field) -> None:
        try:
            self.words = self._recipients.read(unix_lines(field.data))
        except ValueError as problem:
            raise ValidationError(str(problem)) from problem
