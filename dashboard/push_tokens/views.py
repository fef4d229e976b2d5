"""Devices: find those of a customer, remove one."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.htmx import canonical_url, redirect_to, respond
from dashboard.ids import parse_public_id
from dashboard.paging import pager
from dashboard.problems import NotFound
from dashboard.push_tokens import queries, services
from dashboard.push_tokens.models import PushToken
from dashboard.security import requires

bp = Blueprint("push_tokens", __name__, url_prefix="/devices")


def _cursor(name: str) -> int | None:
    try:
        return parse_public_id("dev", request.args.get(name, ""))
    except ValueError:
        return None


@bp.get("/")
@requires("audiences.read")
def index() -> ResponseReturnValue:
    customer = request.args.get("customer", "").strip()
    page = queries.page(customer_id=customer, after=_cursor("after"), before=_cursor("before"))
    return respond(
        "push_tokens/index.html",
        "results",
        push_url=True,
        page=page,
        pager=pager(page, canonical_url, lambda row: row.public_id),
        customer=customer,
    )


@bp.get('/<pid("dev"):token_id>/remove')
@requires("audiences.write")
def confirm_remove(token_id: int) -> ResponseReturnValue:
    return respond("push_tokens/remove.html", "dialog", row=_load(token_id))


@bp.post('/<pid("dev"):token_id>/remove')
@requires("audiences.write")
def remove(token_id: int) -> ResponseReturnValue:
    customer = _load(token_id).customer_id
    services.remove(token_id=token_id)
    return redirect_to(url_for("push_tokens.index", customer=customer or None), "The device is removed.")


def _load(token_id: int) -> PushToken:
    row = queries.find(token_id)
    if row is None:
        raise NotFound("This device is not registered any more.")
    return row
