"""The history of an event: a numbered version of its definition after every save that changed it, and what differs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import SessionTransaction

from dashboard.accounts.models import User
from dashboard.events.definition import Definition, Delivery
from dashboard.events.models import Event, EventVersion
from dashboard.events.schema import EventVariable
from dashboard.events.words import CHANNELS, delivery_words, rules_words
from dashboard.extensions import db
from dashboard.message_templates.differences import FieldDifference, line_rows, word_pieces
from dashboard.message_templates.models import Template
from dashboard.problems import NotFound

#: Versions that a page or an answer lists, the newest ones.
MOST: Final = 100
_MADE: Final = "versions of events made in this transaction"


@dataclass(frozen=True, slots=True)
class VersionLine:
    """One version of the list. `changed`: the labels of what differs from the one before, () for the first."""

    version: EventVersion
    by: str
    current: bool
    previous: int | None
    changed: tuple[str, ...]


def keep_version(event: Event, saved_by: int | None, restored_from: int | None = None) -> None:
    """Write down what the event is now, where that differs from its latest version. Inside `transaction()`.

    All saves of one transaction make one version.
    """
    db.session.flush()  # holds the event's row, so that two saves at once take two numbers
    content, made = Definition.of(event).written(), _made()
    before = select(EventVersion).where(EventVersion.event_id == event.id).order_by(EventVersion.number.desc())
    latest = db.session.scalars(before.where(EventVersion.id != made[event.id].id) if event.id in made else before)
    last = latest.first()
    if last is not None and last.content == content:
        if event.id in made:
            db.session.delete(made.pop(event.id))
    elif event.id in made:
        made[event.id].content = content
    else:
        number = last.number + 1 if last is not None else 1
        version = EventVersion(event_id=event.id, number=number, content=content, created_by=saved_by)
        version.restored_from = restored_from
        db.session.add(version)
        made[event.id] = version
    db.session.flush()


def _made() -> dict[int, EventVersion]:
    """The versions of the transaction that is open, by event."""
    session = db.session()
    kept: tuple[SessionTransaction | None, dict[int, EventVersion]] | None = session.info.get(_MADE)
    if kept is None or kept[0] is not session.get_transaction():
        kept = session.info[_MADE] = (session.get_transaction(), {})
    return kept[1]


def version_number(event_id: int, number: int) -> EventVersion:
    """Raises NotFound."""
    statement = select(EventVersion).where(EventVersion.event_id == event_id, EventVersion.number == number)
    found = db.session.scalars(statement).first()
    if found is None:
        raise NotFound(f"There is no version {number} of this event.")
    return found


def version_list(event_id: int) -> list[VersionLine]:
    """The newest MOST versions, the latest first."""
    rows = db.session.execute(
        select(EventVersion, User.full_name, User.username)
        .outerjoin(User, User.id == EventVersion.created_by)
        .where(EventVersion.event_id == event_id)
        .order_by(EventVersion.number.desc())
        .limit(MOST + 1)
    ).all()
    lines = []
    for place, (version, full_name, username) in enumerate(rows[:MOST]):
        older = rows[place + 1][0] if place + 1 < len(rows) else None
        changed = tuple(one.label for one in differences(older, version)) if older is not None else ()
        previous = older.number if older is not None else None
        lines.append(VersionLine(version, full_name or username or "", place == 0, previous, changed))
    return lines


def differences(old: EventVersion, new: EventVersion) -> tuple[FieldDifference, ...]:
    """Everything that is not the same, said in words, in the order of the event's pages."""
    return tuple(_differences(Definition.read(old.content), Definition.read(new.content)))


def _differences(old: Definition, new: Definition) -> Iterator[FieldDifference]:
    for name in ("name", "slug", "description", "group", "subgroup"):
        yield from _line(name, name.capitalize(), getattr(old.names, name), getattr(new.names, name))
    yield from _lines("variables", "Variables", _variables(old.variables), _variables(new.variables))
    yield from _line("conditions", "Conditions", old.conditions.sentence, new.conditions.sentence)
    names = _template_names([*old.deliveries.values(), *new.deliveries.values()])
    for channel, label in CHANNELS.items():
        before, after = (_channel(one.deliveries.get(channel, Delivery()), names) for one in (old, new))
        yield from _line(channel, label, before, after)
    yield from _lines("rules", "Rules", rules_words(old.rules), rules_words(new.rules))


def _line(name: str, label: str, before: str, after: str) -> Iterator[FieldDifference]:
    if before != after:
        yield FieldDifference(name, label, pieces=word_pieces(before, after))


def _lines(name: str, label: str, before: Sequence[str], after: Sequence[str]) -> Iterator[FieldDifference]:
    if before != after:
        old, new = ("\n".join(one or ["None"]) for one in (before, after))
        yield FieldDifference(name, label, rows=line_rows(old, new))


def _variables(variables: Sequence[EventVariable]) -> list[str]:
    """ "order.id: text, required, sample A-1"."""
    return [
        ", ".join(
            filter(
                None,
                (
                    f"{one.path}: {one.type.value}",
                    "required" if one.required else "",
                    "personal" if one.pii else "",
                    "" if one.sample is None else f"sample {_sample(one.sample)}",
                ),
            )
        )
        for one in variables
    ]


def _sample(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _channel(one: Delivery, names: Mapping[int, str]) -> str:
    """ "Subscribed: Order shipped, at once"."""
    if one.template_id is None:
        return "Not subscribed, no template"
    template = names.get(one.template_id, "a template that is gone")
    category = f", as {one.category}" if one.category else ""
    state = "Subscribed" if one.subscribed else "Not subscribed"
    return f"{state}: {template}{category}, {delivery_words(one)}"


def _template_names(deliveries: Sequence[Delivery]) -> dict[int, str]:
    ids = {one.template_id for one in deliveries if one.template_id is not None}
    rows = db.session.execute(select(Template.id, Template.name).where(Template.id.in_(ids)))
    return {row[0]: row[1] for row in rows}
