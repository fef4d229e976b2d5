"""Which source gives each variable of an event's templates its value: what has none keeps the event from being on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dashboard.events.models import Event, EventDelivery, ValueType
from dashboard.events.schema import EventVariable, read_variables
from dashboard.extensions import db
from dashboard.jobs.services import freeze_globals
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.message_templates.queries import content_of
from worker.rendering.content import Content
from worker.rendering.values import SYSTEM_VARIABLES
from worker.rendering.variables import VariableUse, variable_paths

_RECIPIENT = frozenset({"email", "phone", "external_id"})
_OPAQUE = (ValueType.OBJECT, ValueType.LIST)


class Coverage(StrEnum):
    """States of the object kind "check" in dashboard.status."""

    PASSED = "passed"
    WARNING = "warning"
    BLOCKING = "blocking"


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One variable of one channel's template. `source`: event, recipient, global, system, default or "" (nothing)."""

    channel: str
    path: str
    source: str
    verdict: Coverage
    words: str


@dataclass(frozen=True, slots=True)
class DeliveryCoverage:
    """A channel's template. `problem` says why it cannot be used at all."""

    delivery: EventDelivery
    template: Template | None
    rows: tuple[CoverageRow, ...] = ()
    problem: str = ""

    @property
    def blocking(self) -> list[str]:
        """What keeps the channel from being sent, in words."""
        found = [f"{row.path}: {row.words}" for row in self.rows if row.verdict is Coverage.BLOCKING]
        return [self.problem, *found] if self.problem else found


def coverage_of(event: Event, channels: Sequence[str] | None = None) -> list[DeliveryCoverage]:
    """The coverage of every channel that has a template or is subscribed; or of those named."""
    variables, given = read_variables(event.variables), freeze_globals()
    wanted = [
        one
        for one in event.deliveries
        if (one.channel in channels if channels is not None else one.subscribed or one.template_id is not None)
    ]
    return [_delivery(one, variables, given) for one in wanted]


def _delivery(
    delivery: EventDelivery, variables: Sequence[EventVariable], given: Mapping[str, str]
) -> DeliveryCoverage:
    template = db.session.get(Template, delivery.template_id) if delivery.template_id is not None else None
    if template is None:
        return DeliveryCoverage(delivery, None, problem=f"Choose a template for {delivery.channel}.")
    if template.archived_at is not None:
        return DeliveryCoverage(delivery, template, problem=f"The template {template.name} is archived.")
    if template.published_version_id is None:
        problem = f"The template {template.name} has no published version. Publish it first."
        return DeliveryCoverage(delivery, template, problem=problem)
    version = db.session.get_one(TemplateVersion, template.published_version_id)
    content = content_of(version, with_attachments=False)
    return DeliveryCoverage(delivery, template, _rows(delivery.channel, content, variables, given))


def lacking(event: Event, channel: str, content: Content) -> list[str]:
    """The variables of a content, published or not, that keep the event from sending it."""
    rows = _rows(channel, content, read_variables(event.variables), freeze_globals())
    return [row.path for row in rows if row.verdict is Coverage.BLOCKING]


def _rows(
    channel: str, content: Content, variables: Sequence[EventVariable], given: Mapping[str, str]
) -> tuple[CoverageRow, ...]:
    uses: dict[str, list[VariableUse]] = {}
    for use in variable_paths(content):
        uses.setdefault(use.path, []).append(use)
    return tuple(_row(channel, path, uses[path], variables, given) for path in sorted(uses))


def _row(
    channel: str,
    path: str,
    uses: Sequence[VariableUse],
    variables: Sequence[EventVariable],
    given: Mapping[str, str],
) -> CoverageRow:
    root = path.partition(".")[0]
    if root in SYSTEM_VARIABLES:
        return CoverageRow(channel, path, "system", Coverage.PASSED, "made for every message")
    certain, missing = provided(path, variables)
    if certain:
        return CoverageRow(channel, path, "event", Coverage.PASSED, "every payload brings it")
    if root in _RECIPIENT and missing == root:
        return CoverageRow(channel, path, "recipient", Coverage.PASSED, "the recipient's own")
    if root in given and missing == root:
        return CoverageRow(channel, path, "global", Coverage.PASSED, "a global variable")
    optional = certain is None
    if all(use.copes_without(missing) for use in uses):
        words = "optional in the event" if optional else "not in the event"
        return CoverageRow(channel, path, "default", Coverage.WARNING, f"{words}: the template's default stands in")
    if optional:
        words = "optional in the event, and the template has no default"
        return CoverageRow(channel, path, "event", Coverage.BLOCKING, words)
    return CoverageRow(channel, path, "", Coverage.BLOCKING, "nothing provides it")


def provided(path: str, variables: Iterable[EventVariable]) -> tuple[bool | None, str]:
    """Whether every payload has the path (None: some may lack it, False: none is known to), and what would be missing.

    A list or an object that the schema names without its fields is taken to bring them.
    """
    by_path = {variable.path: variable for variable in variables}
    parts = path.split(".")
    for count in range(1, len(parts) + 1):
        beginning = ".".join(parts[:count])
        found = by_path.get(beginning)
        inner = [variable for name, variable in by_path.items() if name.startswith(f"{beginning}.")]
        if found is None and not inner:
            return False, beginning
        if found is not None and (count == len(parts) or (found.type in _OPAQUE and not inner)):
            return (True if found.required else None), beginning
        if found is None and count == len(parts):
            return (True if any(one.required for one in inner) else None), beginning
    return False, path


def unresolved(event: Event) -> list[str]:
    """Why the event cannot be on: what its subscribed channels lack. Empty where nothing is in the way."""
    subscribed = [one.channel for one in event.deliveries if one.subscribed]
    return [f"{one.delivery.channel}: {words}" for one in coverage_of(event, subscribed) for words in one.blocking]
