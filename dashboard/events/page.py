"""What every page of one event shows, and who may change it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import url_for

from dashboard.events import queries, words
from dashboard.events.conditions import Conditions
from dashboard.events.coverage import DeliveryCoverage, coverage_of
from dashboard.events.models import Event, EventDelivery
from dashboard.events.schema import EventVariable, read_variables, samples
from dashboard.message_templates.models import Template
from dashboard.problems import NotAllowed
from dashboard.security import may

_TABS = (
    ("overview", "Overview", "events.show", "events.read"),
    ("variables", "Variables", "events.parts.variables", "events.read"),
    ("conditions", "Conditions", "events.parts.conditions", "events.read"),
    ("deliveries", "Deliveries", "events.parts.deliveries", "events.read"),
    ("rules", "Rules", "events.parts.rules", "events.read"),
    ("try", "Try it", "events.trials.new", "events.write"),
    ("log", "Log", "events.log.index", "events.read"),
    ("history", "History", "events.history.index", "events.read"),
)
_RECIPIENTS = {
    "email": ("email", "ada@example.com"),
    "sms": ("phone", "+919876543210"),
    "push": ("push_token", "the device's token"),
}


@dataclass(frozen=True, slots=True)
class EventPage:
    """One event as its pages show it; `tab` is the part that is open."""

    event: Event
    tab: str
    variables: list[EventVariable]
    conditions: Conditions
    coverage: list[DeliveryCoverage]
    templates: Mapping[int, Template]
    waiting: int

    @property
    def blocking(self) -> list[tuple[str, str]]:
        """(channel, why) of everything that keeps the event from being on."""
        subscribed = [one for one in self.coverage if one.delivery.subscribed]
        return [(one.delivery.channel, words) for one in subscribed for words in one.blocking]

    @property
    def order(self) -> list[tuple[EventDelivery, str]]:
        return words.order_words(self.event)

    @property
    def order_names(self) -> str:
        """ "Push, SMS"."""
        return words.channel_names([one.channel for one, _ in self.order])

    @property
    def rules(self) -> list[str]:
        return words.rules_words(self.event)

    @property
    def changeable(self) -> bool:
        return changeable(self.event)

    @property
    def tabs(self) -> list[tuple[str, str, str]]:
        """(key, label, address) of the parts that the person may see."""
        return [
            (key, label, url_for(endpoint, event_id=self.event.id))
            for key, label, endpoint, permission in _TABS
            if may(permission)
        ]

    @property
    def example(self) -> dict[str, object]:
        """The body of a call that tells of it."""
        channels = [one.channel for one in self.event.deliveries if one.subscribed] or ["email"]
        return {"payload": samples(self.variables), "recipient": dict(_RECIPIENTS[one] for one in channels)}


def page_of(event_id: int, tab: str) -> EventPage:
    """Raises NotFound."""
    event = queries.event(event_id)
    return EventPage(
        event=event,
        tab=tab,
        variables=read_variables(event.variables),
        conditions=Conditions.read(event.conditions),
        coverage=coverage_of(event),
        templates=queries.template_names([event]),
        waiting=queries.waiting_count(event_id),
    )


def changeable(event: Event) -> bool:
    """Whether the person at the screen may change it: what is on sends at once, which takes a sender."""
    return may("events.publish") if event.enabled else may("events.write")


def refuse_unless_changeable(event: Event) -> None:
    """Raise NotAllowed for an editor before an event that is on."""
    if not changeable(event):
        raise NotAllowed(f"{event.name} is on, so a change counts at once. It needs the role sender or higher.")
