"""The schema of an event's definition in the API, and how its parts are saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, StrictBool, StrictInt

from dashboard.api.identifiers import PublicId, Version, named_id
from dashboard.api.resource import Input, Output
from dashboard.campaigns.sending_hours import read_hours
from dashboard.events import services
from dashboard.events.conditions import OPERATORS, Conditions, Group, Row
from dashboard.events.coverage import unresolved
from dashboard.events.definition import Definition, Delivery, Names, Rules
from dashboard.events.history import VersionLine
from dashboard.events.models import Event, ValueType
from dashboard.events.queries import event as find_event
from dashboard.events.schema import EventVariable
from dashboard.events.services import LONGEST_SECONDS
from dashboard.ids import public_id
from dashboard.message_templates.models import Channel
from dashboard.problems import DomainError, check_version

Seconds = Annotated[StrictInt, Field(ge=0, le=LONGEST_SECONDS)]
ChannelName = Literal["email", "sms", "push"]
Join = Literal["and", "or"]
Path = Annotated[str, Field(min_length=1, max_length=200)]


class VariablePart(Input):
    """One variable of the payload."""

    path: Path = Field(description="Dotted, such as order.id; a list on the way is looked through.")
    type: ValueType = ValueType.TEXT
    required: StrictBool = False
    sample: JsonValue = None
    pii: StrictBool = Field(False, description="Masked in the log.")


class RowPart(Input):
    """One comparison."""

    path: Path
    operator: str = Field(max_length=20, description=f"One of {', '.join(OPERATORS)}; not every one suits every type.")
    value: str = Field("", max_length=500)


class GroupPart(Input):
    """Rows of which all or one has to hold."""

    join: Join = "and"
    rows: list[RowPart] = Field(min_length=1, max_length=50)


class ConditionsPart(Input):
    """Groups of which all or one has to hold; without any, every event is sent."""

    join: Join = "or"
    groups: list[GroupPart] = Field([], max_length=50)


class DeliveryPart(Input):
    """What a channel does."""

    subscribed: StrictBool = False
    template: PublicId | None = None
    category: Literal["", "transactional", "promotional", "otp"] = Field("", description="Empty: the template's.")
    delay_seconds: Seconds = 0
    fallback_of: Literal["", "email", "sms", "push"] = Field("", description="Only if that channel did not deliver …")
    fallback_seconds: Seconds = Field(600, description="… within so many seconds.")


class DeliveriesPart(Input):
    """Channels that are left out stay as they are."""

    email: DeliveryPart | None = None
    sms: DeliveryPart | None = None
    push: DeliveryPart | None = None


class WindowPart(Input):
    """The hours in which it may be sent; what comes outside of them waits. One-time codes never wait."""

    opens: str = Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="Such as 09:00.")
    closes: str = Field(
        pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description="The same as opens: all day. Earlier: over midnight."
    )
    days: list[Annotated[StrictInt, Field(ge=0, le=6)]] = Field(
        [0, 1, 2, 3, 4, 5, 6], min_length=1, max_length=7, description="Weekdays, 0 is Monday."
    )
    zone: str = Field(max_length=64, description="IANA name, such as Asia/Kolkata.")

    def hours(self) -> dict[str, Any]:
        """The same for the services. DomainError at the field at fault."""
        try:
            days = [str(day) for day in self.days]
            return read_hours(opens=self.opens, closes=self.closes, days=days, zone=self.zone)
        except DomainError as problem:
            name = (problem.field or "").removeprefix("window_")
            raise DomainError(problem.message, field=f"rules.send_window.{name}", code=problem.code) from problem


class RulesPart(Input):
    """What holds repetitions back, and when nothing is sent."""

    idempotency_path: str = Field("", max_length=200, description="The variable that tells repetitions apart.")
    dedup_seconds: Seconds = Field(0, description="How long; 0: for as long as the log is kept.")
    cap_count: StrictInt = Field(0, ge=0, le=10_000, description="Per customer; 0: no cap.")
    cap_seconds: Seconds = 86_400
    expires_seconds: Seconds = Field(0, description="Nothing is sent so long after the event; 0: no limit.")
    send_window: WindowPart | None = Field(None, description="null: at any hour. Left out of a change: as it was.")


class EventUpdateIn(Input):
    """What changes; the rest stays."""

    name: str | None = Field(None, min_length=1, max_length=160)
    slug: str | None = Field(None, min_length=1, max_length=80)
    description: str | None = Field(None, max_length=2000)
    group: str | None = Field(None, max_length=80)
    subgroup: str | None = Field(None, max_length=80)
    variables: list[VariablePart] | None = Field(None, max_length=200)
    conditions: ConditionsPart | None = None
    deliveries: DeliveriesPart | None = None
    rules: RulesPart | None = None
    enabled: StrictBool | None = None
    version: Version = None

    def event_variables(self) -> list[EventVariable]:
        """The same for the services."""
        return [EventVariable(v.path, v.type, v.required, v.sample, v.pii) for v in self.variables or ()]


class EventIn(EventUpdateIn):
    """A new event."""

    name: str = Field(min_length=1, max_length=160)
    slug: str = Field(min_length=1, max_length=80, description="Small letters, digits, _, - and dots.")

    def names(self) -> Names:
        """What it is called."""
        return Names(self.name, self.slug, self.description or "", self.group or "", self.subgroup or "")


class EventDeliveryOut(Output):
    """What a channel does."""

    channel: str
    subscribed: bool
    template: str | None
    category: str
    delay_seconds: int
    fallback_of: str
    fallback_seconds: int


class DefinitionOut(Output):
    """What an event is, whether it is on or not."""

    slug: str
    name: str
    description: str
    group: str
    subgroup: str
    variables: list[VariablePart]
    conditions: ConditionsPart
    condition_words: str
    deliveries: list[EventDeliveryOut]
    rules: RulesPart


class EventOut(DefinitionOut):
    """An event. `unresolved` says what its subscribed channels lack; it cannot be on before that is empty."""

    id: str
    enabled: bool
    unresolved: list[str]
    version: int
    updated_at: datetime


class EventVersionOut(DefinitionOut):
    """What an event was after a save."""

    number: int
    current: bool
    saved_at: datetime
    saved_by: str = Field(description="Name of the person; empty for what the system did.")
    restored_from: int | None = Field(description="The version that was brought back with this one.")
    changed: list[str] = Field(description="The parts that differ from the version before; empty for the first.")


def save_parts(event_id: int, body: EventUpdateIn, user_id: int | None) -> Event:
    """Save what the body has. Inside `transaction()`: all of it or nothing. Raises as the services do."""
    event = find_event(event_id)
    if body.version is not None:
        check_version(event, body.version)
    if body.enabled is False:
        services.switch_event(event_id=event_id, enabled=False, switched_by=user_id)
    _save_names(event, body, user_id)
    if body.conditions is not None:
        services.save_conditions(event_id=event_id, conditions=Conditions(), saved_by=user_id)
    if body.variables is not None:
        services.save_schema(event_id=event_id, variables=body.event_variables(), saved_by=user_id)
    if body.conditions is not None:
        services.save_conditions(event_id=event_id, conditions=_conditions(body.conditions), saved_by=user_id)
    if body.deliveries is not None:
        services.save_deliveries(event_id=event_id, deliveries=_deliveries(body.deliveries), saved_by=user_id)
    if body.rules is not None:
        services.save_rules(event_id=event_id, rules=_rules(event, body.rules), saved_by=user_id)
    if body.enabled:
        services.switch_event(event_id=event_id, enabled=True, switched_by=user_id)
    return event


def _rules(event: Event, part: RulesPart) -> Rules:
    window = event.send_window
    if "send_window" in part.model_fields_set:
        window = part.send_window.hours() if part.send_window is not None else {}
    return Rules(**part.model_dump(exclude={"send_window"}), send_window=window)


def _save_names(event: Event, body: EventUpdateIn, user_id: int | None) -> None:
    given = body.model_dump(include={"name", "slug", "description", "group", "subgroup"}, exclude_none=True)
    if given:
        now = {name: getattr(event, name) for name in ("name", "slug", "description", "group", "subgroup")}
        services.rename_event(event_id=event.id, names=Names(**{**now, **given}), saved_by=user_id)


def _conditions(part: ConditionsPart) -> Conditions:
    groups = tuple(
        Group(tuple(Row(row.path, row.operator, row.value) for row in group.rows), group.join) for group in part.groups
    )
    return Conditions(groups, part.join)


def _deliveries(part: DeliveriesPart) -> dict[str, Delivery]:
    named = ((name, getattr(part, name)) for name in ("email", "sms", "push"))
    return {
        name: Delivery(
            subscribed=one.subscribed,
            template_id=named_id("tpl", one.template, f"deliveries.{name}.template"),
            category=one.category,
            delay_seconds=one.delay_seconds,
            fallback_of=one.fallback_of,
            fallback_seconds=one.fallback_seconds,
        )
        for name, one in named
        if one is not None
    }


def _window(window: Mapping[str, Any]) -> WindowPart | None:
    return WindowPart(**{name: window[name] for name in ("opens", "closes", "days", "zone")}) if window else None


def event_out(event: Event) -> EventOut:
    """An event as the API shows it."""
    return EventOut(
        **_definition(Definition.of(event)),
        id=event.public_id,
        enabled=event.enabled,
        unresolved=unresolved(event),
        version=event.version,
        updated_at=event.updated_at,
    )


def version_out(line: VersionLine) -> EventVersionOut:
    """A version as the API shows it."""
    return EventVersionOut(
        **_definition(Definition.read(line.version.content)),
        number=line.version.number,
        current=line.current,
        saved_at=line.version.created_at,
        saved_by=line.by,
        restored_from=line.version.restored_from,
        changed=list(line.changed),
    )


def _definition(definition: Definition) -> dict[str, Any]:
    rules = {name: getattr(definition.rules, name) for name in RulesPart.model_fields}
    return {
        **asdict(definition.names),
        "variables": [VariablePart(**one.written()) for one in definition.variables],
        "conditions": ConditionsPart.model_validate(definition.conditions.written()),
        "condition_words": definition.conditions.sentence,
        "deliveries": [
            _delivery(channel.value, definition.deliveries[channel.value])
            for channel in Channel
            if channel.value in definition.deliveries
        ],
        "rules": RulesPart(**{**rules, "send_window": _window(definition.rules.send_window)}),
    }


def _delivery(channel: str, one: Delivery) -> EventDeliveryOut:
    template = public_id("tpl", one.template_id) if one.template_id is not None else None
    return EventDeliveryOut(
        channel=channel,
        subscribed=one.subscribed,
        template=template,
        category=one.category,
        delay_seconds=one.delay_seconds,
        fallback_of=one.fallback_of,
        fallback_seconds=one.fallback_seconds,
    )
