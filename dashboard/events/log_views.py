"""The log of an event: what was received, what was decided, and taking one in again."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.events import queries
from dashboard.events.models import EventReceipt, ReceiptState
from dashboard.events.page import page_of
from dashboard.events.paths import masked
from dashboard.events.posted_rows import payload_text
from dashboard.events.receiving import replay
from dashboard.htmx import canonical_url, redirect_to, respond
from dashboard.ids import parse_public_id
from dashboard.messages.masking import shown
from dashboard.paging import pager
from dashboard.problems import DomainError
from dashboard.security import requires
from dashboard.status import status_of

bp = Blueprint("log", __name__)


@bp.get('/<pid("evt"):event_id>/log')
@requires("events.read")
def index(event_id: int) -> ResponseReturnValue:
    page, state = page_of(event_id, "log"), request.args.get("state", "")
    found = queries.log(event_id, state, after=_cursor("after"), before=_cursor("before"))
    return respond(
        "events/log.html", "results", push_url=True, title=f"Log of {page.event.name}", page=page, state=state,
        states=_states(event_id), rows=found.rows, address=_address,
        pager=pager(found, canonical_url, lambda row: row.public_id),
    )  # fmt: skip


@bp.get('/<pid("evt"):event_id>/log/<pid("evr"):receipt_id>')
@requires("events.read")
def show(event_id: int, receipt_id: int) -> ResponseReturnValue:
    page, row = page_of(event_id, "log"), queries.receipt_of(event_id, receipt_id)
    hidden = [variable.path for variable in page.variables if variable.pii]
    return respond(
        "events/receipt.html", page=page, row=row, payload=payload_text(masked(row.payload, hidden)),
        hidden=hidden, recipient={name: _shown(name, value) for name, value in row.recipient.items()},
        messages=queries.messages_of(row), source=queries.source_of(row),
    )  # fmt: skip


@bp.get('/<pid("evt"):event_id>/log/<pid("evr"):receipt_id>/replay')
@requires("events.publish")
def confirm_replay(event_id: int, receipt_id: int) -> ResponseReturnValue:
    row = queries.receipt_of(event_id, receipt_id)
    return respond("events/replay.html", "dialog", page=page_of(event_id, "log"), row=row, address=_address(row))


@bp.post('/<pid("evt"):event_id>/log/<pid("evr"):receipt_id>/replay')
@requires("events.publish")
def replayed(event_id: int, receipt_id: int) -> ResponseReturnValue:
    queries.receipt_of(event_id, receipt_id)
    try:
        row = replay(receipt_id, replayed_by=current_user.id).receipt
    except DomainError as problem:
        here = url_for("events.log.show", event_id=event_id, receipt_id=receipt_id)
        return redirect_to(here, problem.message, "bad")
    there = url_for("events.log.show", event_id=event_id, receipt_id=row.id)
    return redirect_to(there, "It was taken in again; this is the new entry.")


def _states(event_id: int) -> list[tuple[str, str, str, int | None]]:
    """The tabs above the log; the counts are of the last 30 days."""
    counts, here = queries.log_counts(event_id), url_for("events.log.index", event_id=event_id)
    found = [
        (one.value, status_of("event_receipt", one).label, f"{here}?state={one.value}", counts.get(one.value, 0))
        for one in ReceiptState
    ]
    return [("", "All", here, None), *found]


def _cursor(name: str) -> int | None:
    try:
        return parse_public_id("evr", request.args.get(name, ""))
    except ValueError:
        return None


def _address(row: EventReceipt) -> str:
    """Whom it is about, as the person may see it."""
    return next((_shown(name, value) for name, value in row.recipient.items()), "")


def _shown(name: str, value: str) -> str:
    return value if name == "external_id" else shown(value)
