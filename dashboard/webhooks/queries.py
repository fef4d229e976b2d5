"""Reads about callbacks: whose address was called, what came in, what was in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from dashboard.extensions import db, utc_now
from dashboard.ids import id_at
from dashboard.providers.models import Provider
from dashboard.webhooks.models import BounceMailbox, Callback, CallbackState, ReceiptOutcome, StoredReceipt


@dataclass(frozen=True, slots=True)
class Tally:
    """Receipts of one provider in the last 24 hours, by outcome, and its callbacks that could not be taken."""

    applied: int
    noted: int
    late: int
    unknown_code: int
    waiting: int
    unmatched: int
    refused: int
    unreadable: int
    newest: datetime | None


def provider_by_token(vendor: str, token: str) -> Provider | None:
    """The provider whose callback address was called; archived ones still get theirs."""
    statement = select(Provider).where(Provider.webhook_token == token, Provider.vendor == vendor)
    return db.session.scalars(statement).one_or_none()


def tally(provider_id: int) -> Tally:
    """What came in lately."""
    since = id_at(utc_now() - timedelta(hours=24))
    receipts = _counts(StoredReceipt, StoredReceipt.outcome, provider_id, since)
    callbacks = _counts(Callback, Callback.state, provider_id, since)
    newest = db.session.scalar(
        select(Callback.received_at).where(Callback.provider_id == provider_id).order_by(Callback.id.desc()).limit(1)
    )
    return Tally(
        **{outcome.value: receipts.get(outcome.value, 0) for outcome in ReceiptOutcome},
        refused=callbacks.get(CallbackState.REFUSED.value, 0),
        unreadable=callbacks.get(CallbackState.UNREADABLE.value, 0),
        newest=newest,
    )


def _counts(
    table: type[Callback | StoredReceipt], column: InstrumentedAttribute[str], provider_id: int, since: int
) -> dict[str, int]:
    statement = select(column, func.count()).where(table.provider_id == provider_id, table.id >= since)
    return dict(db.session.execute(statement.group_by(column)).all())


def latest(provider_id: int, limit: int = 50) -> Sequence[Callback]:
    """The newest callbacks of a provider."""
    statement = select(Callback).where(Callback.provider_id == provider_id).order_by(Callback.id.desc())
    return db.session.scalars(statement.limit(limit)).all()


def find(provider_id: int, callback_id: int) -> Callback | None:
    """One callback of a provider."""
    statement = select(Callback).where(Callback.id == callback_id, Callback.provider_id == provider_id)
    return db.session.scalars(statement).one_or_none()


def reads_mailbox(provider: Provider) -> bool:
    """Is a mailbox of bounces set up for the provider?"""
    return bool((provider.settings or {}).get("bounce_protocol", "none") != "none")


def mailbox(provider_id: int) -> BounceMailbox | None:
    """How reading its bounce mailbox goes; None before the first time."""
    return db.session.get(BounceMailbox, provider_id)


def receipts_of_message(message_id: int) -> Sequence[StoredReceipt]:
    """What providers told about a message, in the order in which it came."""
    statement = select(StoredReceipt).where(StoredReceipt.message_id == message_id).order_by(StoredReceipt.id)
    return db.session.scalars(statement).all()
