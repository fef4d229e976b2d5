"""Forms of audiences and their imports: shapes only; what needs the database is checked by the services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import (
    Field,
    FieldList,
    Form,
    FormField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import AnyOf, DataRequired, InputRequired, Length, ValidationError
from wtforms.widgets import HiddenInput

from dashboard.audiences.import_services import MOST_COLUMNS
from dashboard.audiences.models import AudienceImport
from worker.imports.dialect import DELIMITERS, ENCODINGS, HEADER_ROWS, QUOTES, Dialect
from worker.imports.mapping import SINGLE, TARGET_LABELS, Column, Target, problems
from worker.imports.phones import country_choices

PASTED_CHARACTERS = 2_000_000
_TAGS, _TAG_LENGTH = 20, 40

SOURCES = ("upload", "paste", "url")
MODES = [SelectChoice("replace", "Replace all records"), SelectChoice("append", "Add to the records")]
DUPLICATES = [
    SelectChoice("first", "Keep the first one"),
    SelectChoice("last", "Keep the last one"),
    SelectChoice("reject", "Reject all of them"),
    SelectChoice("all", "Keep every one"),
]


def choices(pairs: Mapping[Any, str]) -> list[SelectChoice]:
    return [SelectChoice(str(value), words) for value, words in pairs.items()]


def _clean(value: str | None) -> str:
    return (value or "").replace("\x00", "").strip()


def _tags(value: str | None) -> str:
    return ", ".join(split_tags(value))


def split_tags(value: str | None) -> list[str]:
    """ "a, b" as a list without blanks and doubles."""
    return list(dict.fromkeys(tag for part in _clean(value).split(",") if (tag := part.strip())))


class AudienceForm(FlaskForm):
    name = StringField("Name", [DataRequired("Give it a name."), Length(max=160)], filters=[_clean])
    description = TextAreaField("Description", [Length(max=2000)], filters=[_clean])
    tags = StringField("Tags", description="Separated by commas.", filters=[_tags])
    version = IntegerField(widget=HiddenInput())

    def validate_tags(self, field: Field) -> None:
        tags = split_tags(field.data)
        if len(tags) > _TAGS or any(len(tag) > _TAG_LENGTH for tag in tags):
            raise ValidationError(f"At most {_TAGS} tags of {_TAG_LENGTH} characters each.")


class SourceForm(FlaskForm):
    """Where the rows come from: one of three."""

    source = HiddenField(default="upload", validators=[AnyOf(SOURCES, message="Choose where the rows are.")])
    file = FileField("File")
    pasted = TextAreaField(
        "Rows",
        [Length(max=PASTED_CHARACTERS, message="That is too much to paste. Save it as a file and upload that.")],
        description="With a line of column names on top. A range copied from a spreadsheet will do.",
    )
    url = StringField("Web address", [Length(max=2000)], description="http or https; fetched once, by a worker.")

    def validate_file(self, field: Field) -> None:
        if self.source.data == "upload" and not getattr(field.data, "filename", ""):
            raise ValidationError("Choose a file.")

    def validate_pasted(self, field: Field) -> None:
        if self.source.data == "paste" and not (field.data or "").strip():
            raise ValidationError("Paste some rows.")

    def validate_url(self, field: Field) -> None:
        if self.source.data == "url" and not (field.data or "").strip().lower().startswith(("http://", "https://")):
            raise ValidationError("Enter an address that begins with http:// or https://.")


class NewAudienceForm(SourceForm):
    name = StringField("Name", [DataRequired("Give it a name."), Length(max=160)], filters=[_clean])


class StartForm(FlaskForm):
    """What the uploader says before it sends slices; the page's other fields come with it."""

    name = StringField("Name", [Length(max=160)], filters=[_clean])
    filename = StringField("File", [DataRequired("Choose a file."), Length(max=255)], filters=[_clean])
    size = IntegerField("Size", [InputRequired("Choose a file.")])


class DialectForm(FlaskForm):
    encoding = SelectField("Encoding", choices=choices(ENCODINGS))
    delimiter = SelectField("Delimiter", choices=choices(DELIMITERS))
    quote = SelectField("Quotes", choices=choices(QUOTES))
    header_row = SelectField(
        "Column names",
        choices=[
            SelectChoice("0", "There are none"),
            *(SelectChoice(str(number), f"In row {number}") for number in range(1, HEADER_ROWS + 1)),
        ],
    )
    version = IntegerField(widget=HiddenInput())

    @classmethod
    def of(cls, row: AudienceImport) -> DialectForm:
        """Filled with how the file is read now."""
        data = row.options["dialect"] | {
            "version": row.version,
            "header_row": str(row.options["dialect"]["header_row"]),
        }
        return cls(formdata=None, data=data)

    def dialect(self, row: AudienceImport) -> Dialect:
        before = Dialect.from_dict(row.options["dialect"])
        return Dialect(
            encoding=str(self.encoding.data),
            delimiter=str(self.delimiter.data),
            quote=str(self.quote.data or ""),
            header_row=int(self.header_row.data or 0),
            newline=before.newline,
        )


class ColumnForm(Form):
    target = SelectField(
        "Use as",
        choices=[SelectChoice("", "Choose…"), *choices(TARGET_LABELS)],
        validate_choice=False,  # `problems` has better words
    )
    variable = StringField("Variable name", filters=[_clean])


class MappingForm(FlaskForm):
    columns = FieldList(FormField(ColumnForm), max_entries=MOST_COLUMNS)
    duplicates = RadioField("When an address stands in several rows", choices=DUPLICATES, default="first")
    duplicate_by = SelectField(
        "Rows are the same when they have the same",
        choices=[SelectChoice(str(target), TARGET_LABELS[target].lower()) for target in SINGLE],
    )
    mode = RadioField("Records that are there already", choices=MODES, default="replace")
    default_country = SelectField("Country of phone numbers without a country code", choices=country_choices)
    version = IntegerField(widget=HiddenInput())

    @classmethod
    def of(cls, row: AudienceImport) -> MappingForm:
        """Filled with the guesses, or what was chosen before."""
        options = row.options
        columns = [{"target": column["target"], "variable": column["variable"]} for column in options["mapping"]]
        names = ("duplicates", "duplicate_by", "mode", "default_country")
        data = {name: options[name] for name in names}
        return cls(formdata=None, data={**data, "columns": columns, "version": row.version})

    def chosen(self, header: Sequence[str]) -> list[Column]:
        """The columns as they were chosen; a variable without a name gets the one of its guess."""
        return [
            Column(name, str(entry.form.target.data or ""), str(entry.form.variable.data or ""))
            for name, entry in zip(header, self.columns.entries, strict=False)
        ]

    def check(self, header: Sequence[str]) -> bool:
        """Put what keeps the mapping from being used beside its columns; False where there is something."""
        wrong = problems(self.chosen(header))
        for number, words in wrong.items():
            if number < 0:
                self.form_errors.append(words)
            else:
                field = self.columns.entries[number].form
                at = field.variable if field.target.data == Target.VARIABLE else field.target
                at.errors = [*at.errors, words]
        return not wrong


class DeleteForm(FlaskForm):
    name = StringField("Name", filters=[_clean])


class FindForm(FlaskForm):
    term = StringField("Address", [Length(max=320)], filters=[_clean])
