"""Reading the registry of devices."""

from __future__ import annotations

from sqlalchemy import select

from dashboard.extensions import db
from dashboard.paging import Slice, fetch_slice
from dashboard.push_tokens.models import PushToken
from worker.engine.recipients import recorded


def page(
    *, customer_id: str = "", token: str = "", after: int | None = None, before: int | None = None
) -> Slice[PushToken]:
    """Devices, newest first: of one customer, the one with a token, or all."""
    statement = select(PushToken)
    if customer_id:
        statement = statement.where(PushToken.customer_id == customer_id)
    if token:
        statement = statement.where(PushToken.address == recorded(token))
    return fetch_slice(statement, PushToken.id, after=after, before=before)


def find(token_id: int) -> PushToken | None:
    return db.session.get(PushToken, token_id)
