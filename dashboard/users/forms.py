"""Forms about users."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, RadioField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import DataRequired, Length
from wtforms.widgets import HiddenInput

from dashboard.accounts.forms import check_email
from dashboard.accounts.models import Role

_CHOICES = [SelectChoice(role.value, role.value.capitalize()) for role in Role]


class NewUserForm(FlaskForm):
    username = StringField(
        "User name",
        [DataRequired("Enter a user name."), Length(max=80)],
        description="What they type to sign in. Small letters, digits and . _ @ + -; it cannot be changed later.",
    )
    full_name = StringField("Name", [Length(max=160)])
    email = StringField("Email address", [Length(max=320), check_email], description="“Send to me” writes here.")
    role = RadioField("Role", choices=_CHOICES, default=Role.VIEWER.value)


class UserForm(FlaskForm):
    version = IntegerField(widget=HiddenInput())
    full_name = StringField("Name", [Length(max=160)])
    email = StringField("Email address", [Length(max=320), check_email])
    role = RadioField("Role", choices=_CHOICES)


class TypedNameForm(FlaskForm):
    typed_name = StringField("User name", [DataRequired("Type the user name to confirm.")])
