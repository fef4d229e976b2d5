"""Making and changing events. One that is on is never left with a variable that nothing provides."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from dashboard.audit.services import record
from dashboard.events import queries
from dashboard.events.conditions import Conditions, check_conditions
from dashboard.events.coverage import unresolved
from dashboard.events.definition import Definition, Delivery, Names, Rules
from dashboard.events.history import keep_version, version_number
from dashboard.events.models import Event, EventDelivery, EventReceipt, EventSend
from dashboard.events.schema import EventVariable, check_variables, read_variables
from dashboard.extensions import db, transaction, utc_now
from dashboard.message_templates.models import Category, Channel, Template
from dashboard.problems import DomainError, check_version

_SLUG: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,79}")
LONGEST_SECONDS: Final = 30 * 86_400


def create_event(*, names: Names, variables: Sequence[EventVariable] = (), created_by: int | None = None) -> Event:
    """A new event that is off, with no channel subscribed. DomainError for names that are taken or cannot be one."""
    with transaction():
        _check_names(names)
        check_variables(variables)
        event = Event(
            **_columns(names),
            variables=[variable.written() for variable in variables],
            created_by=created_by,
            deliveries=[EventDelivery(channel=channel.value) for channel in Channel],
        )
        db.session.add(event)
        _flush()
        record("event.create", event, summary=names.name)
        keep_version(event, created_by)
        return event


def rename_event(*, event_id: int, names: Names, version: int | None = None, saved_by: int | None = None) -> Event:
    """Change what it is called. Raises DomainError or Conflict."""
    with transaction():
        event = _touched(event_id, version, saved_by)
        _put_names(event, names)
        record("event.rename", event, summary=names.name)
        keep_version(event, saved_by)
        return event


def save_schema(
    *, event_id: int, variables: Sequence[EventVariable], version: int | None = None, saved_by: int | None = None
) -> Event:
    """Change the variables. DomainError where a condition reads one that is gone, or a template would lack one."""
    with transaction():
        event = _touched(event_id, version, saved_by)
        check_variables(variables)
        check_conditions(Conditions.read(event.conditions), variables)
        event.variables = [variable.written() for variable in variables]
        _refuse_unresolved(event, "variables")
        record("event.schema", event, summary=event.name, after={"variables": [one.path for one in variables]})
        keep_version(event, saved_by)
        return event


def save_conditions(
    *, event_id: int, conditions: Conditions, version: int | None = None, saved_by: int | None = None
) -> Event:
    """Change the conditions. DomainError(field="conditions") for what cannot be compared."""
    with transaction():
        event = _touched(event_id, version, saved_by)
        check_conditions(conditions, read_variables(event.variables))
        before = Conditions.read(event.conditions).sentence
        event.conditions = conditions.written()
        record("event.conditions", event, before={"sentence": before}, after={"sentence": conditions.sentence})
        keep_version(event, saved_by)
        return event


def save_deliveries(
    *, event_id: int, deliveries: Mapping[str, Delivery], version: int | None = None, saved_by: int | None = None
) -> Event:
    """Change what the named channels do. DomainError(field="<channel>") where one cannot."""
    with transaction():
        event = _touched(event_id, version, saved_by)
        _put_deliveries(event, deliveries)
        _refuse_unresolved(event, "deliveries")
        after = {row.channel: row.subscribed for row in event.deliveries}
        record("event.deliveries", event, summary=event.name, after=after)
        keep_version(event, saved_by)
        return event


def save_rules(*, event_id: int, rules: Rules, version: int | None = None, saved_by: int | None = None) -> Event:
    """Change what holds repetitions back. DomainError at the field at fault."""
    with transaction():
        event = _touched(event_id, version, saved_by)
        _put_rules(event, rules)
        record("event.rules", event, summary=event.name)
        keep_version(event, saved_by)
        return event


def restore_version(*, event_id: int, number: int, version: int | None = None, restored_by: int | None = None) -> Event:
    """Make the event again what it was in that version, as a new version; whether it is on stays as it is.

    Raises NotFound, Conflict, or DomainError where nothing would change or it could not be like this any more: a
    template or a free slug may be gone.
    """
    with transaction():
        event = _touched(event_id, version, restored_by)
        wanted = Definition.read(version_number(event.id, number).content)
        if Definition.of(event) == wanted:
            raise DomainError(f"Version {number} is the same as now.", code="unchanged")
        check_variables(wanted.variables)
        check_conditions(wanted.conditions, wanted.variables)
        event.variables = [variable.written() for variable in wanted.variables]
        event.conditions = wanted.conditions.written()
        _put_names(event, wanted.names)
        _put_deliveries(event, wanted.deliveries)
        _put_rules(event, wanted.rules)
        _refuse_unresolved(event, None)
        record("event.restore", event, summary=f"{event.name}: version {number}")
        keep_version(event, restored_by, restored_from=number)
        return event


def switch_event(*, event_id: int, enabled: bool, switched_by: int | None = None) -> Event:
    """Switch it on or off. DomainError(code="unresolved") while a subscribed channel lacks something."""
    with transaction():
        event = _touched(event_id, None, switched_by)
        event.enabled = enabled
        _refuse_unresolved(event, None)
        record("event.on" if enabled else "event.off", event, summary=event.name)
        return event


def subscribe(*, changes: Mapping[int, Mapping[str, bool]], changed_by: int | None = None) -> int:
    """Subscribe channels of several events, or end that: {event id: {channel: subscribed}}. How many changed.

    All of it or nothing: DomainError names the event that cannot.
    """
    changed = 0
    with transaction():
        for event_id, wanted in changes.items():
            event = _touched(event_id, None, changed_by)
            for row in event.deliveries:
                if row.channel in wanted and row.subscribed != wanted[row.channel]:
                    if wanted[row.channel] and row.template_id is None:
                        raise DomainError(f"{event.name} has no template for {row.channel}. Choose one first.")
                    row.subscribed = wanted[row.channel]
                    changed += 1
            _refuse_unresolved(event, None)
            record("event.subscribe", event, summary=event.name, after=dict(wanted))
            keep_version(event, changed_by)
    return changed


def delete_event(*, event_id: int, typed: str, deleted_by: int | None = None) -> str:
    """Delete an event with its log and return its name; `typed` has to be its slug.

    DomainError while it is on, or messages of it wait.
    """
    with transaction():
        event = _touched(event_id, None, deleted_by)
        if event.enabled:
            raise DomainError(f"{event.name} is on. Switch it off first.", code="in_use")
        if queries.waiting_count(event.id):
            raise DomainError(f"Messages of {event.name} still wait for their moment.", code="in_use")
        if typed.strip() != event.slug:
            raise DomainError(f"Type {event.slug} to confirm.", field="typed", code="not_confirmed")
        record("event.delete", event, summary=event.name)
        of_event = select(EventReceipt.id).where(EventReceipt.event_id == event.id)
        db.session.execute(delete(EventSend).where(EventSend.receipt_id.in_(of_event)))
        db.session.execute(delete(EventReceipt).where(EventReceipt.event_id == event.id))
        db.session.delete(event)
        return event.name


def _touched(event_id: int, version: int | None, user_id: int | None) -> Event:
    event = queries.event(event_id)
    check_version(event, version)
    event.updated_at, event.updated_by = utc_now(), user_id
    return event


def _put_names(event: Event, names: Names) -> None:
    _check_names(names)
    for column, value in _columns(names).items():
        setattr(event, column, value)
    _flush()


def _put_deliveries(event: Event, deliveries: Mapping[str, Delivery]) -> None:
    rows = {row.channel: row for row in event.deliveries}
    for channel, wanted in deliveries.items():
        _check_delivery(channel, wanted)
        row = rows[channel]
        row.subscribed, row.template_id, row.category = wanted.subscribed, wanted.template_id, wanted.category
        row.delay_seconds, row.fallback_seconds = wanted.delay_seconds, wanted.fallback_seconds
        row.fallback_of = wanted.fallback_of
    _refuse_circles(rows)


def _put_rules(event: Event, rules: Rules) -> None:
    paths = {variable["path"] for variable in event.variables}
    if rules.idempotency_path and rules.idempotency_path not in paths:
        words = f"There is no variable {rules.idempotency_path} in this event."
        raise DomainError(words, field="idempotency_path")
    for name in ("dedup_seconds", "cap_seconds", "expires_seconds"):
        if not 0 <= getattr(rules, name) <= LONGEST_SECONDS:
            raise DomainError("Thirty days is the most.", field=name)
    if rules.cap_count < 0 or (rules.cap_count and not rules.cap_seconds):
        raise DomainError("Say within which time the customer may have so many.", field="cap_seconds")
    event.idempotency_path, event.dedup_seconds = rules.idempotency_path, rules.dedup_seconds
    event.cap_count, event.cap_seconds = rules.cap_count, rules.cap_seconds
    event.expires_seconds, event.send_window = rules.expires_seconds, dict(rules.send_window)


def _columns(names: Names) -> dict[str, str]:
    return {
        "name": names.name.strip(),
        "slug": names.slug.strip(),
        "description": names.description.strip(),
        "group": names.group.strip(),
        "subgroup": names.subgroup.strip(),
    }


def _check_names(names: Names) -> None:
    if not names.name.strip():
        raise DomainError("Give the event a name.", field="name")
    if not _SLUG.fullmatch(names.slug.strip()):
        words = "Write small letters, digits, _, - and dots; applications send to this name."
        raise DomainError(words, field="slug", code="invalid_slug")


def _check_delivery(channel: str, wanted: Delivery) -> None:
    if channel not in set(Channel):
        raise DomainError(f"There is no channel {channel}.", field="deliveries")
    template = db.session.get(Template, wanted.template_id) if wanted.template_id is not None else None
    if wanted.template_id is not None and (template is None or template.channel != channel):
        raise DomainError(f"That is no template for {channel}.", field=channel, code="unknown_template")
    if wanted.subscribed and template is None:
        raise DomainError(f"Choose a template for {channel}, or leave it off.", field=channel)
    if wanted.category and wanted.category not in set(Category):
        raise DomainError(f"There is no category {wanted.category}.", field=channel)
    for seconds in (wanted.delay_seconds, wanted.fallback_seconds):
        if not 0 <= seconds <= LONGEST_SECONDS:
            raise DomainError("Thirty days is the longest wait.", field=channel)


def _refuse_circles(rows: Mapping[str, EventDelivery]) -> None:
    for channel, row in rows.items():
        seen, following = {channel}, row.fallback_of
        while following:
            if following in seen or following not in rows:
                raise DomainError(
                    f"{channel} cannot wait for {row.fallback_of}: they wait for each other.", field=channel
                )
            seen.add(following)
            following = rows[following].fallback_of


def _refuse_unresolved(event: Event, field: str | None) -> None:
    db.session.flush()
    problems = unresolved(event) if event.enabled else []
    if problems:
        words = "; ".join(problems[:5])
        raise DomainError(f"It cannot be on like this. {words}.", field=field, code="unresolved")


def _flush() -> None:
    try:
        db.session.flush()
    except IntegrityError as error:
        raise DomainError("There is already an event of this slug.", field="slug", code="taken") from error
