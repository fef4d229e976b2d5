"""Events: the catalogue, taking one in, and the log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from flask import Response
from pydantic import Field, JsonValue, StrictBool

from dashboard.api.event_definitions import (
    EventIn,
    EventOut,
    EventUpdateIn,
    EventVersionOut,
    event_out,
    save_parts,
    version_out,
)
from dashboard.api.idempotency import do_once, this_once
from dashboard.api.paging import Paged, cursor_of, limit_field, next_of
from dashboard.api.rendering import RenderOut, rendered
from dashboard.api.resource import Input, Output, Reply, as_response, caller, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.events import history, queries, services
from dashboard.events.conditions import Conditions, Verdict, judge
from dashboard.events.models import EventReceipt
from dashboard.events.paths import masked
from dashboard.events.receiving import Incoming, Received, check_incoming, keep_invalid, receive, refusal_of, replay
from dashboard.events.schema import InvalidPayload
from dashboard.events.sending import in_order
from dashboard.events.trials import ChannelContent, contents_of
from dashboard.extensions import transaction
from dashboard.ids import parse_public_id, public_id
from dashboard.message_templates.preview_data import system_values
from dashboard.messages.masking import mask
from dashboard.problems import NotAllowed, NotFound

api = resource("Events", "Events of applications: what they bring, and what is sent on them.")
Address = Annotated[str, Field(max_length=320)]
_EXAMPLE: Final[Any] = {"payload": {"order": {"number": "A-1815"}}, "recipient": {"email": "ada@example.com"}}


class EventPath(Input):
    event: str = Field(min_length=1, max_length=80, description="Slug or id (evt_…) of an event.")


class ReceiptPath(EventPath):
    receipt: str = Field(max_length=40, description="Id of an entry of the log (evr_…).")


class EventVersionPath(EventPath):
    number: int = Field(ge=1, le=2_000_000_000)


class CatalogueIn(Input):
    q: str = Field("", max_length=80, description="Stands in the name or the slug.")
    group: str = Field("", max_length=80)


class LogIn(Input):
    state: Literal["", "accepted", "sent", "filtered", "invalid"] = ""
    after: str | None = Field(None, max_length=40)
    limit: int = limit_field()


class EventRecipientIn(Input):
    """Whom it is about. At least one of the addresses; a channel whose address is missing is skipped."""

    email: Address | None = None
    phone: str | None = Field(None, max_length=20, description="With country code, such as +919876543210.")
    push_token: str | None = Field(None, max_length=4096)
    external_id: str | None = Field(None, max_length=200, description="Your id of the customer.")


class ReceiveIn(Input):
    """An event that happened."""

    model_config = {"extra": "forbid", "json_schema_extra": {"examples": [_EXAMPLE]}}

    payload: dict[str, JsonValue] = Field({}, description="At most 64 KiB; checked against the event's variables.")
    recipient: EventRecipientIn
    dry_run: StrictBool = Field(False, description="Say what would happen, and send nothing.")


class DeleteIn(Input):
    confirm: str = Field(max_length=80, description="The slug of the event.")


class EventsOut(Paged):
    items: list[EventOut]


class EventVersionsOut(Paged):
    items: list[EventVersionOut]


class EventDeletedOut(Output):
    name: str


class RowOut(Output):
    """One condition, and whether it held."""

    condition: str
    held: bool


class EventMessageOut(Output):
    """One channel of an event."""

    channel: str
    state: str = Field(description="sent (there is a message), waiting, not_needed, skipped or failed.")
    message: str | None = Field(description="Id of the message; null while it waits, or where there is none.")
    due_at: datetime | None
    reason: str


class EventSampleOut(RenderOut):
    """A channel's message as it would leave."""

    template: str


