"""Saving what templates know about the company."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace

from flask_login import current_user
from sqlalchemy import select

from dashboard.audit.services import record
from dashboard.desk.queries import read_globals
from dashboard.extensions import db, transaction, utc_now
from dashboard.problems import Conflict
from dashboard.variables.models import READ_ONLY_VARIABLES, Variable


def save_globals(*, values: Mapping[str, str], version: int | None) -> list[str]:
    """Save the read-only globals that changed; returns their names. New sends use them at once.

    `version` is that of `read_globals` when the form was opened; raises Conflict where somebody saved since.
    """
    with transaction():
        present = read_globals(lock=True)
        if version is not None and version != present.version:
            raise Conflict(
                "Somebody else saved the settings while you were editing. Compare, then save again.",
                current=SimpleNamespace(version=present.version, **present.values),
            )
        changed = {
            name: value.strip()
            for name, value in values.items()
            if name in READ_ONLY_VARIABLES and value.strip() != present.values.get(name)
        }
        rows = db.session.scalars(select(Variable).where(Variable.name.in_(changed))).all()
        for row in rows:
            row.value, row.version = changed[row.name], row.version + 1
            row.updated_at, row.updated_by = utc_now(), getattr(current_user, "id", None)
        if changed:
            record(
                "settings.update",
                summary=f"Settings changed: {', '.join(sorted(changed))}",
                before={name: present.values.get(name, "") for name in changed},
                after=changed,
            )
    return sorted(changed)
