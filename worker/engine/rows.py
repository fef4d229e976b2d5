"""What the engine carries about while it works: records to send to, rows under way, changes to write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from dashboard.messages.models import MessageState


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One record of a dataset version; `variables` is a JSON object as text."""

    record_no: int
    email: str | None
    phone: str | None
    external_id: str | None
    variables: str


@dataclass(slots=True)
class Row:
    """One row of the ledger under way. `attempt` counts from 1; `maybe_twice`: an earlier try may have arrived."""

    id: int
    chunk_no: int
    record: RecordRow
    recipient: str
    attempt: int = 1
    maybe_twice: bool = False


@dataclass(frozen=True, slots=True)
class NewRow:
    """A row to be inserted, in the state in which it starts."""

    record_no: int
    recipient: str
    state: MessageState
    code: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a row that stands as `sending`."""

    id: int
    state: MessageState
    attempts: int
    maybe_twice: bool = False
    provider_message_id: str | None = None
    code: str | None = None
    detail: str | None = None
    not_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A line of a message's history that its row does not tell: `kind` is deferred, resent or recovered."""

    message_id: int
    kind: str
    code: str = ""
    detail: str = ""
