"""Making events of the standard set one's own: the event, copies of its texts, and what its channels do."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import select

from dashboard.events import services as events
from dashboard.events.definition import Delivery, Names, Rules
from dashboard.events.models import Event
from dashboard.events.standard.catalogue import STANDARD
from dashboard.events.standard.pieces import StandardEvent
from dashboard.extensions import db, transaction
from dashboard.message_templates import services as templates
from dashboard.message_templates.models import Template
from dashboard.problems import DomainError
from worker.rendering.content import Content

TAG = "standard"
_CHANNELS = {"email": "email", "sms": "SMS", "push": "push"}
_LONGEST = 160


def adopted() -> dict[str, Event]:
    """The events that stand under a slug of the set, by that slug."""
    mine = select(Event).where(Event.slug.in_([one.key for one in STANDARD]))
    return {event.slug: event for event in db.session.scalars(mine)}


def adopt(*, keys: Collection[str], publish: bool, adopted_by: int | None = None) -> list[Event]:
    """The chosen events that are not there yet, switched off; all of them or none.

    With `publish` their templates are published and their channels subscribed; else the templates are drafts and no
    channel is. Raises DomainError.
    """
    if not keys:
        raise DomainError("Tick the events that you want.")
    with transaction():
        there = adopted()
        return [_adopt(one, publish, adopted_by) for one in STANDARD if one.key in keys and one.key not in there]


def _adopt(standard: StandardEvent, publish: bool, user_id: int | None) -> Event:
    names = Names(standard.name, standard.key, standard.description, standard.group)
    event = events.create_event(names=names, variables=standard.variables, created_by=user_id)
    copies = [_copied(standard, content, publish, user_id) for content in standard.contents]
    deliveries = {
        copy.channel: Delivery(subscribed=publish and copy.published_version_id is not None, template_id=copy.id)
        for copy in copies
    }
    events.save_deliveries(event_id=event.id, deliveries=deliveries, saved_by=user_id)
    rules = Rules(idempotency_path=standard.once, **standard.rules)
    events.save_rules(event_id=event.id, rules=rules, saved_by=user_id)
    return event


def _copied(standard: StandardEvent, content: Content, publish: bool, user_id: int | None) -> Template:
    draft = templates.Draft(
        name=_free_name(f"{standard.name}, {_CHANNELS[content.channel]}"),
        category=standard.category,
        content=content,
        description=f"Of the standard event {standard.name}.",
        tags=[TAG],
        sample=standard.payload,
    )
    made = templates.create_from_draft(draft=draft, created_by=user_id)
    if publish:
        templates.publish(template_id=made.id, note="From the standard set", published_by=user_id)
    return made


def _free_name(name: str) -> str:
    """Numbered where somebody has a template of this name: theirs is never touched."""
    taken = {one.lower() for one in _names_like(name)}
    number, free = 1, name
    while free.lower() in taken:
        number += 1
        free = f"{name} {number}"
    return free[:_LONGEST]


def _names_like(name: str) -> Sequence[str]:
    return db.session.scalars(select(Template.name).where(Template.name.istartswith(name, autoescape=True))).all()