class ReceivedOut(Output):
    """What was decided on an event."""

    id: str | None = Field(description="Of the entry in the log; null for a dry run.")
    event: str
    decision: Literal["matched", "filtered", "duplicate"]
    reason: str = Field(description="Why nothing is sent: the condition that did not hold, or a rule.")
    conditions: list[RowOut]
    messages: list[EventMessageOut]
    samples: list[EventSampleOut] = Field([], description="Of a dry run: every subscribed channel's message, rendered.")


class ReceiptOut(Output):
    """An entry of the log. What the variables mark as personal is masked, and so are addresses."""

    id: str
    state: str
    reason: str
    field: str = Field(description="The place of what is invalid.")
    payload: dict[str, JsonValue]
    recipient: dict[str, str]
    replay_of: str | None
    test: bool
    received_at: datetime
    messages: list[EventMessageOut]


class LogOut(Paged):
    items: list[ReceiptOut]


@api.get("/events", responses={200: EventsOut})
@needs(Scope.EVENTS)
def index(query: CatalogueIn) -> Reply:
    """List events"""
    lines = queries.catalogue(queries.CatalogueFilter(query.q, query.group))
    return EventsOut(items=[event_out(line.event) for line in lines], next=None)


@api.post("/events", responses={201: EventOut})
@needs(Scope.EVENTS)
def create(body: EventIn) -> Reply:
    """Create an event

    It may be switched on at once where nothing is unresolved.
    """
    with transaction():
        event = services.create_event(
            names=body.names(), variables=body.event_variables(), created_by=caller().created_by
        )
        return event_out(save_parts(event.id, body, caller().created_by)), 201


@api.get("/events/<event>", responses={200: EventOut})
@needs(Scope.EVENTS)
def show(path: EventPath) -> Reply:
    """An event"""
    return event_out(queries.event_named(path.event))


@api.put("/events/<event>", responses={200: EventOut})
@needs(Scope.EVENTS)
def update(path: EventPath, body: EventUpdateIn) -> Reply:
    """Change an event

    What is left out stays as it is.
    """
    with transaction():
        return event_out(save_parts(queries.event_named(path.event).id, body, caller().created_by))


@api.delete("/events/<event>", responses={200: EventDeletedOut})
@needs(Scope.EVENTS)
def delete(path: EventPath, query: DeleteIn) -> Reply:
    """Delete an event with its log

    Refused (409) while it is on, or messages of it wait.
    """
    found = queries.event_named(path.event)
    return EventDeletedOut(name=services.delete_event(event_id=found.id, typed=query.confirm))


@api.post("/events/<event>", responses={200: ReceivedOut, 202: ReceivedOut})
@needs(Scope.EVENTS, once=False)
def take(path: EventPath, body: ReceiveIn) -> Reply:
    """Tell of an event

    202 once it is written down, with the decision and the ids of the messages; 200 for a dry run. A payload that does
    not fit is refused (422) with the place that is at fault.
    """
    known = caller()
    recipient = {name: value for name, value in body.recipient.model_dump().items() if value}
    incoming = Incoming(body.payload, recipient, api_key_id=known.id, created_by=known.created_by)
    if body.dry_run:
        return _dry(path.event, incoming)
    try:
        return do_once(this_once(known.id), lambda: _taken(receive(path.event, incoming, known.may_send)))
    except InvalidPayload as problem:
        keep_invalid(path.event, incoming, problem)
        raise


@api.get("/events/<event>/versions", responses={200: EventVersionsOut})
@needs(Scope.EVENTS)
def versions(path: EventPath) -> Reply:
    """Versions of an event, the latest first

    The newest hundred. Every save that changes something makes one; switching on or off does not.
    """
    lines = history.version_list(queries.event_named(path.event).id)
    return EventVersionsOut(items=[version_out(line) for line in lines], next=None)


@api.post("/events/<event>/versions/<number>/restore", responses={200: EventOut})
@needs(Scope.EVENTS)
def restore(path: EventVersionPath) -> Reply:
    """Make an event again what it was

    It becomes a new version; whether it is on stays as it is. Refused (422) where it could not be like that any more,
    since a template or the slug is gone, or a variable would come from nowhere.
    """
    event = queries.event_named(path.event)
    user_id = caller().created_by
    return event_out(services.restore_version(event_id=event.id, number=path.number, restored_by=user_id))


