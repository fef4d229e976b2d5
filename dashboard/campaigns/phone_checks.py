"""Text messages over an audience: how many segments they take, and whether a regulator knows the text.

Up to 5,000 records are rendered, spread evenly, for at most two seconds: a preflight has to answer.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.campaigns.plan import Plan, compiled
from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.figures import number, percent
from dashboard.jobs.services import freeze_globals
from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.segments import UCS2
from worker.rendering.sms import RenderedSms, SmsContent
from worker.rendering.values import merge, record_values

_BLOCKS: Final = 20
_BLOCK_SIZE: Final = 250
_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Concern:
    """One line of the preflight; `wrong` makes it a warning."""

    code: str
    title: str
    words: str
    wrong: bool


@dataclass(slots=True)
class Lengths:
    """How many records take how many segments, how many need UCS-2, which record is the longest (from 0)."""

    segments: Counter[int] = field(default_factory=Counter)
    ucs2: int = 0
    longest: int = 0
    longest_units: int = -1

    @property
    def looked_at(self) -> int:
        return self.segments.total()

    @property
    def words(self) -> str:
        """ "1 segment 91 %, 2 segments 9 % (longest: record 12)"."""
        shares = [
            f"{count} segment{'' if count == 1 else 's'} {percent(self.segments[count], self.looked_at)}"
            for count in sorted(self.segments)
        ]
        return f"{', '.join(shares)} (longest: record {number(self.longest + 1)})"

    def add(self, record_no: int, sms: RenderedSms) -> None:
        """Count one message."""
        units = sms.measure.units
        self.segments[sms.segments] += 1
        self.ucs2 += sms.encoding == UCS2
        if units > self.longest_units:
            self.longest, self.longest_units = record_no, units


def concern(plan: Plan) -> Concern | None:
    """The first thing to be said about an SMS campaign; None for other channels and where nothing can be rendered."""
    content = plan.content
    if not isinstance(content, SmsContent):
        return None
    if not content.registered_template and current_settings().default_country == "IN":
        words = "Numbers in India are reached with the id of the registered text only: enter it in the template."
        return Concern("no_registration", "No DLT template id", words, wrong=True)
    lengths = measured(plan)
    if lengths is None or not lengths.looked_at:
        return None
    if lengths.ucs2:
        words = f"{percent(lengths.ucs2, lengths.looked_at)} of the messages have characters outside of GSM-7, which "
        return Concern("ucs2", "UCS-2 is forced", f"{words}leaves 70 to a segment. {lengths.words}", wrong=True)
    long = max(lengths.segments) > 1
    title = "Some messages take more than one segment" if long else "Every message fits into one segment"
    return Concern("segments", title, lengths.words, wrong=long)


def measured(plan: Plan) -> Lengths | None:
    """The lengths over the audience; None where template or audience is missing or broken."""
    if plan.template_version is None or plan.dataset is None:
        return None
    try:
        program = compiled(plan.template_version)
    except TemplateSyntaxProblem:
        return None
    lengths, given, until = Lengths(), freeze_globals(), time.monotonic() + _SECONDS
    system = {"unsubscribe_url": f"{current_settings().base_url}/u/" + "x" * 27, "message_id": "msg_0000000000000"}
    for first in _starts(plan.dataset):
        for record in _records(plan.dataset, first):
            own = record_values(
                json.loads(record.variables or "{}"),
                email=record.email,
                phone=record.phone,
                external_id=record.external_id,
            )
            try:
                rendered = program.render(merge({"global": given, "record": own, "system": system}))
            except RenderError:
                continue
            if isinstance(rendered, RenderedSms):
                lengths.add(record.record_no, rendered)
        if time.monotonic() > until:
            break
    return lengths


def _starts(dataset: DatasetVersion) -> list[int]:
    """First records of the blocks that are looked at."""
    if dataset.record_count <= _BLOCKS * _BLOCK_SIZE:
        return list(range(0, dataset.record_count, _BLOCK_SIZE))
    return [dataset.record_count * block // _BLOCKS for block in range(_BLOCKS)]


def _records(dataset: DatasetVersion, first: int) -> list[Record]:
    statement = select(Record).where(
        Record.dataset_version_id == dataset.id,
        Record.record_no >= first,
        Record.record_no < first + _BLOCK_SIZE,
    )
    return list(db.session.scalars(statement.order_by(Record.record_no)))
