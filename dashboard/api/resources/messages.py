"""Sending messages, asking for them, cancelling them."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from flask import Response
from pydantic import Field, JsonValue, StrictBool

from dashboard.api.idempotency import Once, do_once, this_once
from dashboard.api.message_filters import MessagesIn
from dashboard.api.paging import Paged, cursor_of, next_of
from dashboard.api.rendering import RenderOut, rendered
from dashboard.api.resource import PREFIX, Input, Output, Reply, as_response, caller, needs, resource
from dashboard.api.sending import SendIn, SendJobOut, SendOut, SentMessageOut, TemplateName, message_out
from dashboard.api_keys.models import Scope
from dashboard.extensions import transaction
from dashboard.ids import parse_public_id, public_id
from dashboard.messages import queries as ledger
from dashboard.messages.models import Message, MessageState
from dashboard.problems import NotFound
from dashboard.sends import queries
from dashboard.sends.at_once import Answer, Sent, send_at_once
from dashboard.sends.dry_runs import dry_run
from dashboard.sends.orders import Target, find_template, published_version
from dashboard.sends.services import Accepted, accept, cancel_message
from worker.engine.attempts import Verdict

api = resource("Messages", "Send messages, ask what became of them, cancel what is still queued.")


class MessagePath(Input):
    message: str = Field(max_length=40, description="Id of a message (msg_…).")


class MessageOut(Output):
    """A message and its state."""

    id: str
    reference: str | None
    job: str
    channel: str
    category: str
    recipient: str
    state: str
    code: str | None
    detail: str | None
    template: str
    provider: str
    campaign: str | None
    event: str | None
    provider_message_id: str | None
    attempts: int
    maybe_twice: bool = Field(description="Sent again after a crash: the first copy may have arrived.")
    test: bool
    metadata: dict[str, JsonValue]
    created_at: datetime
    handed_over_at: datetime | None
    updated_at: datetime | None


class MessagesOut(Paged):
    """A page of messages, newest first."""

    items: list[MessageOut]


class RenderIn(Input):
    """A template and values for it."""

    template: TemplateName
    variables: dict[str, JsonValue] = Field({}, description="Values; global variables are filled in.")
    strict: StrictBool = Field(True, description="False: show what is missing in place, and go on.")


@api.post("/messages", responses={200: SendOut, 202: SendOut})
@needs(Scope.SEND, once=False)
def send(body: SendIn) -> Reply:
    """Send messages

    Asynchronous by default: 202 once the request is written down, with the ids of its messages. With mode sync the
    answer (200) has what the provider said of each recipient. A recipient who cannot be sent to is reported as failed
    and the others are sent.
    """
    if body.dry_run:
        return _dry(body)
    once = this_once(caller().id)
    if body.mode == "async":
        return do_once(once, lambda: as_response((_accepted(accept(body.order(caller())), body), 202)))
    return _at_once(body, once)


@api.post("/messages/render", responses={200: RenderOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def render(body: RenderIn) -> Reply:
    """Render a template

    Nothing is sent. A template that cannot be rendered with these values is told in `problems`.
    """
    template = find_template(body.template)
    return rendered(published_version(template).content, template.channel, body.variables, strict=body.strict)


@api.get("/messages", responses={200: MessagesOut})
@needs(Scope.SEND, Scope.REPORTS)
def index(query: MessagesIn) -> Reply:
    """List messages

    Newest first. With `reference` also those whose turn has not come.
    """
    if query.reference is not None:
        return MessagesOut(items=[_status_out(status) for status in queries.messages_of(query.reference)], next=None)
    page = ledger.page(query.filters(), after=cursor_of("msg", query.after), before=None, size=query.limit)
    references = queries.references_of(row.id for row in page.rows)
    items = [_row_out(row, references.get(row.id)) for row in page.rows]
    return MessagesOut(items=items, next=next_of(page, "msg"))


@api.get("/messages/<message>", responses={200: MessageOut})
@needs(Scope.SEND, Scope.REPORTS)
def show(path: MessagePath) -> Reply:
    """State of a message"""
    return _status_out(_status(path))


@api.post("/messages/<message>/cancel", responses={200: MessageOut})
@needs(Scope.SEND)
def cancel(path: MessagePath) -> Reply:
    """Cancel a message

    Works while it is queued; 409 (wrong_state) where it is too late, or where its batch has to be cancelled as a whole.
    """
    status = _status(path)
    cancel_message(message_id=status.id)
    return _status_out(_status(path))


def _at_once(body: SendIn, once: Once | None) -> Response:
    """Send within the request. Its key is reserved with the rows, since no transaction may wait for a provider."""
    kept: list[Response] = []

    def first(send_id: int) -> bool:
        found = once.reserve(f"{PREFIX}/sends/{public_id('snd', send_id)}") if once is not None else None
        if found is not None:
            kept.append(found)
        return found is None

    answer = send_at_once(body.order(caller()), seconds=body.deadline_seconds, first=first)
    if answer is None:
        return kept[0]
    response = as_response(_sent(answer, body))
    if once is not None:
        with transaction():
            once.keep(response)
    return response


def _accepted(accepted: Accepted, body: SendIn) -> SendOut:
    messages = [
        message_out(job.first_message_id + index, index, job.channel, one.reference, state=MessageState.QUEUED.value)
        for job, _ in accepted.jobs
        for index, one in enumerate(body.recipients)
    ]
    jobs = [_job_out(job.public_id, target, len(body.recipients)) for job, target in accepted.jobs]
    return SendOut(
        id=public_id("snd", accepted.send_id), mode="async", jobs=jobs, messages=messages, counts=_counts(messages)
    )


def _sent(answer: Answer, body: SendIn) -> SendOut:
    messages = [message for job in answer.jobs for message in _messages_of(job, body)]
    jobs = [_job_out(public_id("run", job.job_id), job.target, len(body.recipients)) for job in answer.jobs]
    return SendOut(
        id=public_id("snd", answer.send_id), mode="sync", jobs=jobs, messages=messages, counts=_counts(messages)
    )


def _messages_of(job: Sent, body: SendIn) -> list[SentMessageOut]:
    with_provider = Verdict(
        MessageState.UNKNOWN, "no_answer_yet", "The deadline came before the provider's answer. Ask for its state."
    )
    return [
        _verdict_out(job.first_message_id + index, index, job.target, one.reference, verdict)
        for index, one in enumerate(body.recipients)
        for verdict in (job.verdicts.get(job.first_message_id + index, with_provider),)
    ]


def _dry(body: SendIn) -> SendOut:
    results = dry_run(body.order(caller()))
    messages = [
        _verdict_out(0, index, target, body.recipients[index].reference, verdict)
        for target, verdicts in results
        for index, verdict in enumerate(verdicts)
    ]
    jobs = [_job_out("", target, len(body.recipients)) for target, _ in results]
    return SendOut(id=None, mode=body.mode, jobs=jobs, messages=messages, counts=_counts(messages))


def _job_out(job: str, target: Target, count: int) -> SendJobOut:
    return SendJobOut(
        id=job,
        channel=target.channel,
        template=public_id("tpl", target.template_id),
        template_version=target.version_number,
        provider=public_id("prv", target.provider_id),
        recipients=count,
    )


def _verdict_out(number: int, index: int, target: Target, reference: str | None, verdict: Verdict) -> SentMessageOut:
    return message_out(
        number,
        index,
        target.channel,
        reference,
        state=verdict.state.value,
        provider_message_id=verdict.provider_message_id or None,
        code=verdict.code or None,
        detail=verdict.detail or None,
        retryable=verdict.retryable,
    )


def _counts(messages: list[SentMessageOut]) -> dict[str, int]:
    return dict(Counter(message.state for message in messages))


def _status(path: MessagePath) -> queries.MessageStatus:
    try:
        status = queries.status_of(parse_public_id("msg", path.message))
    except ValueError:
        status = None
    if status is None:
        raise NotFound("There is no message with this id.")
    return status


def _status_out(status: queries.MessageStatus) -> MessageOut:
    job = status.job
    return MessageOut(
        id=public_id("msg", status.id),
        reference=status.reference,
        job=job.public_id,
        channel=job.channel,
        category=job.category,
        recipient=status.recipient,
        state=status.state,
        code=status.code,
        detail=status.detail,
        template=public_id("tpl", job.template_id),
        provider=public_id("prv", status.provider_id),
        campaign=public_id("cmp", job.campaign_id) if job.campaign_id else None,
        event=public_id("evt", job.event_id) if job.event_id else None,
        provider_message_id=status.provider_message_id,
        attempts=status.attempts,
        maybe_twice=status.maybe_twice,
        test=job.is_test,
        metadata=status.metadata,
        created_at=status.created_at,
        handed_over_at=status.handed_over_at,
        updated_at=status.updated_at,
    )


def _row_out(row: Message, reference: str | None) -> MessageOut:
    return MessageOut(
        id=row.public_id,
        reference=reference,
        job=public_id("run", row.job_id),
        channel=row.channel,
        category=row.category,
        recipient=row.recipient,
        state=row.state,
        code=row.code,
        detail=row.detail,
        template=public_id("tpl", row.template_id),
        provider=public_id("prv", row.provider_id),
        campaign=public_id("cmp", row.campaign_id) if row.campaign_id else None,
        event=public_id("evt", row.event_id) if row.event_id else None,
        provider_message_id=row.provider_message_id,
        attempts=row.attempts,
        maybe_twice=row.maybe_twice,
        test=row.is_test,
        metadata={},
        created_at=row.created_at,
        handed_over_at=row.handed_over_at,
        updated_at=row.updated_at,
    )
