"""Forms of one-time codes."""

from __future__ import annotations

from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, IntegerField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import InputRequired, Length, Optional
from wtforms.widgets import HiddenInput

from dashboard.forms import Between
from dashboard.otp.models import OtpConfiguration
from dashboard.otp.services import FIELDS, RANGES

#: The order of the channels and both in one choice, which works without scripts.
WAYS = {
    "sms,email": ["sms", "email"],
    "email,sms": ["email", "sms"],
    "sms": ["sms"],
    "email": ["email"],
}
_IDS = ("email_template_id", "sms_template_id", "email_provider_id", "sms_provider_id")


def _number(label: str, name: str, description: str = "") -> IntegerField:
    least, most = RANGES[name]
    needed = InputRequired("Type a number.")
    return IntegerField(label, [needed, Between(least, most, f"{least} to {most:,}.")], description=description)


class ConfigurationForm(FlaskForm):
    version = IntegerField(widget=HiddenInput(), validators=[Optional()])
    name = StringField("Name", [InputRequired("Give it a name."), Length(max=80)])
    length = RadioField(
        "Length", coerce=int, choices=[SelectChoice(count, f"{count} characters") for count in (4, 6, 8)]
    )
    alphabet = RadioField(
        "Made of",
        choices=[SelectChoice("numeric", "Digits"), SelectChoice("alphanumeric", "Letters and digits")],
        description="Letters and digits leave out those that look alike: 0 O 1 I L.",
    )
    expiry_seconds = _number("Works for", "expiry_seconds")
    max_attempts = _number("Tries", "max_attempts")
    lockout_seconds = _number("Lock-out", "lockout_seconds", "After the last wrong try. 0: none.")
    resend = RadioField(
        "A resend", choices=[SelectChoice("new", "Makes a new code"), SelectChoice("same", "Repeats the code")]
    )
    resend_wait_seconds = _number("Resend wait", "resend_wait_seconds")
    way = SelectField(
        "Channels",
        choices=[
            SelectChoice("sms,email", "SMS, then email"),
            SelectChoice("email,sms", "Email, then SMS"),
            SelectChoice("sms", "SMS only"),
            SelectChoice("email", "Email only"),
        ],
    )
    delivery = RadioField(
        "With both addresses",
        choices=[SelectChoice("all", "Send on both"), SelectChoice("first", "Send on the next if the first fails")],
    )
    same_code = BooleanField("The same code on both channels")
    purpose_required = BooleanField(
        "A purpose is required", description="Such as login or payment. A code works for its purpose only."
    )
    sms_template_id = SelectField("SMS template", description="Has to use the variable code.")
    email_template_id = SelectField("Email template", description="Has to use the variable code.")
    sms_provider_id = SelectField("SMS provider")
    email_provider_id = SelectField("Email provider")
    destination_limit = _number("Codes an hour for a destination", "destination_limit", "0: no limit.")
    ip_limit = _number("Codes an hour for an IP address", "ip_limit", "Of the person who wants in. 0: no limit.")
    prefix_limit = _number(
        "Codes an hour for a range of numbers",
        "prefix_limit",
        "Numbers that differ in the last four digits. 0: no limit.",
    )

    def fill(self, row: OtpConfiguration) -> None:
        """Show what a configuration has."""
        for name in FIELDS:
            if name in self:
                value = getattr(row, name)
                self[name].data = ("" if value is None else str(value)) if name in _IDS else value
        self["way"].data = ",".join(row.channels)
        self["version"].data = row.version

    def values(self) -> dict[str, Any]:
        """The same for the services."""
        values: dict[str, Any] = {name: self[name].data for name in FIELDS if name in self}
        for name in _IDS:
            values[name] = int(values[name]) if values[name] else None
        return {**values, "channels": WAYS[self["way"].data]}


class BenchForm(FlaskForm):
    configuration_id = SelectField("Configuration", coerce=int)
    channel = RadioField("Send it to")


class TryForm(FlaskForm):
    code = StringField("Code", [InputRequired("Type the code."), Length(max=40)])


class FindForm(FlaskForm):
    address = StringField("Number or address")
