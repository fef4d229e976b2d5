"""Pages for recipients: the unsubscribe link. No sign-in, no cookie.

RFC 8058: a mail program posts `List-Unsubscribe=One-Click` to the address of the List-Unsubscribe header, from no
page of ours and without a token of ours; the link itself proves where it came from.
"""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.extensions import csrf
from dashboard.problems import NotFound
from dashboard.public import services
from dashboard.public.queries import company_name
from dashboard.security import any_origin, public

bp = Blueprint("public", __name__)


def _find(token: str) -> services.Subscription:
    subscription = services.find(token)
    if subscription is None:
        raise NotFound("This link is not complete. Copy the whole address from the message.")
    return subscription


def _page(token: str, status: int = 200) -> ResponseReturnValue:
    return render_template(
        "public/unsubscribe.html", subscription=_find(token), token=token, company=company_name()
    ), status


@bp.get("/u/<token>")
@public
def show(token: str) -> ResponseReturnValue:
    return _page(token)


@bp.post("/u/<token>")
@csrf.exempt
@public
@any_origin
def unsubscribe(token: str) -> ResponseReturnValue:
    services.unsubscribe(_find(token))
    if request.form.get("List-Unsubscribe") == "One-Click":
        return "", 200
    return _page(token)


@bp.post("/u/<token>/undo")
@csrf.exempt
@public
@any_origin
def undo(token: str) -> ResponseReturnValue:
    services.subscribe_again(_find(token))
    return _page(token)
