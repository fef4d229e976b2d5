"""Rendering a campaign for twenty of its recipients before anything is sent. Nothing here reaches a queue."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.campaigns.coverage import variable_columns
from dashboard.campaigns.plan import Plan, compiled
from dashboard.campaigns.record_fields import field_text
from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.ids import public_id
from dashboard.jobs.services import freeze_globals
from worker.rendering.channels import Compiled
from worker.rendering.content import Rendered
from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.values import merge, record_values

COUNT = 20
_RANDOM, _LONGEST, _WITH_BLANKS = 8, 4, 4
#: Longest values and gaps are looked for in so many records from the start: sorting a million takes seconds.
_LOOKED_AT = 50_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One recipient's message: `rendered`, or what is wrong in words. `why` says how the record was picked."""

    record_no: int
    recipient: str
    why: str
    rendered: Rendered | None
    problem: str = ""
    part: str = ""

    @property
    def ok(self) -> bool:
        return self.rendered is not None


def render_samples(plan: Plan, *, seed: int | None = None) -> list[Sample]:
    """Twenty records, failures first: random ones, the longest, some with gaps, then the first ones.

    `seed` repeats a random choice. An empty list where template or audience is missing.
    """
    if plan.template_version is None or plan.dataset is None:
        return []
    try:
        program = compiled(plan.template_version)
    except TemplateSyntaxProblem as error:
        return [Sample(0, "", "template", None, error.message, error.part)]
    picked = pick_records(plan.dataset, program.variables, seed=seed)
    records = db.session.scalars(
        select(Record).where(Record.dataset_version_id == plan.dataset.id, Record.record_no.in_(picked))
    )
    given = freeze_globals()
    samples = [_render(plan, program, record, picked[record.record_no], given) for record in records]
    return sorted(samples, key=lambda sample: (sample.ok, sample.record_no))


def render_one(plan: Plan, record_no: int) -> Sample | None:
    """The message of one record; None where there is no such record or nothing to render."""
    if plan.template_version is None or plan.dataset is None:
        return None
    record = db.session.get(Record, (plan.dataset.id, record_no))
    if record is None:
        return None
    try:
        return _render(plan, compiled(plan.template_version), record, "", freeze_globals())
    except TemplateSyntaxProblem as error:
        return Sample(record_no, "", "", None, error.message, error.part)


def pick_records(dataset: DatasetVersion, variables: Iterable[str], *, seed: int | None = None) -> dict[int, str]:
    """Record number -> why it was picked, at most twenty."""
    count = dataset.record_count
    picked: dict[int, str] = {}
    chosen = random.Random(seed).sample(range(count), min(_RANDOM, count))
    _add(picked, chosen, "at random", _RANDOM)
    near = (Record.dataset_version_id == dataset.id, Record.record_no < _LOOKED_AT)
    longest = select(Record.record_no).where(*near).order_by(func.length(Record.variables).desc(), Record.record_no)
    _add(picked, db.session.scalars(longest.limit(COUNT)), "longest values", _LONGEST)
    gaps = _gaps(dataset, variables)
    if gaps:
        with_gaps = select(Record.record_no).where(*near, or_(*gaps)).order_by(Record.record_no)
        _add(picked, db.session.scalars(with_gaps.limit(COUNT)), "with gaps", _WITH_BLANKS)
    _add(picked, range(min(count, 2 * COUNT)), "from the start", COUNT - len(picked))
    return picked


def _gaps(dataset: DatasetVersion, variables: Iterable[str]) -> Sequence[ColumnElement[bool]]:
    """Conditions for a record that lacks, or has empty, a column which the template shows."""
    shown = [field_text(name) for name in variable_columns(dataset) if name in set(variables)]
    return [or_(value.is_(None), func.trim(value) == "") for value in shown]


def _add(picked: dict[int, str], numbers: Iterable[int], why: str, most: int) -> None:
    for number in numbers:
        if most <= 0:
            return
        if number not in picked:
            picked[number] = why
            most -= 1


def _render(plan: Plan, program: Compiled, record: Record, why: str, given: dict[str, str]) -> Sample:
    values: dict[str, Any] = json.loads(record.variables) if record.variables else {}
    own = record_values(values, email=record.email, phone=record.phone, external_id=record.external_id)
    recipient = str({**own, "push_token": record.push_token}.get(plan.campaign.recipient_column) or "")
    # A link that suppresses nobody: the sample is a message that was never sent.
    system = {"unsubscribe_url": f"{current_settings().base_url}/u/sample", "message_id": public_id("msg", 0)}
    try:
        rendered = program.render(merge({"global": given, "record": own, "system": system}))
        rendered.check()
    except RenderError as error:
        return Sample(record.record_no, recipient, why, None, error.message, error.part)
    return Sample(record.record_no, recipient, why, rendered)
