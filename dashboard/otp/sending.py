"""Sending codes: straight through the provider within the request, or by the workers of the otp lane.

What is booked stands in the transaction of the messages: request, counters, and that older codes end. The code leaves
this process in the message alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import update

from dashboard.crypto import encrypt
from dashboard.current import current_settings
from dashboard.direct import Batch, Rows
from dashboard.extensions import db, transaction, utc_now
from dashboard.messages.models import MessageState
from dashboard.otp import limits, queries
from dashboard.otp.asking import Ask, Draft, drafts_of, order_of
from dashboard.otp.codes import hash_of
from dashboard.otp.models import Delivery, OtpConfiguration, OtpEvent, OtpRequest, OtpState, Resend
from dashboard.sends.at_once import Answer, send_at_once
from dashboard.sends.orders import Order
from dashboard.sends.services import accept

_REFUSED = (MessageState.FAILED, MessageState.SUPPRESSED, MessageState.BOUNCED)
_REQUEST = Rows(
    OtpRequest, "id", "group_id", "configuration_id", "api_key_id", "user_id", "channel", "destination", "country",
    "ip", "purpose", "length", "alphabet", "expiry_seconds", "max_attempts", "code_hash", "seed", "template_id",
    "provider_id", "variables", "state", "reason", "sends", "message_id", "created_at", "expires_at", "resend_at",
)  # fmt: skip
_NOTE = Rows(OtpEvent, "request_id", "at", "kind", "message_id", "detail")

First = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Book:
    """How a draft is booked: `check` reads, guards and refuses; `write` adds to what is written with its message."""

    check: Callable[[Draft], None]
    write: Callable[[Batch, Draft], None]
    kind: str = "sent"


@dataclass(frozen=True, slots=True)
class Manner:
    """How to send: `seconds` to wait for providers, None to leave it to the workers.

    `first` is called inside the transaction that books; nothing is done where it says no.
    """

    seconds: float | None = 20.0
    first: First = lambda: True


def send_codes(ask: Ask, configuration: OtpConfiguration, manner: Manner) -> list[Draft] | None:
    """Make and send codes; None where `manner.first` said no.

    Raises DomainError or NotAllowed for what cannot be sent at all, Limited where a limit refuses, which is kept as an
    attempt.
    """
    drafts = drafts_of(ask, configuration)

    book = Book(
        lambda draft: _check(ask, configuration, draft),
        lambda batch, draft: batch.add(_REQUEST, _columns(ask, configuration, draft)),
    )
    try:
        return dispatch(ask, drafts, book, manner, one_by_one=configuration.delivery == Delivery.FIRST)
    except limits.Limited as problem:
        _keep_refusal(ask, configuration, drafts, problem)
        raise


def dispatch(
    ask: Ask, drafts: Sequence[Draft], book: Book, manner: Manner, *, one_by_one: bool = False
) -> list[Draft] | None:
    """Book drafts and hand them over. With `one_by_one` a channel is used only where those before it failed."""
    if manner.seconds is None:
        used = list(drafts[:1] if one_by_one else drafts)
        return used if _leave_to_workers(ask, used, book, manner) else None
    groups = [[draft] for draft in drafts] if one_by_one else [list(drafts)]
    used = []
    for number, group in enumerate(groups):
        order = order_of(ask, group, just_drawn_up=number == 0)
        first = manner.first if number == 0 else lambda: True
        if not _send_now(order, group, book, manner.seconds, first):
            return None
        used += group
        if group[0].state not in _REFUSED:
            break
    return used


def _send_now(order: Order, drafts: list[Draft], book: Book, seconds: float, first: First) -> bool:
    def begin(_: int) -> bool:
        if not first():
            return False
        for draft in drafts:
            _set_times(draft)
            book.check(draft)
        return True

    answer = send_at_once(order, seconds=seconds, first=begin, booked=lambda batch, ids: _add(batch, drafts, book, ids))
    if answer is None:
        return False
    _take_verdicts(drafts, answer)
    refused = [draft for draft in drafts if draft.state in _REFUSED]
    if refused:
        with transaction():
            for draft in refused:
                _fail(draft)
    return True


def _leave_to_workers(ask: Ask, drafts: list[Draft], book: Book, manner: Manner) -> bool:
    with transaction():
        if not manner.first():
            return False
        for draft in drafts:
            _set_times(draft)
            book.check(draft)
        accepted = accept(order_of(ask, drafts, expires_at=min(filter(None, (one.expires_at for one in drafts)))))
        batch = Batch()
        _add(batch, drafts, book, {target.channel: job.first_message_id for job, target in accepted.jobs})
        batch.write(db.session.connection())
    return True


def _set_times(draft: Draft) -> None:
    draft.expires_at = utc_now() + timedelta(seconds=draft.expiry_seconds)


def _check(ask: Ask, configuration: OtpConfiguration, draft: Draft) -> None:
    """Locks, limits and the wait since the last code; then the codes that a destination has for this purpose stop
    working. Counting locks the destination, so it comes first."""
    limits.spend(configuration, channel=draft.channel, destination=draft.destination, ip=ask.ip)
    now = utc_now()
    older = limits.open_requests(draft.destination, ask.purpose, draft.group_id)
    until = max((one.resend_at for one in older), default=now)
    if until > now:
        raise limits.Limited("resend_wait", until)
    if older:
        _supersede([one.id for one in older if one.expires_at > now])


def _supersede(ids: Sequence[int]) -> None:
    changed = (
        update(OtpRequest)
        .where(OtpRequest.id.in_(ids), OtpRequest.state == OtpState.OPEN)
        .values(state=OtpState.SUPERSEDED.value)
        .returning(OtpRequest.id)
    )
    for number in db.session.scalars(changed.execution_options(synchronize_session=False)).all():
        note(number, "superseded")


def _columns(ask: Ask, configuration: OtpConfiguration, draft: Draft) -> dict[str, Any]:
    now = utc_now()
    draft.resend_at = now + timedelta(seconds=configuration.resend_wait_seconds)
    return {
        "id": draft.id,
        "group_id": draft.group_id,
        "configuration_id": configuration.id,
        "api_key_id": ask.caller.id or None,
        "user_id": ask.user_id,
        "channel": draft.channel,
        "destination": draft.destination,
        "country": draft.country,
        "ip": ask.ip,
        "purpose": ask.purpose,
        "length": draft.length,
        "alphabet": draft.alphabet,
        "expiry_seconds": draft.expiry_seconds,
        "max_attempts": configuration.max_attempts,
        "code_hash": draft_hash(draft, ask.purpose),
        "seed": kept_seed(configuration, draft),
        "template_id": draft.target.template_id,
        "provider_id": queries.number_of("prv", draft.part.provider),
        "variables": dict(ask.variables),
        "state": OtpState.OPEN.value,
        "reason": "",
        "sends": 1,
        "message_id": draft.message_id,
        "created_at": now,
        "expires_at": draft.expires_at,
        "resend_at": draft.resend_at,
    }


def draft_hash(draft: Draft, purpose: str) -> str:
    """What is stored of the code."""
    key = current_settings().key
    return hash_of(draft.secret, key, request_id=draft.id, destination=draft.destination, purpose=purpose)


def kept_seed(configuration: OtpConfiguration, draft: Draft) -> str:
    """The seed, encrypted, where a resend is to repeat the code; else nothing."""
    return encrypt(current_settings().key, {"seed": draft.seed}) if configuration.resend == Resend.SAME else ""


def note(request_id: int, kind: str, *, message_id: int | None = None, detail: str = "") -> None:
    """Write down what happened to a request. Inside `transaction()`."""
    batch = Batch()
    add_note(batch, request_id, kind, message_id=message_id, detail=detail)
    batch.write(db.session.connection())


def add_note(batch: Batch, request_id: int, kind: str, *, message_id: int | None = None, detail: str = "") -> None:
    """The same as a part of what is written."""
    row = {"request_id": request_id, "at": utc_now(), "kind": kind, "message_id": message_id, "detail": detail[:200]}
    batch.add(_NOTE, row)


def _add(batch: Batch, drafts: Sequence[Draft], book: Book, message_ids: dict[str, int]) -> None:
    for draft in drafts:
        draft.message_id = message_ids[draft.channel]
        book.write(batch, draft)
        add_note(batch, draft.id, book.kind, message_id=draft.message_id)


def _take_verdicts(drafts: Sequence[Draft], answer: Answer) -> None:
    by_channel = {job.target.channel: job for job in answer.jobs}
    for draft in drafts:
        job = by_channel[draft.channel]
        verdict = job.verdicts.get(job.first_message_id)
        if verdict is None:
            draft.state, draft.code = MessageState.UNKNOWN, "no_answer_yet"
            draft.detail = "The deadline came before the provider's answer. Ask for its state."
        else:
            draft.state, draft.code, draft.detail = verdict.state, verdict.code, verdict.detail


def _fail(draft: Draft) -> None:
    """No provider took it: it cannot be verified, and the wait for another one does not hold."""
    mine = (OtpRequest.id == draft.id, OtpRequest.state == OtpState.OPEN)
    values = {"state": OtpState.FAILED.value, "reason": draft.code[:60], "resend_at": utc_now()}
    db.session.execute(update(OtpRequest).where(*mine).values(**values))
    note(draft.id, "failed", message_id=draft.message_id, detail=draft.code)


def _keep_refusal(ask: Ask, configuration: OtpConfiguration, drafts: Sequence[Draft], problem: limits.Limited) -> None:
    """What a limit refused is shown among the attempts; everything else was rolled back."""
    now = utc_now()
    with transaction():
        limits.forget_old()
        draft = drafts[0]
        draft.expires_at = now
        columns = _columns(ask, configuration, draft)
        columns |= {"state": OtpState.LIMITED.value, "reason": problem.reason, "code_hash": "", "seed": ""}
        batch = Batch()
        batch.add(_REQUEST, {**columns, "sends": 0, "resend_at": now})
        add_note(batch, draft.id, "limited", detail=problem.reason)
        batch.write(db.session.connection())
