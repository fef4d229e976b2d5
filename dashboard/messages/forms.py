"""Forms of the log."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import Length


class FindForm(FlaskForm):
    address = StringField("Address", [Length(max=320)])


class ResendForm(FlaskForm):
    """A button with its token."""
