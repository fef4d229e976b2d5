"""Reading the installation's settings: those people fill in here, and those of the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.settings import Settings
from dashboard.variables.models import Variable, VariableKind

_SECRETS: Final = frozenset({"secret_key", "admin_password", "metrics_token"})
_ADDRESSES: Final = frozenset({"database_url", "redis_url"})


@dataclass(frozen=True, slots=True)
class Globals:
    """The read-only globals of templates and the version of all of them together."""

    values: dict[str, str]
    version: int


@dataclass(frozen=True, slots=True)
class EnvironmentSetting:
    """One setting of the environment as it may be shown: secrets hidden, passwords in addresses too."""

    name: str
    value: str
    help: str
    from_environment: bool


def read_globals(*, lock: bool = False) -> Globals:
    """The present values; `lock` keeps their rows until the transaction ends."""
    statement = select(Variable).where(Variable.kind == VariableKind.READ_ONLY).order_by(Variable.name)
    rows = db.session.scalars(statement.with_for_update() if lock else statement).all()
    return Globals({row.name: row.value for row in rows}, sum(row.version for row in rows))


def environment_settings() -> list[EnvironmentSetting]:
    """Every field of Settings with its value and help line, in the order of the class."""
    settings = current_settings()
    return [
        EnvironmentSetting(
            name=name.upper(),
            value=_shown(name, getattr(settings, name)),
            help=field.description or "",
            from_environment=name.upper() in os.environ,
        )
        for name, field in Settings.model_fields.items()
    ]


def _shown(name: str, value: Any) -> str:
    if name in _SECRETS:
        return "set, not shown" if value else ""
    if name in _ADDRESSES and value:
        return _without_password(str(value))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _without_password(address: str) -> str:
    try:
        return make_url(address).render_as_string(hide_password=True)
    except ArgumentError:
        return "set, not shown"
