"""Trying an event: what would be decided and sent, and a real one to whoever tries it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.accounts.models import User
from dashboard.events import queries
from dashboard.events.conditions import Conditions, Verdict, judge
from dashboard.events.models import Event, EventDelivery
from dashboard.events.receiving import Incoming, Received, check_incoming, receive, refusal_of
from dashboard.events.schema import InvalidPayload
from dashboard.events.sending import in_order
from dashboard.extensions import db, transaction
from dashboard.jobs.services import freeze_globals
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.message_templates.preview_data import NOBODY, PreviewData, system_values
from dashboard.message_templates.previews import Preview, make_preview
from dashboard.message_templates.queries import content_of
from dashboard.message_templates.send_tests import refuse_too_many
from dashboard.problems import DomainError

#: Who stands in for somebody without an address of their own: a dry run writes to nobody.
STAND_INS = {"email": NOBODY, "phone": "+10000000000", "push_token": "the device of nobody"}


@dataclass(frozen=True, slots=True)
class Sample:
    """A channel's message as it would leave, or why there is none."""

    delivery: EventDelivery
    template: Template
    preview: Preview | None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """A dry run: `problem` where the payload does not fit, `refusal` where nothing would be sent."""

    verdict: Verdict | None
    problem: str = ""
    refusal: str = ""
    samples: tuple[Sample, ...] = ()

    @property
    def matched(self) -> bool:
        return not self.problem and not self.refusal


def dry_run(event: Event, payload: Mapping[str, Any], user: User) -> Trial:
    """What would happen if it were told of now, were it on; nothing is written, and repetitions are not looked for."""
    recipient = {**STAND_INS, **own_addresses(user)}
    incoming = Incoming(payload, recipient, is_test=True)
    try:
        check_incoming(event, incoming)
    except InvalidPayload as problem:
        return Trial(None, problem=problem.message)
    verdict = judge(Conditions.read(event.conditions), payload)
    samples = tuple(_sample(one, payload, recipient, user) for one in in_order(event))
    return Trial(verdict, refusal=refusal_of(event, incoming, verdict), samples=samples)


@dataclass(frozen=True, slots=True)
class ChannelContent:
    """What a subscribed channel would send: the stored content of its template's published version."""

    channel: str
    template_id: int
    source: Mapping[str, Any]


def contents_of(event: Event) -> list[ChannelContent]:
    """In the order in which they go; a template without a published version has none."""
    found = []
    for one in in_order(event):
        template = db.session.get_one(Template, one.template_id)
        version = db.session.get(TemplateVersion, template.published_version_id)
        if version is not None:
            found.append(ChannelContent(one.channel, template.id, version.content))
    return found


def own_addresses(user: User) -> dict[str, str]:
    """Where the tests of a person go."""
    found = {"email": user.email, "phone": user.phone, "push_token": user.push_token}
    return {name: value for name, value in found.items() if value}


def send_to_me(event_id: int, payload: Mapping[str, Any], user: User) -> Received:
    """Take the payload in as a test: marked, at once, to the person's own addresses.

    Raises as `receive` does, RateLimited after ten within a minute, and DomainError for a person without an address.
    """
    mine = own_addresses(user)
    if not mine:
        raise DomainError("Your account has no address to send to. Add one under My account.")
    with transaction():
        refuse_too_many(user.id)
        incoming = Incoming(payload, mine, created_by=user.id, is_test=True)
        return receive(queries.event(event_id).slug, incoming)


def _sample(delivery: EventDelivery, payload: Mapping[str, Any], recipient: Mapping[str, str], user: User) -> Sample:
    template = db.session.get_one(Template, delivery.template_id)
    if template.published_version_id is None:
        return Sample(delivery, template, None, "Its template has no published version.")
    version = db.session.get_one(TemplateVersion, template.published_version_id)
    record = {name: value for name, value in recipient.items() if name != "push_token"}
    layers = {"global": freeze_globals(), "event": payload, "record": record, "system": system_values()}
    preview = make_preview(
        content=content_of(version, with_attachments=False),
        category=delivery.category or template.category,
        data=PreviewData(layers, "Payload", recipient["email"]),
        owner=user.id,
        strict=True,
    )
    first = next((one.message for one in preview.remarks if one.kind == "blocking"), "It cannot be rendered.")
    return Sample(delivery, template, preview, "" if preview.rendered else first)
