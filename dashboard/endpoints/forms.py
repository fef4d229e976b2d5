"""Forms of webhook endpoints."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import IntegerField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, HiddenInput, ListWidget

from dashboard.endpoints.kinds import KINDS


class EndpointForm(FlaskForm):
    version = IntegerField(validators=[Optional()], widget=HiddenInput())
    name = StringField(
        "Name", [InputRequired("Name the application that listens there."), Length(max=120)],
        description="The application that listens there.",
    )  # fmt: skip
    url = StringField(
        "Address", [InputRequired("Give the address to call."), Length(max=2000)],
        description="A whole address that begins with https://. It gets a POST with JSON for every delivery.",
    )  # fmt: skip
    kinds = SelectMultipleField(
        "It is told of", choices=[SelectChoice(kind, kind) for kind in KINDS],
        option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False),
    )  # fmt: skip
