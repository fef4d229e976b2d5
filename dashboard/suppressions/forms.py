"""Forms of the suppression list."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import DataRequired, Length

from dashboard.message_templates.models import Channel
from dashboard.suppressions.addresses import WORDS
from dashboard.suppressions.models import SuppressionScope

SCOPES = [
    SelectChoice(SuppressionScope.PROMOTIONAL.value, "Promotional messages only"),
    SelectChoice(SuppressionScope.ALL.value, "All messages"),
]


CHANNELS = [SelectChoice(channel.value, words.addresses) for channel, words in WORDS.items()]


class AddForm(FlaskForm):
    channel = RadioField("What they are", choices=CHANNELS, default=Channel.EMAIL.value)
    addresses = TextAreaField(
        "Addresses",
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
    address = StringField("Address", [Length(max=4096)])


class CheckForm(FlaskForm):
    # Ids of their own: the form that filters the list stands on the same page and has these fields too.
    channel = SelectField("Channel", choices=CHANNELS, default=Channel.EMAIL.value, id="check-channel")
    address = StringField("Address", [DataRequired("Enter an address."), Length(max=4096)], id="check-address")
