"""The one field of the search."""

from __future__ import annotations

from flask_wtf import FlaskForm
from wtforms import StringField
from wtforms.validators import DataRequired, Length

from dashboard.search.terms import LONGEST


class SearchForm(FlaskForm):
    term = StringField(
        "Recipient, id or name",
        [
            DataRequired("Type an address, an id or a name."),
            Length(max=LONGEST, message="That is too long to look for."),
        ],
    )
