"""Events that a template is linked to, and what a change of it would do to those that are on."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, func, select

from dashboard.events.coverage import lacking
from dashboard.events.models import Event, EventDelivery
from dashboard.extensions import db
from dashboard.message_templates.models import Template
from dashboard.problems import DomainError
from worker.rendering.content import Content


def events_of(template: Template) -> Sequence[Event]:
    """The events that are linked to it, by name."""
    linked = Event.deliveries.any(EventDelivery.template_id == template.id)
    return db.session.scalars(select(Event).where(linked).order_by(func.lower(Event.name))).all()


def sending_events(template: Template) -> Sequence[Event]:
    """Those that send it: they are on, and its channel is subscribed."""
    subscribed = and_(EventDelivery.template_id == template.id, EventDelivery.subscribed.is_(True))
    found = select(Event).where(Event.enabled.is_(True), Event.deliveries.any(subscribed))
    return db.session.scalars(found.order_by(func.lower(Event.name))).all()


def broken_by(template: Template, content: Content) -> list[tuple[Event, list[str]]]:
    """The events that are on and would lack a variable of this content, each with the paths."""
    found = [(event, lacking(event, template.channel, content)) for event in sending_events(template)]
    return [(event, paths) for event, paths in found if paths]


def refuse_breaking(template: Template, content: Content) -> None:
    """DomainError where an event that is on would have no value for something that the content reads."""
    broken = broken_by(template, content)
    if broken:
        words = "; ".join(f"{event.name} has no {', '.join(paths[:5])}" for event, paths in broken[:3])
        raise DomainError(f"An event that is on sends it, and would fail: {words}.", code="unresolved")


def refuse_sent_by_events(template: Template) -> None:
    """DomainError while an event that is on sends it."""
    names = ", ".join(f"“{event.name}”" for event in sending_events(template)[:5])
    if names:
        words = f"{template.name} is sent by {names}, which is on. Choose another template there or switch it off."
        raise DomainError(words, code="in_use")
