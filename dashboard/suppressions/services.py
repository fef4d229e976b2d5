"""Adding to the suppression list and lifting from it; every change is audited without the address in clear."""

from __future__ import annotations

from dataclasses import dataclass

from flask import has_request_context
from flask_login import current_user
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.audit.services import record
from dashboard.extensions import db, transaction
from dashboard.message_templates.models import Channel
from dashboard.problems import DomainError, NotAllowed, NotFound
from dashboard.suppressions.addresses import normal
from dashboard.suppressions.models import Suppression, SuppressionReason, SuppressionScope


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of one pasted line: added, already there, or why not."""

    line: int
    text: str
    outcome: str
    ok: bool


def suppress(
    *,
    address: str,
    channel: str = "email",
    scope: SuppressionScope = SuppressionScope.PROMOTIONAL,
    reason: SuppressionReason = SuppressionReason.MANUAL,
    note: str = "",
    message_id: int | None = None,
) -> bool:
    """Put a normal address on the list; False where it already stands there with that scope."""
    with transaction():
        known = select(Suppression.id).where(
            Suppression.channel == channel, Suppression.address == address, Suppression.scope == scope
        )
        if db.session.scalar(known) is not None:
            return False
        row = Suppression(
            channel=channel, address=address, scope=scope, reason=reason, note=note, message_id=message_id,
            created_by=_who(),
        )  # fmt: skip
        db.session.add(row)
        db.session.flush()
        record("suppression.add", row, summary=f"{reason} ({scope})")
    return True


def suppress_lines(*, text: str, scope: SuppressionScope, note: str, channel: str = Channel.EMAIL) -> list[LineResult]:
    """One address a line; every line gets its own result, good lines are added whatever the others are."""
    results = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            added = suppress(address=normal(channel, line), channel=channel, scope=scope, note=note)
        except DomainError as problem:
            results.append(LineResult(number, line.strip(), problem.message, ok=False))
        else:
            results.append(LineResult(number, line.strip(), "added" if added else "was on the list already", ok=True))
    return results


def lift(*, suppression_id: int, reason: str, complaints_too: bool = False) -> None:
    """Take an entry off the list. A complaint takes an administrator: the recipient called our mail spam.

    `complaints_too`: the caller has looked at that already (an application has no role but scopes).
    """
    with transaction():
        row = db.session.get(Suppression, suppression_id)
        if row is None:
            raise NotFound("This entry is not on the list any more.")
        refused = row.reason == SuppressionReason.COMPLAINED and not complaints_too
        if refused and current_user.role != Role.ADMIN:
            raise NotAllowed("Only an administrator may lift a suppression that came from a spam complaint.")
        if not reason.strip():
            raise DomainError("Say why, for those who ask later.", field="reason")
        record("suppression.lift", row, summary=reason.strip(), before={"reason": row.reason, "scope": row.scope})
        db.session.delete(row)


def lift_unsubscription(*, address: str, message_id: int) -> None:
    """The recipient's own undo: takes back what that message's unsubscribe link did, and nothing else."""
    with transaction():
        row = db.session.scalars(
            select(Suppression).where(
                Suppression.address == address,
                Suppression.message_id == message_id,
                Suppression.reason == SuppressionReason.UNSUBSCRIBED,
            )
        ).first()
        if row is not None:
            record("suppression.lift", row, summary="taken back by the recipient")
            db.session.delete(row)


def _who() -> int | None:
    if has_request_context() and current_user.is_authenticated:
        return int(current_user.id)
    return None
