"""Reading API keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select

from dashboard.api_keys.models import ApiKey, Scope
from dashboard.extensions import db
from dashboard.message_templates.models import Template
from dashboard.problems import NotFound

#: More keys than this at once help nobody; the newest come first.
SHOWN: Final = 200
SCOPES: Final = {
    Scope.SEND: "Send messages, ask for their state, cancel them, render templates",
    Scope.OTP: "Send and verify one-time codes",
    Scope.EVENTS: "Report events that trigger messages",
    Scope.AUDIENCES: "Read and write audiences, imports and suppressions",
    Scope.CAMPAIGNS: "Read and write templates, variables and campaigns; launch, pause and cancel runs",
    Scope.REPORTS: "Read messages and reports, and export them",
    Scope.ADMIN: "Everything, and the routes of providers",
}


def list_keys() -> Sequence[ApiKey]:
    """The newest keys first, revoked ones too."""
    return db.session.scalars(select(ApiKey).order_by(ApiKey.id.desc()).limit(SHOWN)).all()


def get_key(key_id: int) -> ApiKey:
    """The key; raises NotFound."""
    key = db.session.get(ApiKey, key_id)
    if key is None:
        raise NotFound("There is no such API key. The link may be incomplete.")
    return key


def template_choices() -> list[tuple[str, str]]:
    """(id as text, name) of the templates that a key can be narrowed to."""
    statement = select(Template.id, Template.name).where(Template.archived_at.is_(None)).order_by(Template.name)
    return [(str(number), name) for number, name in db.session.execute(statement.limit(500))]


def template_names(ids: Sequence[int]) -> list[str]:
    """The names of templates, in the order of the alphabet."""
    if not ids:
        return []
    return list(db.session.scalars(select(Template.name).where(Template.id.in_(ids)).order_by(Template.name)))
