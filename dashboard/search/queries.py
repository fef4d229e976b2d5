"""Looking by name, and by the id that a provider gave to a message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, or_, select

from dashboard.audiences.models import Audience
from dashboard.campaigns.models import Campaign
from dashboard.events.models import Event
from dashboard.extensions import db
from dashboard.message_templates.models import Template
from dashboard.messages.models import Message
from dashboard.providers.models import Provider
from dashboard.security import may
from dashboard.variables.models import Variable

#: Names of one kind that are shown; whoever sees more than that types another word.
NAMES: Final = 10
#: No index holds the providers' ids (it would cost every message that is sent); the newest are looked through.
LOOKED_THROUGH: Final = 200_000


@dataclass(frozen=True, slots=True)
class Named:
    """Something whose name or description holds the words: what it is, and its row."""

    kind: str
    row: Any
    path: str

    @property
    def archived(self) -> bool:
        return getattr(self.row, "archived_at", None) is not None or getattr(self.row, "state", "") == "archived"


_PLACES: Final[tuple[tuple[str, type[Any], str, str], ...]] = (
    ("Campaign", Campaign, "/campaigns", "campaigns.read"),
    ("Template", Template, "/templates", "templates.read"),
    ("Audience", Audience, "/audiences", "audiences.read"),
    ("Event", Event, "/events", "events.read"),
    ("Provider", Provider, "/providers", "providers.read"),
    ("Variable", Variable, "/variables", "variables.read"),
)


def named(words: str) -> list[Named]:
    """What this person may see whose name or description holds the words, kind by kind, the newest first."""
    return [found for place in _PLACES if may(place[3]) for found in _in(place, words)]


def _in(place: tuple[str, type[Any], str, str], words: str) -> list[Named]:
    kind, model, folder, _permission = place
    condition = model.name.icontains(words, autoescape=True)
    if hasattr(model, "description"):
        condition = or_(condition, model.description.icontains(words, autoescape=True))
    rows = db.session.scalars(select(model).where(condition).order_by(model.id.desc()).limit(NAMES))
    return [Named(kind, row, f"{folder}/{row.public_id}") for row in rows]


def with_provider_id(text: str, limit: int = 20) -> Sequence[Message]:
    """Messages that a provider took under this id, newest first, among the newest LOOKED_THROUGH.

    Upper and lower case count as the same. A whole answer may be given ("250 2.0.0 Ok: queued as 4F1B2C"): its last
    word counts as well.
    """
    oldest = db.session.scalar(select(Message.id).order_by(Message.id.desc()).offset(LOOKED_THROUGH).limit(1))
    term = text.lower()
    statement = select(Message).where(
        func.lower(Message.provider_message_id).in_({term, term.split()[-1]}), Message.id > (oldest or 0)
    )
    return db.session.scalars(statement.order_by(Message.id.desc()).limit(limit)).all()
