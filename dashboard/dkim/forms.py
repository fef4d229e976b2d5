"""The form of a new key."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import RadioField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3
from wtforms.validators import InputRequired, Length

from worker.rendering.dkim import DkimAlgorithm

ALGORITHMS = [
    SelectChoice(DkimAlgorithm.RSA.value, "RSA, 2,048 bits"),
    SelectChoice(DkimAlgorithm.ED25519.value, "Ed25519"),
]


class KeyForm(FlaskForm):
    domain = StringField(
        "From domain",
        [InputRequired("Enter the domain that stands behind the @ of the From address."), Length(max=253)],
        description="Mail from addresses of exactly this domain is signed, not that of its subdomains.",
    )
    selector = StringField(
        "Selector",
        [InputRequired("Enter a selector."), Length(max=63)],
        description="Names this key in DNS. Take another one for every key.",
    )
    algorithm = RadioField("Kind of key", choices=ALGORITHMS, default=DkimAlgorithm.RSA.value)
    pem = TextAreaField(
        "Private key of your own",
        [Length(max=20_000)],
        description="PEM without a password; its kind counts then. Leave it empty to have one made here.",
    )
