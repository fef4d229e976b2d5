"""Checking codes: each try is counted before it is looked at, so that no two at once share one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select, update

from dashboard.crypto import same
from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.otp.codes import hash_of
from dashboard.otp.limits import lock
from dashboard.otp.models import OtpConfiguration, OtpRequest, OtpState
from dashboard.otp.sending import note


class Result(StrEnum):
    """What a try came to. NOT_VALID says the same of unknown, expired, used and superseded requests."""

    VERIFIED = "verified"
    WRONG = "wrong_code"
    LOCKED = "locked"
    NOT_VALID = "not_valid"


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer to a try. `left`: tries that remain; `lockout_seconds` where this was the last one."""

    result: Result
    request: OtpRequest | None = None
    left: int = 0
    lockout_seconds: int = 0


def verify_code(*, request_id: int | None, code: str, purpose: str = "") -> Verification:
    """Try a code. Joins the transaction around it; raises nothing, since a refusal would undo the count."""
    with transaction():
        row = _counted(request_id) if request_id is not None else None
        if row is None:
            # The same work as for a request that is there, so that time does not tell them apart.
            _is_right(OtpRequest(id=0, destination="", code_hash="-" * 64), code, purpose)
            return Verification(Result.NOT_VALID)
        if _is_right(row, code, purpose):
            return _verified(row)
        return _wrong(row)


def _counted(request_id: int) -> OtpRequest | None:
    """The request with one try more, where it has one left. A guarded statement: PostgreSQL locks its row."""
    guard = (
        OtpRequest.id == request_id,
        OtpRequest.state == OtpState.OPEN,
        OtpRequest.expires_at > utc_now(),
        OtpRequest.attempts < OtpRequest.max_attempts,
    )
    counted = update(OtpRequest).where(*guard).values(attempts=OtpRequest.attempts + 1).returning(OtpRequest.id)
    if db.session.execute(counted.execution_options(synchronize_session=False)).first() is None:
        return None
    return db.session.get_one(OtpRequest, request_id, populate_existing=True)


def _is_right(row: OtpRequest, code: str, purpose: str) -> bool:
    key = current_settings().key
    typed = hash_of(code, key, request_id=row.id, destination=row.destination, purpose=purpose)
    return same(typed, row.code_hash)


def _verified(row: OtpRequest) -> Verification:
    """Single use: this code and those made together with it end."""
    row.state, row.verified_at, row.seed = OtpState.VERIFIED.value, utc_now(), ""
    note(row.id, "verified")
    others = (OtpRequest.group_id == row.group_id, OtpRequest.id != row.id, OtpRequest.state == OtpState.OPEN)
    for other in db.session.scalars(select(OtpRequest).where(*others)):
        other.state, other.seed = OtpState.SUPERSEDED.value, ""
        note(other.id, "superseded", detail=f"verified by {row.channel}")
    return Verification(Result.VERIFIED, row)


def _wrong(row: OtpRequest) -> Verification:
    left = row.max_attempts - row.attempts
    note(row.id, "wrong_code", detail=f"{left} left")
    if left > 0:
        return Verification(Result.WRONG, row, left)
    seconds = db.session.get_one(OtpConfiguration, row.configuration_id).lockout_seconds
    row.state, row.seed = OtpState.LOCKED.value, ""
    if seconds:
        lock(row.destination, row.purpose, seconds)
    note(row.id, "locked", detail=f"for {seconds} s")
    return Verification(Result.LOCKED, row, 0, seconds)
