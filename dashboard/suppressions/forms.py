"""Forms of the suppression list."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import DataRequired, Length

from dashboard.suppressions.models import SuppressionScope

SCOPES = [
    SelectChoice(SuppressionScope.PROMOTIONAL.value, "Promotional mail only"),
    SelectChoice(SuppressionScope.ALL.value, "All mail"),
]


class AddForm(FlaskForm):
    addresses = TextAreaField(
        "Email addresses",
        [DataRequired("Enter at least one address."), Length(max=1_000_000)],
        description="One a line; a column pasted from a spreadsheet will do.",
    )
    scope = RadioField("Keep back", choices=SCOPES, default=SuppressionScope.PROMOTIONAL.value)
    note = StringField("Note", [Length(max=500)], description="Who asked for it, and how. Colleagues see it.")


class LiftForm(FlaskForm):
    reason = StringField(
        "Reason", [DataRequired("Say why, for those who ask later."), Length(max=500)],
        description="It stands in the audit log, with your name.",
    )  # fmt: skip


class FindForm(FlaskForm):
    address = StringField("Address", [Length(max=320)])


class CheckForm(FlaskForm):
    # An id of its own: the form that filters the list stands on the same page and has an "address" too.
    address = StringField("Email address", [DataRequired("Enter an address."), Length(max=320)], id="check-address")
