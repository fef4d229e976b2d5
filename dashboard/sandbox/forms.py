"""Forms of the sandbox inbox."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Length


class FindForm(FlaskForm):
    recipient = StringField("Recipient", [Length(max=320)])


class EmptyForm(FlaskForm):
    """A button with its token."""
