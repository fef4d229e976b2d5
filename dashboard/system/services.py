"""What administrators do with dead letters: put them back on their lane, or throw them away."""

from __future__ import annotations

from dashboard.audit.services import record
from dashboard.extensions import transaction
from dashboard.problems import DomainError
from dashboard.system import lanes
from worker.queues import Queue


def requeue_dead_letter(*, lane: Queue, key: str) -> None:
    """Put one dead letter back on its lane. Raises DomainError where it is gone or the broker is away."""
    _act(lane, [key], back=True)


def delete_dead_letter(*, lane: Queue, key: str) -> None:
    """Throw one dead letter away. Raises DomainError where it is gone or the broker is away."""
    _act(lane, [key], back=False)


def requeue_all(*, lane: Queue) -> int:
    """Put every dead letter of a lane back; returns how many. Raises DomainError where the broker is away."""
    return _act(lane, _keys(lane), back=True)


def delete_all(*, lane: Queue) -> int:
    """Throw every dead letter of a lane away; returns how many. Raises DomainError where the broker is away."""
    return _act(lane, _keys(lane), back=False)


def _act(lane: Queue, keys: list[str], *, back: bool) -> int:
    """Take the letters one by one; whoever takes a letter owns it, so a double click acts once."""
    taken = []
    try:
        for key in keys:
            message = lanes.take_dead_letter(lane, key)
            if message is not None:
                taken.append(message.actor_name)
                if back:
                    lanes.put_back(message)
    except lanes.BrokerAway as away:
        raise DomainError("The broker does not answer. Try again when it is back.", code="broker_away") from away
    if not taken:
        raise DomainError("It is not there any more: somebody else has dealt with it.", code="gone")
    with transaction():
        word = "put back on" if back else "deleted from"
        names = ", ".join(sorted(set(taken)))
        record(
            "system.requeue" if back else "system.delete_dead_letters",
            summary=f"{len(taken)} dead {'letter' if len(taken) == 1 else 'letters'} {word} {lane.value}: {names}",
        )
    return len(taken)


def _keys(lane: Queue) -> list[str]:
    try:
        return lanes.dead_keys(lane)
    except lanes.BrokerAway as away:
        raise DomainError("The broker does not answer. Try again when it is back.", code="broker_away") from away
