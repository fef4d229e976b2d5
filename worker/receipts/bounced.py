"""A mail of a bounce mailbox as receipts for the ledger: the one place that joins its words with our tables."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from functools import partial

from sqlalchemy import Connection, select

from dashboard.extensions import utc_now
from dashboard.ids import id_at
from dashboard.messages.models import Message
from worker.engine.return_path import message_of_return_address
from worker.providers.receipts import Receipt
from worker.receipts.bounce_mails import BounceMail, MailKind, read_bounce_mail

#: Servers give up on a mail after five days at most (RFC 5321, 4.5.4.1); its bounce names a message no older.
_LONGEST_WAY = timedelta(days=6)


def read_mail(raw: bytes, key: str) -> BounceMail:
    """What a mail says, with tokens that were made under this installation's key."""
    return read_bounce_mail(raw, partial(message_of_return_address, key=key))


def receipts_of_mail(
    connection: Connection, provider_id: int, raw: bytes, key: str
) -> tuple[list[Receipt], Counter[str]]:
    """The receipts in a mail, those without any other clue matched by their recipient; a mail that says nothing about
    a message is counted under its kind instead."""
    mail = read_mail(raw, key)
    if mail.kind is not MailKind.REPORT:
        return [], Counter({mail.kind.value: 1})
    return [_matched(connection, provider_id, receipt) for receipt in mail.receipts], Counter()


def _matched(connection: Connection, provider_id: int, receipt: Receipt) -> Receipt:
    """With the newest message to the recipient through this provider, where nothing else leads to one."""
    if receipt.reference is not None or not receipt.recipient:
        return receipt
    found = connection.scalar(
        select(Message.id)
        .where(
            Message.recipient.in_({receipt.recipient, receipt.recipient.lower()}),
            Message.id >= id_at(utc_now() - _LONGEST_WAY),
            Message.provider_id == provider_id,
            Message.channel == "email",
        )
        .order_by(Message.id.desc())
        .limit(1)
    )
    return receipt if found is None else replace(receipt, reference=found)
