"""The content of a message, made once more from what was frozen: template version, record, global variables.

Nothing of a sent message is stored but its inputs, and rendering has no clock and no chance in it, so this is what
was sent (a test holds it to the sandbox's copy), but for the Date header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from dashboard.audiences.models import Record
from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category
from dashboard.messages.models import Message
from dashboard.messages.retention import why_no_values
from worker.engine.composers import composer_for
from worker.engine.plan import CannotSend, Plan, load_plan
from worker.engine.rows import RecordRow
from worker.engine.sealed import shown
from worker.rendering.content import Rendered
from worker.rendering.errors import RenderError
from worker.rendering.values import sources


@dataclass(frozen=True, slots=True)
class Value:
    """One variable of a message: its value and the layer that gave it."""

    name: str
    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class Content:
    """What was sent, or why it cannot be shown (`problem`)."""

    values: list[Value]
    rendered: Rendered | None = None
    source: str = ""
    problem: str = ""
    sender: str = ""


def content_of(message: Message) -> Content:
    """Render a message again."""
    job = db.session.get(Job, message.job_id)
    if job is not None and (gone := why_no_values(job)):
        return Content([], problem=gone)
    plan = _plan(message)
    record = _record(message, plan) if plan else None
    if plan is None or record is None:
        return Content([], problem="The data this message was made from has been deleted.")
    composer = composer_for(plan)
    layers = composer.layers(message.id, record)
    values = _values(layers)
    try:
        source = composer.source(message.id, record, message.recipient)
        return Content(values, composer.rendered(layers), source, sender=plan.from_address)
    except RenderError as error:
        return Content(values, problem=error.message)


def _plan(message: Message) -> Plan | None:
    try:
        return load_plan(db.engine, current_settings(), message.job_id, to_send=False, sent_by=message.provider_id)
    except CannotSend:
        return None


def _record(message: Message, plan: Plan) -> RecordRow | None:
    row = db.session.scalars(
        select(Record).where(
            Record.dataset_version_id == plan.facts.dataset_version_id, Record.record_no == message.record_no
        )
    ).first()
    if row is None:
        return None
    variables = row.variables
    if message.category == Category.OTP:  # nobody reads a code here, administrators included
        variables = json.dumps(shown(json.loads(variables or "{}")))
    return RecordRow(row.record_no, row.email, row.phone, row.external_id, variables, row.push_token)


def _values(layers: Mapping[str, Mapping[str, Any]]) -> list[Value]:
    origin = sources(layers)
    return [Value(name, layers[origin[name]][name], origin[name]) for name in sorted(origin)]
