"""What the engine carries about while it works: records to send to, rows under way, changes to write.

Tuples, because several are made for each message: a frozen dataclass costs five times as much to make.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from dashboard.messages.models import MessageState


class RecordRow(NamedTuple):
    """One record of a dataset version; `variables` is a JSON object as text."""

    record_no: int
    email: str | None
    phone: str | None
    external_id: str | None
    variables: str
    push_token: str | None = None


@dataclass(slots=True)
class Row:
    """One row of the ledger under way. `attempt` counts from 1; `maybe_twice`: an earlier try may have arrived."""

    id: int
    chunk_no: int
    record: RecordRow
    recipient: str
    attempt: int = 1
    maybe_twice: bool = False


class NewRow(NamedTuple):
    """A row to be inserted, in the state in which it starts."""

    record_no: int
    recipient: str
    state: MessageState
    code: str | None = None
    detail: str | None = None


class Change(NamedTuple):
    """What becomes of a row that stands as `sending`."""

    id: int
    state: MessageState
    attempts: int
    maybe_twice: bool = False
    provider_message_id: str | None = None
    code: str | None = None
    detail: str | None = None
    not_before: datetime | None = None


class Note(NamedTuple):
    """A line of a message's history that its row does not tell: `kind` is deferred, resent or recovered."""

    message_id: int
    kind: str
    code: str = ""
    detail: str = ""
