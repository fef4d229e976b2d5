"""The inbox of the sandbox providers: every message they took, as recipients would see it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.forms import text
from dashboard.htmx import canonical_url, redirect_to, respond
from dashboard.ids import parse_public_id, public_id
from dashboard.paging import pager
from dashboard.problems import NotFound
from dashboard.providers.models import SandboxMail
from dashboard.sandbox import queries, services
from dashboard.sandbox.forms import EmptyForm, FindForm
from dashboard.sandbox.parsing import ParsedMail, ParsedMessage, parse, parse_push, parse_sms
from dashboard.search.services import recall, remember
from dashboard.security import PREVIEW_POLICY, PREVIEW_POLICY_WITH_IMAGES, requires
from worker.rendering.push_checks import LOCK_SCREENS

bp = Blueprint("sandbox", __name__, url_prefix="/sandbox")
#: For each channel how to take a message apart, and the views of it, the first one first.
CHANNELS: dict[str, tuple[Callable[[bytes], ParsedMail | ParsedMessage], tuple[str, ...]]] = {
    "email": (parse, ("html", "text", "headers", "source")),
    "sms": (parse_sms, ("phone", "source")),
    "push": (parse_push, ("phone", "source")),
}


def _id_from(name: str, prefix: str) -> int | None:
    try:
        return parse_public_id(prefix, request.args.get(name, ""))
    except ValueError:
        return None


def _load(mail_id: int, channel: str = "") -> SandboxMail:
    mail = queries.find(mail_id)
    if mail is None or (channel and mail.channel != channel):
        raise NotFound("This message is not in the sandbox inbox any more. Somebody emptied it.")
    return mail


@bp.get("/")
@requires("providers.read")
def index() -> ResponseReturnValue:
    filters = queries.Filters(
        recipient=recall(request.args.get("who", "")) or "",
        subject=request.args.get("q", "").strip(),
        provider_id=_id_from("provider", "prv"),
        channel=request.args.get("channel", ""),
    )
    page = queries.page(filters, after=_id_from("after", "sbx"), before=_id_from("before", "sbx"))
    return respond(
        "sandbox/index.html",
        "results",
        push_url=True,
        title="Sandbox inbox",
        page=page,
        pager=pager(page, canonical_url, lambda mail: mail.public_id),
        count=queries.count(filters),
        filters=filters,
        providers=[(public_id("prv", number), name) for number, name in queries.providers()],
    )


@bp.post("/find")
@requires("providers.read")
def find() -> ResponseReturnValue:
    return redirect_to(url_for("sandbox.index", who=remember(text(FindForm().recipient)) or None))


@bp.get('/<pid("sbx"):mail_id>')
@requires("providers.read")
def show(mail_id: int) -> ResponseReturnValue:
    mail = _load(mail_id)
    read, views = CHANNELS[mail.channel]
    view = request.args.get("view", "")
    return respond(
        "sandbox/show.html",
        mail=mail,
        parsed=read(mail.raw),
        view=view if view in views else views[0],
        images="1" if request.args.get("images") == "1" else None,
        lock_screens=LOCK_SCREENS,
    )


@bp.get('/<pid("sbx"):mail_id>/document')
@requires("providers.read")
def document(mail_id: int) -> ResponseReturnValue:
    """The HTML body as a document of its own; scripts are dead, remote images only when asked for."""
    policy = PREVIEW_POLICY_WITH_IMAGES if request.args.get("images") == "1" else PREVIEW_POLICY
    response = Response(
        parse(_load(mail_id, "email").raw).html or "<p>This mail has no HTML part.</p>", mimetype="text/html"
    )
    response.headers["Content-Security-Policy"] = policy
    return response


@bp.get('/<pid("sbx"):mail_id>/mail.eml')
@requires("providers.read")
def download(mail_id: int) -> ResponseReturnValue:
    mail = _load(mail_id, "email")
    response = Response(mail.raw, mimetype="message/rfc822")
    response.headers.set("Content-Disposition", "attachment", filename=f"{mail.public_id}.eml")
    return response


@bp.get("/empty")
@requires("providers.write")
def confirm_empty() -> ResponseReturnValue:
    return respond("sandbox/empty.html", "dialog", form=EmptyForm(), count=queries.count(queries.Filters()))


@bp.post("/empty")
@requires("providers.write")
def empty() -> ResponseReturnValue:
    removed = services.empty_inbox()
    return redirect_to(url_for("sandbox.index"), f"{removed} messages deleted. The ledger keeps its rows.")
