"""Forms of sign-in and of one's own account; what needs the database is checked by the services."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, Form, HiddenField, IntegerField, PasswordField, StringField
from wtforms.validators import InputRequired, Length, ValidationError
from wtforms.widgets import HiddenInput

from dashboard.current import current_settings
from dashboard.timefmt import known_zones
from worker.engine.recipients import device_token, mobile_number


def zone_names() -> list[str]:
    """IANA names of places, without the aliases that no map shows (Etc/…, SystemV/…, posix/…)."""
    return sorted(name for name in known_zones() if "/" in name and not name.startswith(("Etc/", "SystemV/")))


def check_zone(_form: Form, field: Field) -> None:
    """Validator: an IANA name or nothing."""
    if field.data and field.data not in known_zones():
        raise ValidationError(f"“{field.data}” is not a time zone. Choose one from the list, such as Europe/Berlin.")


def check_email(_form: Form, field: Field) -> None:
    """Validator: one address or nothing, without asking the network."""
    if not field.data:
        return
    try:
        validate_email(field.data, check_deliverability=False)
    except EmailNotValidError as error:
        raise ValidationError(f"That is not an email address: {error}") from error


def check_mobile(_form: Form, field: Field) -> None:
    """Validator and filter: a number that gets SMS, made E.164, or nothing."""
    if not field.data:
        return
    try:
        field.data = mobile_number(field.data, current_settings().default_country)
    except ValueError as error:
        raise ValidationError(f"This number cannot be used: {error}.") from error


def check_token(_form: Form, field: Field) -> None:
    """Validator: a device's token or nothing."""
    if not field.data:
        return
    try:
        device_token(field.data.strip())
    except ValueError as error:
        raise ValidationError(f"This is not a device token: {error}.") from error


class SignInForm(FlaskForm):
    username = StringField("User name", [InputRequired("Enter your user name."), Length(max=80)])
    password = PasswordField("Password", [InputRequired("Enter your password."), Length(max=256)])
    next = HiddenField()


class CodeForm(FlaskForm):
    code = StringField("Code", [InputRequired("Enter the code."), Length(max=40)])


class ProfileForm(FlaskForm):
    version = IntegerField(widget=HiddenInput())
    full_name = StringField("Name", [Length(max=160)], description="Shown to colleagues beside what you did.")
    email = StringField(
        "Email address", [Length(max=320), check_email], description="“Send to me” in the template editor writes here."
    )
    phone = StringField(
        "Phone for tests",
        [Length(max=40), check_mobile],
        description="“Send to me” of a text message rings here.",
    )
    push_token = StringField(
        "Device token for tests",
        [Length(max=4096), check_token],
        description="“Send to me” of a notification goes to this device.",
    )
    time_zone = StringField("Time zone", [check_zone], description="Type a city to find it. Empty: the installation's.")
    single_key_shortcuts = BooleanField(
        "Single-key shortcuts", description="Keys such as `/` and `n`. Switch them off if you dictate text."
    )


class ChangePasswordForm(FlaskForm):
    current_password = PasswordField("Present password", [InputRequired("Enter your present password.")])
    new_password = PasswordField(
        "New password",
        [InputRequired("Enter a new password.")],
        description="At least 12 characters. Four ordinary words in a row make a good one.",
    )
    again = PasswordField("New password, again", [InputRequired("Enter the new password a second time.")])

    def validate_again(self, field: Field) -> None:
        if field.data != self.new_password.data:
            raise ValidationError("The two do not match. Use the eye to see what you typed.")


class ConfirmPasswordForm(FlaskForm):
    password = PasswordField("Your password", [InputRequired("Enter your password.")])
