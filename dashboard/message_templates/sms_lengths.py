"""Text messages over an audience: how many segments they take, and which record has the longest one.

Up to 5,000 records are rendered, spread evenly, for at most two seconds: a preflight and an editor have to answer.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import select

from dashboard.audiences.models import Audience, DatasetVersion, Record
from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.figures import number, percent
from dashboard.jobs.services import freeze_globals
from worker.rendering.channels import Compiled, compile_content
from worker.rendering.content import Content
from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.segments import UCS2
from worker.rendering.sms import RenderedSms, SmsContent
from worker.rendering.values import merge, record_values

_BLOCKS: Final = 20
_BLOCK_SIZE: Final = 250
_SECONDS: Final = 2.0
_NAMED: Final = 2  # counts of segments that have a share of their own; longer messages stand together


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
        """ "1 segment 91 %, 2 segments 8.7 %, 3+ 0.3 % (longest: record 12)"."""
        more = sum(times for count, times in self.segments.items() if count > _NAMED)
        shares = [
            f"{count} segment{'' if count == 1 else 's'} {percent(self.segments[count], self.looked_at)}"
            for count in sorted(self.segments)
            if count <= _NAMED
        ]
        if more:
            shares.append(f"{_NAMED + 1}+ {percent(more, self.looked_at)}")
        return f"{', '.join(shares)} (longest: record {number(self.longest + 1)})"

    def add(self, record_no: int, sms: RenderedSms) -> None:
        """Count one message."""
        units = sms.measure.units
        self.segments[sms.segments] += 1
        self.ucs2 += sms.encoding == UCS2
        if units > self.longest_units:
            self.longest, self.longest_units = record_no, units


def audience_lengths(content: Content, audience_id: int) -> Lengths | None:
    """The lengths of what is typed over an audience; None where it is no SMS, is broken, or nobody is there."""
    audience = db.session.get(Audience, audience_id)
    version_id = audience.current_version_id if audience else None
    dataset = db.session.get(DatasetVersion, version_id) if version_id else None
    if dataset is None or not isinstance(content, SmsContent):
        return None
    try:
        return lengths_over(compile_content(content), dataset)
    except TemplateSyntaxProblem:
        return None


def lengths_over(program: Compiled, dataset: DatasetVersion) -> Lengths:
    """The lengths of the messages that a compiled SMS template makes of an audience's records."""
    lengths, given, until = Lengths(), freeze_globals(), time.monotonic() + _SECONDS
    system = {"unsubscribe_url": f"{current_settings().base_url}/u/" + "x" * 33, "message_id": "msg_0000000000000"}
    for first in _starts(dataset):
        for record in _records(dataset, first):
            if time.monotonic() > until:
                return lengths
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
