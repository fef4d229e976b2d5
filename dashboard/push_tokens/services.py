"""Registering devices, giving one a new token, forgetting one.

A token that its vendor called dead is suppressed (`worker.engine.devices`); an app that registers it again knows
better, and lifts that.
"""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.problems import DomainError, NotFound
from dashboard.push_tokens.models import DeviceState, Platform, PushToken
from dashboard.suppressions.models import Suppression, SuppressionReason
from worker.engine.recipients import device_token, recorded


def register(*, token: str, platform: Platform, app: str = "", customer_id: str = "") -> PushToken:
    """The device with this token, made or brought up to date; it counts as seen now and as alive.

    Raises DomainError for a text that is no token.
    """
    token = _checked(token)
    now = utc_now()
    told = {
        "platform": platform.value, "app": app, "customer_id": customer_id, "state": DeviceState.ACTIVE.value,
        "reason": "", "gone_at": None, "last_seen_at": now,
    }  # fmt: skip
    row = {"id": new_id(), "address": recorded(token), "token": token, "created_at": now, **told}
    with transaction() as session:
        dialect = postgresql if db.engine.dialect.name == "postgresql" else sqlite
        insert = dialect.insert(PushToken).values(row)
        session.execute(insert.on_conflict_do_update(index_elements=["address"], set_=told))
        _revive(session, recorded(token))
        known = select(PushToken).where(PushToken.address == recorded(token))
        return session.scalars(known.execution_options(populate_existing=True)).one()


def change(
    *,
    token_id: int,
    token: str | None = None,
    platform: Platform | None = None,
    app: str | None = None,
    customer_id: str | None = None,
) -> PushToken:
    """Bring a device up to date; None leaves a field as it is. A new token takes the place of the old one, and of
    another device that had it. Raises NotFound, and DomainError for a text that is no token."""
    with transaction() as session:
        row = _load(session, token_id)
        if token is not None:
            token = _checked(token)
            session.execute(delete(PushToken).where(PushToken.address == recorded(token), PushToken.id != row.id))
            row.token, row.address = token, recorded(token)
            row.state, row.reason, row.gone_at = DeviceState.ACTIVE.value, "", None
            _revive(session, row.address)
        row.platform = platform.value if platform is not None else row.platform
        row.app = app if app is not None else row.app
        row.customer_id = customer_id if customer_id is not None else row.customer_id
        row.last_seen_at = utc_now()
    return row


def remove(*, token_id: int) -> None:
    """Forget a device. Raises NotFound."""
    with transaction() as session:
        row = _load(session, token_id)
        record("push_token.remove", row, summary=f"{row.platform} device of {row.customer_id or 'nobody named'}")
        session.delete(row)


def _checked(token: str) -> str:
    token = token.strip()
    try:
        return device_token(token)
    except ValueError as error:
        raise DomainError(f"This is no token: {error}.", field="token") from error


def _revive(session: Session, address: str) -> None:
    session.execute(
        delete(Suppression).where(
            Suppression.channel == "push",
            Suppression.address == address.lower(),
            Suppression.reason == SuppressionReason.BOUNCED,
        )
    )


def _load(session: Session, token_id: int) -> PushToken:
    row = session.get(PushToken, token_id)
    if row is None:
        raise NotFound("This device is not registered any more.")
    return row
