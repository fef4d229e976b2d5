"""Checking codes: each try is counted before it is looked at, so that no two at once share one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import bindparam, literal_column, update

from dashboard.crypto import same
from dashboard.current import current_settings
from dashboard.direct import Look
from dashboard.extensions import db, only_write, transaction, utc_now
from dashboard.otp.codes import hash_of
from dashboard.otp.limits import lock
from dashboard.otp.models import OtpConfiguration, OtpRequest, OtpState
from dashboard.otp.sending import note
from dashboard.snapshots import Whole

_ENDED: Final = (
    update(OtpRequest)
    .where(OtpRequest.id == bindparam("request"))
    .values(state=bindparam("now_in"), seed=bindparam("nothing"), verified_at=bindparam("seen_at"))
)


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


_READ: Final = Whole(
    OtpRequest, "id", "group_id", "configuration_id", "channel", "destination", "purpose", "code_hash", "attempts",
    "max_attempts",
)  # fmt: skip


#: A guarded statement: PostgreSQL locks its row.
_COUNTED: Final = Look(
    update(OtpRequest)
    .where(
        OtpRequest.id == bindparam("request", type_=OtpRequest.id.type),
        OtpRequest.state == OtpState.OPEN.value,
        OtpRequest.expires_at > bindparam("now", type_=OtpRequest.expires_at.type),
        OtpRequest.attempts < OtpRequest.max_attempts,
    )
    .values(attempts=OtpRequest.attempts + literal_column("1"))
    .returning(*_READ.columns)
)
#: Those that were made together with one.
_OTHERS_ENDED: Final = Look(
    update(OtpRequest)
    .where(
        OtpRequest.group_id == bindparam("group", type_=OtpRequest.group_id.type),
        OtpRequest.id != bindparam("request", type_=OtpRequest.id.type),
        OtpRequest.state == OtpState.OPEN.value,
    )
    .values(state=OtpState.SUPERSEDED.value, seed="")
    .returning(OtpRequest.id)
)


def _counted(request_id: int) -> OtpRequest | None:
    """The request with one try more, where it has one left; in no session."""
    row = _COUNTED.first(db.session.connection(), {"request": request_id, "now": utc_now()})
    return None if row is None else _READ.made(row)


def _is_right(row: OtpRequest, code: str, purpose: str) -> bool:
    key = current_settings().key
    typed = hash_of(code, key, request_id=row.id, destination=row.destination, purpose=purpose)
    return same(typed, row.code_hash)


def _verified(row: OtpRequest) -> Verification:
    """Single use: this code and those made together with it end."""
    connection = db.session.connection()
    others = _OTHERS_ENDED.rows(connection, {"group": row.group_id, "request": row.id})
    only_write(connection)
    _end(row.id, OtpState.VERIFIED, verified_at=utc_now())
    note(row.id, "verified")
    for (number,) in others:
        note(number, "superseded", detail=f"verified by {row.channel}")
    return Verification(Result.VERIFIED, row)


def _end(request_id: int, state: OtpState, verified_at: datetime | None = None) -> None:
    """What has ended keeps no seed."""
    db.session.connection().execute(
        _ENDED, {"request": request_id, "now_in": state.value, "seen_at": verified_at, "nothing": ""}
    )


def _wrong(row: OtpRequest) -> Verification:
    left = row.max_attempts - row.attempts
    note(row.id, "wrong_code", detail=f"{left} left")
    if left > 0:
        return Verification(Result.WRONG, row, left)
    seconds = db.session.get_one(OtpConfiguration, row.configuration_id).lockout_seconds
    _end(row.id, OtpState.LOCKED)
    if seconds:
        lock(row.destination, row.purpose, seconds)
    note(row.id, "locked", detail=f"for {seconds} s")
    return Verification(Result.LOCKED, row, 0, seconds)
