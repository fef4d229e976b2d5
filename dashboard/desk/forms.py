"""The form of the settings page: one field for each read-only global of templates."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from flask_wtf import FlaskForm
from wtforms import Field, Form, IntegerField, StringField, TextAreaField
from wtforms.validators import Length, ValidationError
from wtforms.widgets import HiddenInput

from dashboard.accounts.forms import check_email
from dashboard.variables.models import READ_ONLY_VARIABLES

_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)", re.IGNORECASE)
_HELP: Final = READ_ONLY_VARIABLES
_ANY_TEXT: Final = Length(max=2000)


def _domain_of(text: str) -> str | None:
    """The host name in its ASCII form where the text is one with at least two labels, else None."""
    try:
        plain = text.strip().rstrip(".").encode("idna").decode()
    except UnicodeError:
        return None
    labels = plain.split(".")
    return plain if len(labels) > 1 and all(_LABEL.fullmatch(label) for label in labels) else None


def check_domain(_form: Form, field: Field) -> None:
    """Validator: a domain such as shop.example, without scheme and path, or nothing."""
    if field.data and _domain_of(field.data) is None:
        raise ValidationError(f"“{field.data}” is not a domain. Write it like shop.example, without https://.")


def check_https(_form: Form, field: Field) -> None:
    """Validator: an https address with a host, or nothing: mail programs refuse or warn about plain http."""
    if not field.data:
        return
    try:
        parts = urlsplit(field.data.strip())
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    if (
        parts is None
        or parts.scheme != "https"
        or not host
        or _domain_of(host) is None
        or re.search(r"\s", field.data.strip())
    ):
        raise ValidationError("Write a whole address that begins with https://, such as https://shop.example/privacy.")


def check_phone(_form: Form, field: Field) -> None:
    """Validator: what people can dial, in any usual notation, or nothing."""
    digits = re.sub(r"\D", "", field.data or "")
    if field.data and (not re.fullmatch(r"[+\d][\d\s()./-]*", field.data.strip()) or not 3 <= len(digits) <= 15):
        raise ValidationError("Write a number that can be dialled, such as +91 80 1234 5678.")


def check_handle(_form: Form, field: Field) -> None:
    """Validator: a name on a network, without @, address or spaces, or nothing."""
    if field.data and not re.fullmatch(r"[\w.-]{1,80}", field.data.strip()):
        raise ValidationError("Write the name alone, without @ and without the address of the network.")


class SettingsForm(FlaskForm):
    version = IntegerField(widget=HiddenInput())
    company_name = StringField("Company name", [_ANY_TEXT], description=_HELP["company_name"])
    company_domain = StringField("Web domain", [_ANY_TEXT, check_domain], description=_HELP["company_domain"])
    company_address = TextAreaField("Postal address", [_ANY_TEXT], description=_HELP["company_address"])
    support_email = StringField("Support address", [_ANY_TEXT, check_email], description=_HELP["support_email"])
    support_phone = StringField("Support number", [_ANY_TEXT, check_phone], description=_HELP["support_phone"])
    logo_url = StringField("Logo", [_ANY_TEXT, check_https], description=_HELP["logo_url"])
    privacy_policy_url = StringField(
        "Privacy policy", [_ANY_TEXT, check_https], description=_HELP["privacy_policy_url"]
    )
    terms_url = StringField("Terms of service", [_ANY_TEXT, check_https], description=_HELP["terms_url"])
    return_policy_url = StringField("Return policy", [_ANY_TEXT, check_https], description=_HELP["return_policy_url"])
    facebook_handle = StringField("Facebook", [_ANY_TEXT, check_handle], description=_HELP["facebook_handle"])
    instagram_handle = StringField("Instagram", [_ANY_TEXT, check_handle], description=_HELP["instagram_handle"])
    x_handle = StringField("X", [_ANY_TEXT, check_handle], description=_HELP["x_handle"])
