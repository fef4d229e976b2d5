"""What went wrong in a job, grouped by the code that the provider (or we) gave, and what another try would change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, select

from dashboard.extensions import db
from dashboard.jobs.models import Job
from dashboard.messages.models import ERROR_STATES, Message, MessageState

#: Groups are made of at most so many rows: a page must answer while a million messages fail.
LIMIT = 50_000
_MOST_GROUPS = 30
_OF_THE_RECORD = frozenset({"no_address", "invalid_address", "bad_address"})
_OF_THE_TEMPLATE = frozenset(
    {"undefined_variable", "render_failed", "output_too_large", "too_slow", "header_injection"}
)


class Prospect(StrEnum):
    """What sending it again would do."""

    WORTH_IT = "worth_it"
    POINTLESS = "pointless"  # it would fail the same way
    MAYBE_TWICE = "maybe_twice"  # the first copy may have arrived


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Messages of a job with one state and code; `example` holds the provider's words for one of them."""

    state: str
    code: str
    count: int
    example: str

    @property
    def key(self) -> str:
        return f"{self.state}:{self.code}"

    @property
    def prospect(self) -> Prospect:
        if self.state in (MessageState.UNKNOWN, MessageState.COMPLAINED):
            return Prospect.MAYBE_TWICE
        if self.state == MessageState.BOUNCED or self.code in _OF_THE_RECORD | _OF_THE_TEMPLATE:
            return Prospect.POINTLESS
        return Prospect.POINTLESS if self.code.startswith("5") else Prospect.WORTH_IT

    @property
    def words(self) -> str:
        """Why the prospect is what it is."""
        if self.state == MessageState.UNKNOWN:
            return "It may have arrived, so it is not sent again."
        if self.state == MessageState.COMPLAINED:
            return "It arrived, and the recipient complained."
        if self.state == MessageState.BOUNCED or self.code.startswith("5"):
            return "The recipient's server refused it for good; it will most likely refuse it again."
        if self.code in _OF_THE_RECORD:
            return "The record has no usable address. Mend it in the audience and send a new campaign."
        if self.code in _OF_THE_TEMPLATE:
            return "The template and the record do not fit. It helps only with a corrected template version."
        return "A passing problem: another try may succeed."


@dataclass(frozen=True, slots=True)
class ErrorGroups:
    """Largest first. `capped`: there are more rows than were looked at."""

    groups: tuple[ErrorGroup, ...]
    capped: bool = False

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)


def error_groups(job: Job) -> ErrorGroups:
    """The messages of a job that did not succeed, by state and code (over the index on state and id)."""
    rows = (
        select(Message.state, func.coalesce(Message.code, "").label("code"), Message.detail)
        .where(
            Message.state.in_(sorted(ERROR_STATES)),
            Message.id.between(job.first_message_id, job.first_message_id + job.record_count - 1),
            Message.job_id == job.id,
        )
        .limit(LIMIT + 1)
        .subquery()
    )
    counted = db.session.execute(
        select(rows.c.state, rows.c.code, func.count().label("count"), func.max(rows.c.detail).label("example"))
        .group_by(rows.c.state, rows.c.code)
        .order_by(func.count().desc(), rows.c.state, rows.c.code)
    ).all()
    groups = tuple(ErrorGroup(row.state, row.code, int(row._mapping["count"]), row.example or "") for row in counted)
    return ErrorGroups(groups[:_MOST_GROUPS], capped=sum(group.count for group in groups) > LIMIT)


def parse_keys(keys: Iterable[str]) -> list[tuple[str, str]]:
    """(state, code) from the keys of groups; anything else is left out."""
    pairs = (key.partition(":") for key in keys)
    return [(state, code) for state, colon, code in pairs if colon and state in ERROR_STATES]
