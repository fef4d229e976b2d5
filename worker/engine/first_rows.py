"""The rows with which the messages of a request begin, as a part of all that the request writes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Engine

from dashboard.direct import Batch, Rows
from dashboard.messages.models import Message, MessageState
from worker.engine.dialects import ledger_for
from worker.engine.plan import JobFacts
from worker.engine.rows import NewRow

_MESSAGE = Rows(
    Message, "id", "job_id", "record_no", "chunk_no", "template_id", "template_version_id", "provider_id", "channel",
    "category", "recipient", "state", "code", "detail", "attempts", "handed_over_at", "updated_at",
)  # fmt: skip


def add_messages(batch: Batch, engine: Engine, facts: JobFacts, rows: Sequence[NewRow], now: datetime) -> None:
    """Rows of a job's only chunk, which is no campaign's and no test. One goes with the others of its batch, several
    as `Ledger.add` writes them."""
    if len(rows) != 1:
        batch.then(lambda connection: ledger_for(engine).add(connection, facts, 0, rows, now))
        return
    number, recipient, state, code, detail = rows[0]
    sending = state is MessageState.SENDING
    batch.add(
        _MESSAGE,
        {
            "id": facts.first_message_id + number,
            "job_id": facts.job_id,
            "record_no": number,
            "chunk_no": 0,
            "template_id": facts.template_id,
            "template_version_id": facts.template_version_id,
            "provider_id": facts.provider_id,
            "channel": facts.channel,
            "category": facts.category,
            "recipient": recipient,
            "state": state.value,
            "code": code,
            "detail": detail,
            "attempts": int(sending),
            "handed_over_at": now if sending else None,
            "updated_at": now,
        },
    )
