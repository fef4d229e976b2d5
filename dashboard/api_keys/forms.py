"""Forms about API keys."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import BooleanField, DateField, IntegerField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import CheckboxInput, ListWidget

from dashboard.api_keys.models import Scope
from dashboard.forms import Between

_SCOPES = [SelectChoice(scope.value, "OTP" if scope is Scope.OTP else scope.value.capitalize()) for scope in Scope]


class NewKeyForm(FlaskForm):
    name = StringField(
        "Name",
        [InputRequired("Name the application."), Length(max=120)],
        description="The application that will use it. The audit log and the message log show it.",
    )
    scopes = SelectMultipleField(
        "It may", choices=_SCOPES, option_widget=CheckboxInput(), widget=ListWidget(prefix_label=False)
    )
    template_ids = SelectMultipleField("Only these templates", description="Choose none to allow every template.")
    expires_on = DateField("Expires after", [Optional()], description="The last day on which it works (UTC).")
    requests_per_minute = IntegerField(
        "Requests a minute",
        [Optional(), Between(0, 1_000_000)],
        default=6000,
        description="More are answered with 429 and the seconds to wait. 0: no limit.",
    )

    def chosen_scopes(self) -> list[Scope]:
        """The scopes that are ticked."""
        return [Scope(value) for value in self.scopes.data or []]


class RotateForm(FlaskForm):
    overlap = BooleanField("Let the old secret work for 24 hours more", default=True)
