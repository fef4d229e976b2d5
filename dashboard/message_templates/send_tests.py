"""Test sends: a snapshot of what is typed goes through the real path to a few addresses, marked as a test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, false, func, literal, or_, select

from dashboard.accounts.models import User
from dashboard.audiences.models import Record
from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import public_id
from dashboard.jobs.models import ENDED_JOB_STATES, Job, JobKind
from dashboard.jobs.services import send_directly
from dashboard.message_templates import queries
from dashboard.message_templates.models import Channel, Template, TemplateVersion, VersionKind
from dashboard.message_templates.preview_data import NOBODY, PreviewData
from dashboard.message_templates.recipients import MOST, recipients_of
from dashboard.message_templates.services import refuse_broken
from dashboard.messages.models import SUCCESS_STATES, Message, MessageState, in_block
from dashboard.problems import DomainError, NotFound, RateLimited
from dashboard.providers.models import Provider
from worker.rendering.content import Content, EmailContent
from worker.rendering.errors import RenderError
from worker.rendering.preview import render_preview

PER_MINUTE = 10
MOST_ADDRESSES = MOST
#: States after which a test has its answer; "sent" is as much as most providers ever say.
_ANSWERED = frozenset(MessageState) - {MessageState.QUEUED, MessageState.HELD, MessageState.SENDING}


def send_test(
    *,
    template_id: int,
    content: Content,
    attachment_ids: Sequence[int],
    addresses: Sequence[str],
    data: PreviewData,
    sent_by: int,
    provider_id: int | None = None,
) -> Job:
    """Send what is typed, filled with `data`, to up to five addresses and return the job.

    Copies (cc, bcc) are left out: a test reaches only those who are named. DomainError where the data is not there,
    the template does not render with it, or no provider is set up; RateLimited after ten tests within a minute.
    """
    if not addresses:
        raise DomainError("There is no address to send to.", field="addresses", code="no_address")
    if len(addresses) > MOST_ADDRESSES:
        raise DomainError(f"A test goes to at most {MOST_ADDRESSES} addresses.", field="addresses")
    if data.problem:
        raise DomainError(f"Nothing was sent. {data.problem}", code="no_data")
    refuse_broken(content)
    _refuse_unrendered(content, data)
    with transaction():
        refuse_too_many(sent_by)
        template = queries.template(template_id)
        recipients = recipients_of(template.channel)
        snapshot = TemplateVersion(
            template_id=template.id,
            kind=VersionKind.SNAPSHOT,
            content=_without_copies(content).to_dict(),
            attachment_ids=list(attachment_ids),
            created_by=sent_by,
        )
        db.session.add(snapshot)
        db.session.flush()
        job = send_directly(
            kind=JobKind.TEST,
            template=template,
            template_version=snapshot,
            recipients=[recipients.recipient(address, _variables(data)) for address in addresses],
            provider_id=provider_id,
            call_values=data.layers.get("call"),
            is_test=True,
            created_by=sent_by,
        )
        count = f"{len(addresses)} address{'' if len(addresses) == 1 else 'es'}"
        record("template.test", template, summary=f"test to {count}", after={"job": job.public_id})
    return job


def _without_copies(content: Content) -> Content:
    if isinstance(content, EmailContent):
        return replace(content, cc=(), bcc=(), cc_variable="", bcc_variable="")
    return content


def _variables(data: PreviewData) -> dict[str, object]:
    """The record's layer; where it holds the stand-in address, the tester's own takes its place."""
    return {
        name: value
        for name, value in data.layers.get("record", {}).items()
        if not (name == "email" and value == NOBODY)
    }


def _refuse_unrendered(content: Content, data: PreviewData) -> None:
    result = render_preview(content, data.values, lenient=False)
    if result.rendered is None:
        first = next((remark for remark in result.diagnostics if remark.severity == "error"), None)
        reason = first.message if first else "the template cannot be rendered"
        raise DomainError(f"Nothing was sent. Filled with “{data.label}”: {reason}.", code="not_rendered")
    try:
        result.rendered.check()
    except RenderError as error:
        raise DomainError(f"Nothing was sent. Filled with “{data.label}”: {error.message}.", code=error.code) from error


def refuse_too_many(user_id: int) -> None:
    """RateLimited after ten tests of a person within a minute, counted for all web processes together."""
    since = utc_now() - timedelta(minutes=1)
    made = db.session.scalars(
        select(Job.created_at)
        .where(Job.kind == JobKind.TEST, Job.created_by == user_id, Job.created_at > since)
        .order_by(Job.created_at)
    ).all()
    if len(made) >= PER_MINUTE:
        wait = max(1, round((made[-PER_MINUTE] - since).total_seconds()))
        raise RateLimited(f"That is {PER_MINUTE} test sends within a minute. Try again in {wait} s.", retry_after=wait)


# -- what became of them


@dataclass(frozen=True, slots=True)
class TestLine:
    """One address of a test: `message_id` is public, "" while there is no row for it yet."""

    __test__ = False

    address: str
    state: str
    message_id: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class TestProgress:
    """A test send as it stands; `seconds` since it was made."""

    __test__ = False

    job: Job
    lines: tuple[TestLine, ...]
    seconds: float

    @property
    def answered(self) -> bool:
        return all(line.state in _ANSWERED for line in self.lines)

    @property
    def kind(self) -> str:
        """Colour kind of the line: under way, all sent, or something went wrong."""
        if not self.answered:
            return "info"
        return "ok" if all(line.state in SUCCESS_STATES for line in self.lines) else "bad"

    @property
    def poll_seconds(self) -> int | None:
        """When to ask again, None for no more: quick at first, patient later, given up after ten minutes."""
        if self.answered or self.seconds > 600:
            return None
        return 1 if self.seconds < 20 else 3 if self.seconds < 120 else 15

    @property
    def slow(self) -> bool:
        """Whether it takes so long that no worker may be there."""
        return not self.answered and self.seconds > 15


def progress_of(template: Template, job_id: int) -> TestProgress:
    """The lines of a test send of this template; NotFound for any other job."""
    job = db.session.get(Job, job_id)
    if job is None or job.template_id != template.id or job.kind != JobKind.TEST:
        raise NotFound("There is no such test send.")
    rows = db.session.execute(_lines_of(job).limit(MOST_ADDRESSES))
    ended = job.state in ENDED_JOB_STATES
    lines = tuple(
        TestLine(
            address=email or "",
            state=state or (MessageState.CANCELLED if ended else MessageState.QUEUED),
            message_id=public_id("msg", message_id) if message_id else "",
            words=": ".join(word for word in (code, detail) if word) if state not in ("sent", "delivered") else "",
        )
        for email, message_id, state, code, detail in rows
    )
    return TestProgress(job, lines, (utc_now() - job.created_at).total_seconds())


def _lines_of(job: Job) -> Select[Any, int, str, str | None, str | None]:
    """(address, id, state, code, detail) of each message; of those not reached too, while their records are there."""
    found = (Message.id, Message.state, Message.code, Message.detail)
    if job.values_deleted_at is not None:
        mine = in_block(job.first_message_id, job.record_count)
        return select(Message.recipient, *found).where(mine).order_by(Message.id)
    address = getattr(Record, Channel(job.channel).address_column)
    return (
        select(address, *found)
        .outerjoin(Message, Message.id == literal(job.first_message_id, Message.id.type) + Record.record_no)
        .where(Record.dataset_version_id == job.dataset_version_id)
        .order_by(Record.record_no)
    )


@dataclass(frozen=True, slots=True)
class TestRun:
    """One line of the history: how many messages of the test are in each state."""

    __test__ = False

    job: Job
    by: str
    provider: str
    states: dict[str, int]


def history(template: Template, limit: int = 50) -> list[TestRun]:
    """The latest test sends of a template, the last first."""
    rows = db.session.execute(
        select(Job, User.full_name, User.username, Provider.name)
        .outerjoin(User, User.id == Job.created_by)
        .outerjoin(Provider, Provider.id == Job.provider_id)
        .where(Job.template_id == template.id, Job.kind == JobKind.TEST)
        .order_by(Job.id.desc())
        .limit(limit)
    ).all()
    counts: dict[int, dict[str, int]] = {}
    grouped = (
        select(Message.job_id, Message.state, func.count())
        .where(or_(false(), *(in_block(row[0].first_message_id, row[0].record_count) for row in rows)))
        .group_by(Message.job_id, Message.state)
    )
    for job_id, state, count in db.session.execute(grouped):
        counts.setdefault(job_id, {})[state] = count
    return [
        TestRun(job, full_name or username or "", provider or "", counts.get(job.id, {}))
        for job, full_name, username, provider in rows
    ]


def provider_choices(channel: str) -> list[tuple[str, str]]:
    """(public id, name) of the channel's providers that a test can go through; "" is the category's default."""
    rows = db.session.scalars(
        select(Provider)
        .where(Provider.channel == channel, Provider.enabled.is_(True), Provider.archived_at.is_(None))
        .order_by(func.lower(Provider.name))
    )
    return [("", "The category's default"), *((row.public_id, row.name) for row in rows)]
