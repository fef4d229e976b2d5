"""Takes mails out of bounce mailboxes: each is kept as a callback first and removed from the mailbox after that.

A worker that dies in between reads some mails twice, which counts as duplicates; none is lost. One worker reads a
mailbox at a time, by a lease in its row.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dashboard.extensions import read_connection, utc_now, write_connection
from dashboard.ids import new_id
from dashboard.providers.models import Provider
from dashboard.settings import Settings
from dashboard.webhooks.models import BounceMailbox, Callback, CallbackState
from worker.engine.plan import CannotSend, make_provider
from worker.providers.base import ConfigurationProblem
from worker.providers.mailbox.opening import Mailbox, open_mailbox
from worker.providers.mailbox.problems import MailboxProblem
from worker.providers.mailbox.settings import MOST_BYTES, MailboxSettings
from worker.receipts.bounce_mails import MailKind
from worker.receipts.bounced import read_mail

logger = logging.getLogger(__name__)

_EVERY = timedelta(minutes=1)
#: A server that refuses is asked less and less often: many lock an account that signs in wrongly every minute.
_LONGEST_PAUSE = timedelta(minutes=15)
_LEASE = timedelta(minutes=10)
_AT_ONCE = 20
#: One turn ends after so many mails or seconds; what is left comes in the next one.
_MOST_MAILS = 1000
_MOST_SECONDS = 120.0


def due_mailboxes(engine: Engine, now: datetime) -> list[int]:
    """Providers whose mailbox is to be read now. Disabled ones too: what was sent still comes back."""
    statement = (
        select(Provider.id, Provider.settings)
        .outerjoin(BounceMailbox, BounceMailbox.provider_id == Provider.id)
        .where(
            Provider.archived_at.is_(None),
            or_(BounceMailbox.provider_id.is_(None), BounceMailbox.next_read_at <= now),
            or_(BounceMailbox.lease_until.is_(None), BounceMailbox.lease_until <= now),
        )
    )
    with read_connection(engine) as connection:
        rows = connection.execute(statement).all()
    return [row.id for row in rows if (row.settings or {}).get("bounce_protocol", "none") != "none"]


def read_mailbox(engine: Engine, settings: Settings, provider_id: int) -> int:
    """Take out what is there; how many mails it was. 0 as well where another worker is reading, or on a problem,
    which then stands in the mailbox's row."""
    if not _claim(engine, provider_id, utc_now()):
        return 0
    taken, problem = 0, ""
    try:
        mailbox_settings = make_provider(engine, settings, provider_id).bounce_mailbox
        if mailbox_settings is not None:
            taken = _empty(engine, settings, provider_id, mailbox_settings)
    except (MailboxProblem, CannotSend, ConfigurationProblem) as error:
        problem = f"{error.step}: {error}" if isinstance(error, MailboxProblem) else str(error)
        logger.warning("a bounce mailbox could not be read", extra={"provider_id": provider_id, "problem": problem})
    finally:
        _release(engine, provider_id, problem)
    return taken


def _empty(engine: Engine, settings: Settings, provider_id: int, mailbox_settings: MailboxSettings) -> int:
    mailbox, taken, until = open_mailbox(mailbox_settings), 0, time.monotonic() + _MOST_SECONDS
    try:
        while taken < _MOST_MAILS and time.monotonic() < until:
            mails = mailbox.fetch(_AT_ONCE)
            if not mails:
                break
            _keep_and_settle(engine, settings, provider_id, mailbox, mails, mailbox_settings.host)
            taken += len(mails)
    finally:
        mailbox.close()
    return taken


def _keep_and_settle(
    engine: Engine, settings: Settings, provider_id: int, mailbox: Mailbox, mails: list[tuple[str, bytes]], host: str
) -> None:
    kinds = {key: read_mail(raw, settings.key).kind for key, raw in mails}
    strangers = [key for key, kind in kinds.items() if kind is MailKind.OTHER]
    first, now = new_id(), utc_now()
    rows = [
        {
            "id": first + number,
            "provider_id": provider_id,
            "state": CallbackState.NEW.value,
            "method": Callback.MAIL,
            "headers": {"content-type": "message/rfc822"},
            "body": raw[:MOST_BYTES],
            "remote_address": host[:60],
            "received_at": now,
        }
        for number, (_, raw) in enumerate(mails)
    ]
    with write_connection(engine) as connection:
        connection.execute(insert(Callback), rows)
        connection.execute(
            update(BounceMailbox)
            .where(BounceMailbox.provider_id == provider_id)
            .values(
                mails=BounceMailbox.mails + len(mails),
                strangers=BounceMailbox.strangers + len(strangers),
                lease_until=now + _LEASE,
            )
        )
    mailbox.settle([key for key, _ in mails if kinds[key] is not MailKind.OTHER], strangers)


def _claim(engine: Engine, provider_id: int, now: datetime) -> bool:
    with write_connection(engine) as connection:
        _ensure(connection, provider_id, now)
        claimed = connection.execute(
            update(BounceMailbox)
            .where(
                BounceMailbox.provider_id == provider_id,
                BounceMailbox.next_read_at <= now,
                or_(BounceMailbox.lease_until.is_(None), BounceMailbox.lease_until <= now),
            )
            .values(lease_until=now + _LEASE)
        )
    return claimed.rowcount == 1


def _ensure(connection: Connection, provider_id: int, now: datetime) -> None:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(BounceMailbox).on_conflict_do_nothing(),
        {"provider_id": provider_id, "next_read_at": now},
    )


def _release(engine: Engine, provider_id: int, problem: str) -> None:
    now, of_it = utc_now(), BounceMailbox.provider_id == provider_id
    with write_connection(engine) as connection:
        failures = connection.scalar(select(BounceMailbox.failures).where(of_it)) or 0
        failures = failures + 1 if problem else 0
        values = {
            "lease_until": None,
            "failures": failures,
            "problem": problem[:1000],
            "next_read_at": now + min(_EVERY * 2 ** min(failures, 5), _LONGEST_PAUSE),
        }
        connection.execute(update(BounceMailbox).where(of_it).values(values if problem else values | {"read_at": now}))
