"""What an application orders, and what it takes to carry it out: template, version, provider and sender by channel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import Connection, Select, Text, and_, bindparam, cast, exists, func, null, select

from dashboard.api_keys.services import Caller
from dashboard.direct import Look
from dashboard.dkim.models import DkimKey
from dashboard.extensions import BigId, db
from dashboard.ids import parse_public_id
from dashboard.jobs.choosing import From, choose_provider, choose_sender, standing_by
from dashboard.jobs.services import usable_globals
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.problems import DomainError, NotAllowed
from dashboard.providers.models import ChannelSwitch, Provider, Route
from dashboard.snapshots import Snapshots
from dashboard.variables.models import Variable
from worker.engine import routing
from worker.engine.routing import Stop

#: Where the address of a channel stands in a record.
ADDRESS_COLUMNS = {"email": "email", "sms": "phone", "push": "push_token"}


@dataclass(frozen=True, slots=True)
class Addressee:
    """One recipient: addresses by channel, variables, and the caller's own name for the message.

    `secrets`, by channel, are variables that are sent and never stored readable (worker.engine.sealed).
    """

    email: str | None = None
    phone: str | None = None
    push_token: str | None = None
    external_id: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    reference: str | None = None
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """One channel of an order. `place` is where the request named it; "" for `channel` or `category` takes the
    template's."""

    channel: str
    template: str
    provider: str | None = None
    place: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """A request for messages. `variables` hold for every recipient who has none of that name. `targets`: what the parts
    take, where somebody has looked a moment ago."""

    caller: Caller
    parts: tuple[Part, ...]
    addressees: tuple[Addressee, ...]
    variables: Mapping[str, Any] = field(default_factory=dict)
    send_at: datetime | None = None
    expires_at: datetime | None = None
    reference: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    targets: tuple[Target, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A part with all that was found for it, and its facts apart from the database session.

    `signs`: there are DKIM keys, which may be the sender's. `stops`: the route, where nobody named the provider.
    """

    template: Template
    version: TemplateVersion
    provider: Provider
    sender: From
    channel: str
    category: str
    template_id: int
    version_number: int | None
    provider_id: int
    global_values: Mapping[str, str]
    signs: bool
    stops: tuple[Stop, ...]

    def by_weight(self) -> Target:
        """The same by the provider of the route whose turn it is."""
        if len(self.stops) < 2:
            return self
        stop = routing.by_weight(self.stops)
        sender = From(stop.from_address, stop.from_name)
        return replace(self, provider=stop.provider, provider_id=stop.provider.id, sender=sender)


def _template_id(text: str) -> int | None:
    """The number of an id; None for what must be a slug."""
    try:
        return parse_public_id("tpl", text)
    except ValueError:
        return None


def find_template(text: str, place: str = "template") -> Template:
    """The template behind an id or a slug. Raises DomainError(field=place)."""
    number = _template_id(text)
    which = Template.slug == text if number is None else Template.id == number
    template = db.session.scalars(select(Template).where(which)).first()
    if template is None:
        raise DomainError(f"There is no template {text}.", field=place, code="unknown_template")
    return template


def targets_of(order: Order) -> list[Target]:
    """What each part of an order takes. Raises DomainError at the part's place, or NotAllowed."""
    targets = order.targets or [find_target(part) for part in order.parts]
    for part, target in zip(order.parts, targets, strict=True):
        if not order.caller.may_send(target.template_id):
            raise NotAllowed(f"This key may not send the template {part.template}.")
    return list(targets)


#: The global variables as one text, by dialect: a round trip less.
_GLOBALS = {
    "sqlite": select(func.json_group_array(func.json_array(Variable.name, Variable.value, Variable.kind))),
    "postgresql": select(
        cast(func.json_agg(func.json_build_array(Variable.name, Variable.value, Variable.kind)), Text)
    ),
}


def _look(dialect: str, by_id: bool, provider_given: bool, category_given: bool) -> Look:
    """What a target depends on: the template, its channel's switch, the provider or every one of the route, the global
    variables, and whether anything is signed."""
    column: Any = Template.id if by_id else Template.slug
    statement: Select[*tuple[Any, ...]] = select(
        Template.id, Template.version, Template.channel, Template.category, Template.published_version_id,
        Template.archived_at, ChannelSwitch.off, Provider.id, Provider.version, Provider.enabled, Provider.archived_at,
        Provider.draining, Provider.breaker_opened_at, Provider.breaker_until,
        null() if provider_given else Route.weight,
        exists().where(DkimKey.enabled.is_(True)), _GLOBALS[dialect].scalar_subquery(),
    ).outerjoin(ChannelSwitch, ChannelSwitch.channel == Template.channel)  # fmt: skip
    if provider_given:
        statement = statement.outerjoin(Provider, Provider.id == bindparam("provider", type_=BigId))
    else:
        category = bindparam("category", type_=Route.category.type) if category_given else Template.category
        route = and_(Route.channel == Template.channel, Route.category == category)
        statement = statement.outerjoin(Route, route).outerjoin(Provider, Provider.id == Route.provider_id)
        statement = statement.order_by(Route.position)
    return Look(statement.where(column == bindparam("template", type_=column.type)))


#: (dialect, template by id, provider given, category given) -> the look; built once.
_LOOKS = {kind: _look(*kind) for kind in product(_GLOBALS, (True, False), (True, False), (True, False))}


_known: Snapshots[Target] = Snapshots()


def find_target(part: Part, connection: Connection | None = None) -> Target:
    """What a part takes, whoever asks. Raises DomainError at the part's place.

    One look tells whether what is known still holds; else everything is read again. It goes by the connection, where
    one is given, else by the session's.
    """
    rows = _rows(part, connection or db.session.connection())
    if not rows:
        raise DomainError(
            f"There is no template {part.template}.", field=f"{part.place}template", code="unknown_template"
        )
    return _known.of((db.engine, part, rows), lambda: _apart(_found(part, rows)))


def _apart(target: Target) -> Target:
    """Apart from the session, whose objects end with its transaction."""
    for row in (target.template, target.version, target.provider, *(stop.provider for stop in target.stops)):
        if row in db.session:
            db.session.expunge(row)
    return target


def _rows(part: Part, connection: Connection) -> tuple[tuple[Any, ...], ...]:
    """What a target depends on, in one statement. Empty where there is no such template."""
    provider_id = _provider_id(part)
    name = _template_id(part.template)
    look = _LOOKS[db.engine.dialect.name, name is not None, provider_id is not None, bool(part.category)]
    values = {"template": name or part.template, "provider": provider_id, "category": part.category}
    return tuple(look.rows(connection, values))


def _found(part: Part, rows: Sequence[tuple[Any, ...]]) -> Target:
    place = f"{part.place}template"
    template = find_template(part.template, place)
    if part.channel and template.channel != part.channel:
        raise DomainError(
            f"The template {template.slug} is for {template.channel}, not for {part.channel}.",
            field=place,
            code="wrong_channel",
        )
    category = part.category or template.category
    try:
        provider = choose_provider(template.channel, category, _provider_id(part))
        sender = choose_sender(provider, None)
    except DomainError as problem:
        raise DomainError(problem.message, field=f"{part.place}provider", code=problem.code) from problem
    if provider.channel != template.channel:
        raise DomainError(
            f"The provider {provider.name} is for {provider.channel}.",
            field=f"{part.place}provider",
            code="wrong_channel",
        )
    version = published_version(template, place)
    others = [] if part.provider else standing_by(template.channel, category, sender)
    *_, signs, values = rows[0]
    return Target(
        template=template,
        version=version,
        provider=provider,
        sender=sender,
        channel=template.channel,
        category=category,
        template_id=template.id,
        version_number=version.number,
        provider_id=provider.id,
        global_values=usable_globals(json.loads(values or "[]")),
        signs=bool(signs),
        stops=tuple(Stop(one, weight, its.address, its.name) for one, weight, its in others),
    )


def published_version(template: Template, place: str = "template") -> TemplateVersion:
    """The version in use. Raises DomainError where there is none, or the template is archived."""
    if template.archived_at is not None:
        raise DomainError(f"The template {template.slug} is archived.", field=place, code="archived")
    if template.published_version_id is None:
        raise DomainError(
            f"The template {template.slug} has no published version. Publish it first.",
            field=place,
            code="not_published",
        )
    return db.session.get_one(TemplateVersion, template.published_version_id)


def _provider_id(part: Part) -> int | None:
    if part.provider is None:
        return None
    try:
        return parse_public_id("prv", part.provider)
    except ValueError as error:
        raise DomainError(
            f"{part.provider} is no id of a provider.", field=f"{part.place}provider", code="unknown_provider"
        ) from error
