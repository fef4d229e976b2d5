"""Which message a receipt is about: by our own id where the vendor gives it back, else by the vendor's id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, select

from dashboard.messages.models import Message, MessageState
from dashboard.webhooks.models import ProviderReference
from worker.receipts.verdicts import NOT_BOOKED_YET

_COLUMNS = (
    Message.id, Message.job_id, Message.chunk_no, Message.state, Message.recipient, Message.channel, Message.is_test,
)  # fmt: skip


@dataclass(slots=True)
class Target:
    """The row of the ledger that a receipt may change."""

    id: int
    job_id: int
    chunk_no: int
    state: MessageState
    recipient: str
    channel: str
    is_test: bool


@dataclass(frozen=True, slots=True)
class Clue:
    """What a receipt says about which message it means."""

    message_id: int | None
    provider_message_id: str
    recipient: str


def find(connection: Connection, provider_id: int, clues: Sequence[Clue]) -> list[Target | None]:
    """The message of each clue, locked for a change; None where the provider has sent none such."""
    shared = _by_reference(connection, provider_id, {clue.provider_message_id for clue in clues} - {""})
    wanted = {clue.message_id for clue in clues if clue.message_id is not None}
    targets = _load(connection, provider_id, wanted.union(*shared.values()))
    return [_choose(clue, shared, targets) for clue in clues]


def _choose(clue: Clue, shared: dict[str, list[int]], targets: dict[int, Target]) -> Target | None:
    if clue.message_id is not None:
        return targets.get(clue.message_id)
    candidates = [targets[id_] for id_ in shared.get(clue.provider_message_id, ()) if id_ in targets]
    if len(candidates) > 1 and clue.recipient:
        candidates = [target for target in candidates if _same_address(target.recipient, clue.recipient)]
    return candidates[0] if len(candidates) == 1 else None


def _same_address(ours: str, theirs: str) -> bool:
    """Vendors write numbers without the plus sign and addresses in any case."""
    return ours.lower().lstrip("+") == theirs.strip().lower().lstrip("+")


def _by_reference(connection: Connection, provider_id: int, references: Iterable[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    statement = select(ProviderReference.reference, ProviderReference.message_id).where(
        ProviderReference.provider_id == provider_id, ProviderReference.reference.in_(list(references))
    )
    for reference, message_id in connection.execute(statement):
        found[reference].append(message_id)
    return found


def _load(connection: Connection, provider_id: int, ids: Iterable[int]) -> dict[int, Target]:
    """Messages with an outcome are locked; those on their way are only looked at, and stand as being sent.

    An engine's window holds its chunk while it changes rows that are being sent: whoever held such a row and waited
    for the chunk would wait in a ring.
    """
    # In the order of the key, so that two workers with the same messages wait for each other and never in a ring.
    statement = select(*_COLUMNS).where(Message.id.in_(sorted(ids)), Message.provider_id == provider_id)
    settled = statement.where(Message.state.not_in([state.value for state in NOT_BOOKED_YET]))
    found = {row.id: _target(row) for row in connection.execute(settled.order_by(Message.id).with_for_update())}
    if len(found) < len(set(ids)):
        for row in connection.execute(statement):
            if row.id not in found:
                found[row.id] = _target(row)
                found[row.id].state = MessageState.SENDING
    return found


def _target(row: Row[int, int, int, str, str, str, bool]) -> Target:
    return Target(row.id, row.job_id, row.chunk_no, MessageState(row.state), row.recipient, row.channel, row.is_test)
