"""The sandbox's inbox in the database."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine, insert
from sqlalchemy.exc import IntegrityError

from dashboard.extensions import utc_now, write_connection
from dashboard.ids import new_id
from dashboard.providers.models import SandboxMail
from worker.engine.recipients import recorded
from worker.providers.base import InboxMail

_TRIES = 5


class DatabaseInbox:
    """Stores what a sandbox provider takes, one transaction for each batch."""

    def __init__(self, engine: Engine, provider_id: int) -> None:
        self._engine = engine
        self._provider_id = provider_id

    def deliver(self, mails: Sequence[InboxMail]) -> None:
        """Store all of them or none. Raises SQLAlchemyError where the database cannot.

        Ids are consecutive from one drawn at random, so two workers collide about once in 5,000 batches of the same
        millisecond; then the batch is numbered again.
        """
        if not mails:
            return
        for remaining in reversed(range(_TRIES)):
            try:
                self._store(mails)
            except IntegrityError:
                if not remaining:
                    raise
            else:
                return

    def _store(self, mails: Sequence[InboxMail]) -> None:
        first, now = new_id(), utc_now()
        rows = [
            {
                "id": first + number,
                "provider_id": self._provider_id,
                "channel": mail.channel,
                "message_id": mail.reference,
                "recipient": recorded(mail.recipient),
                "sender": mail.sender,
                "subject": mail.subject,
                "raw": mail.raw,
                "received_at": now,
            }
            for number, mail in enumerate(mails)
        ]
        with write_connection(self._engine) as connection:
            connection.execute(insert(SandboxMail), rows)