@api.get("/events/<event>/log", responses={200: LogOut})
@needs(Scope.EVENTS)
def log(path: EventPath, query: LogIn) -> Reply:
    """The log of an event, newest first"""
    event = queries.event_named(path.event)
    page = queries.log(event.id, query.state, after=cursor_of("evr", query.after), size=query.limit)
    hidden = [one["path"] for one in event.variables if one["pii"]]
    return LogOut(items=[_receipt_out(row, hidden) for row in page.rows], next=next_of(page, "evr"))


@api.post("/events/<event>/log/<receipt>/replay", responses={202: ReceivedOut})
@needs(Scope.EVENTS)
def replayed(path: ReceiptPath) -> Reply:
    """Take a logged event in once more

    By today's definition; what holds repetitions back is not asked.
    """
    event = queries.event_named(path.event)
    try:
        row = queries.receipt(parse_public_id("evr", path.receipt))
    except ValueError as error:
        raise NotFound("There is no such entry in the log of events.") from error
    if row.event_id != event.id:
        raise NotFound("There is no such entry in the log of this event.")
    return _taken(replay(row.id, replayed_by=caller().created_by, may_send=caller().may_send))


def _taken(received: Received) -> Response:
    row, decision = received.receipt, "filtered" if received.receipt.state == "filtered" else "matched"
    answer = ReceivedOut(
        id=row.public_id,
        event=received.event.slug,
        decision="duplicate" if received.duplicate else decision,
        reason=row.reason,
        conditions=_rows(received.verdict),
        messages=_messages(row),
    )
    return as_response((answer, 202))


def _dry(slug: str, incoming: Incoming) -> ReceivedOut:
    event = queries.event_named(slug)
    for delivery in in_order(event):
        if delivery.template_id is not None and not caller().may_send(delivery.template_id):
            raise NotAllowed(f"This key may not send the template of {delivery.channel}.")
    check_incoming(event, incoming)
    verdict = judge(Conditions.read(event.conditions), incoming.payload)
    reason = refusal_of(event, incoming, verdict)
    return ReceivedOut(
        id=None,
        event=event.slug,
        decision="filtered" if reason else "matched",
        reason=reason,
        conditions=_rows(verdict),
        messages=[],
        samples=[_sample(content, incoming) for content in contents_of(event)],
    )


def _sample(content: ChannelContent, incoming: Incoming) -> EventSampleOut:
    own = {name: value for name, value in incoming.recipient.items() if name != "push_token"}
    values = {**incoming.payload, **own, **system_values()}
    made = rendered(content.source, content.channel, values, strict=True)
    return EventSampleOut(**made.model_dump(), template=public_id("tpl", content.template_id))


def _rows(verdict: Verdict) -> list[RowOut]:
    return [RowOut(condition=tick.row.words, held=tick.held) for _, ticks in verdict.groups for tick in ticks]


def _messages(row: EventReceipt) -> list[EventMessageOut]:
    return [
        EventMessageOut(
            channel=send.channel,
            state=send.state,
            message=send.public_message_id or None,
            due_at=send.due_at,
            reason=send.reason,
        )
        for send in row.sends
    ]


def _receipt_out(row: EventReceipt, hidden: list[str]) -> ReceiptOut:
    return ReceiptOut(
        id=row.public_id,
        state=row.state,
        reason=row.reason,
        field=row.place,
        payload=masked(row.payload, hidden),
        recipient={name: value if name == "external_id" else mask(value) for name, value in row.recipient.items()},
        replay_of=public_id("evr", row.replay_of_id) if row.replay_of_id else None,
        test=row.is_test,
        received_at=row.received_at,
        messages=_messages(row),
    )
