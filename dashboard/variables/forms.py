"""Forms of global variables; whether a name is free is checked by the services."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import Field, Form, IntegerField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, Optional, ValidationError
from wtforms.widgets import HiddenInput

from dashboard.message_templates.content_rules import name_problem
from dashboard.message_templates.forms import clean, unix_lines

MAXIMUM_VALUE = 20_000


def a_name(_form: Form, field: Field) -> None:
    """Validator: a name that a template can use."""
    problem = name_problem(field.data or "")
    if problem:
        raise ValidationError(problem)


def _value(value: str | None) -> str:
    return unix_lines(value).replace("\x00", "")


class NewVariableForm(FlaskForm):
    name = StringField(
        "Name",
        [DataRequired("Give the variable a name."), Length(max=80), a_name],
        filters=[clean],
        description="As templates write it: `shop_name` is read by `{{ shop_name }}`.",
    )
    value = TextAreaField("Value", [Length(max=MAXIMUM_VALUE)], filters=[_value])
    description = StringField(
        "Description", [Length(max=500)], filters=[clean], description="What it is for, for colleagues."
    )


class ValueForm(FlaskForm):
    """The value in place in the list, or with the description on the variable's page."""

    version = IntegerField(validators=[Optional()], widget=HiddenInput())
    value = TextAreaField("Value", [Length(max=MAXIMUM_VALUE)], filters=[_value])
    description = StringField("Description", [Length(max=500)])


class RenameForm(FlaskForm):
    version = IntegerField(validators=[Optional()], widget=HiddenInput())
    name = StringField("New name", [DataRequired("Type the new name."), Length(max=80), a_name], filters=[clean])
