"""What public pages show of the installation."""

from __future__ import annotations

from sqlalchemy import select

from dashboard.extensions import db
from dashboard.variables.models import Variable


def company_name() -> str:
    """The name that recipients know, or an empty text where the settings page has none."""
    return db.session.scalar(select(Variable.value).where(Variable.name == "company_name")) or ""
