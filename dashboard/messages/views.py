"""The log: every message with its filters and export, and one page for each."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.csv_export import stream_csv
from dashboard.events.queries import told_by
from dashboard.htmx import canonical_url, redirect_to, respond
from dashboard.ids import parse_public_id
from dashboard.messages import listing, queries, retention, services, words
from dashboard.messages.content import content_of
from dashboard.messages.filters import MessageFilters
from dashboard.messages.forms import FindForm, ResendForm
from dashboard.messages.masking import shown
from dashboard.messages.models import Message
from dashboard.paging import pager
from dashboard.problems import DomainError, NotFound
from dashboard.sandbox.queries import of_message
from dashboard.search.services import recall, remember
from dashboard.security import PREVIEW_POLICY, requires
from dashboard.timefmt import current_zone
from dashboard.webhooks.queries import receipts_of_message
from worker.rendering.content import RenderedEmail
from worker.rendering.push_checks import LOCK_SCREENS

bp = Blueprint("messages", __name__, url_prefix="/messages")
TABS = ("timeline", "content", "text", "headers", "data", "related")


def _filters() -> MessageFilters:
    return MessageFilters.from_query(
        request.args, address=recall(request.args.get("who", "")) or "", zone=current_zone()
    )


def _cursor(name: str) -> int | None:
    try:
        return parse_public_id("msg", request.args.get(name, ""))
    except ValueError:
        return None


def _load(message_id: int) -> Message:
    message = queries.find(message_id)
    if message is None:
        raise NotFound(retention.why_missing(message_id))
    return message


@bp.get("/")
@requires("messages.read")
def index() -> ResponseReturnValue:
    filters, choices = _filters(), queries.choices()
    page = queries.page(filters, after=_cursor("after"), before=_cursor("before"))
    count = queries.count(filters)
    return respond(
        "messages/index.html", "results", push_url=True, title="Messages", out_of_band=("chips", "export"), page=page,
        pager=pager(page, canonical_url, lambda row: row.public_id), count=count, filters=filters,
        limit=queries.COUNT_LIMIT, options=listing.options(choices), chips=listing.chips(filters, choices),
        names=queries.names_for(page.rows), shown=shown, newest=None if page.rows else queries.newest(),
        find=FindForm(address=filters.address), query=request.args,
        api_query=listing.api_query(filters),
        export_url=canonical_url(after=None, before=None).replace("/messages/", "/messages/export.csv", 1),
    )  # fmt: skip


@bp.post("/find")
@requires("messages.read")
def find() -> ResponseReturnValue:
    token = remember(FindForm().address.data or "")
    return redirect_to(url_for("messages.index", who=token or None))


@bp.get("/export.csv")
@requires("messages.export")
def export() -> ResponseReturnValue:
    return stream_csv("messages.csv", listing.EXPORT_HEADER, listing.export_rows(_filters()))


@bp.get('/<pid("msg"):message_id>')
@requires("messages.read")
def show(message_id: int) -> ResponseReturnValue:
    message = _load(message_id)
    tab = request.args.get("tab", "timeline")
    return respond("messages/show.html", tab=tab if tab in TABS else "timeline", **_page(message, tab))


def _page(message: Message, tab: str) -> dict[str, Any]:
    named, job = queries.names_for([message]), queries.job_of(message)
    names = {
        "template": named.templates.get(message.template_id, "deleted template"),
        "provider": named.providers.get(message.provider_id, "deleted provider"),
        "campaign": named.campaigns.get(message.campaign_id or 0, ""),
        "event": named.events.get(message.event_id or 0, ""),
    }
    events = queries.events_of(message.id)
    previous, following = queries.beside_in_job(message)
    return {
        "message": message, "job": job, "names": names, "sentence": words.sentence(message), "shown": shown,
        "version": named.versions.get(message.template_version_id), "sandbox_mail": of_message(message.id),
        "timeline": words.timeline(message, job, events, names, receipts_of_message(message.id)),
        "previous": previous, "following": following, "told_by": told_by(message.id),
        "content": content_of(message) if tab in ("content", "text", "headers", "data") else None,
        "lock_screens": LOCK_SCREENS,
        "related": queries.same_recipient(message) if tab == "related" else [],
    }  # fmt: skip


@bp.get('/<pid("msg"):message_id>/document')
@requires("messages.read")
def document(message_id: int) -> ResponseReturnValue:
    """The HTML part as a document of its own, where scripts are dead and nothing is fetched."""
    content = content_of(_load(message_id))
    html = content.rendered.html if isinstance(content.rendered, RenderedEmail) else content.problem
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


@bp.get('/<pid("msg"):message_id>/resend')
@requires("messages.send")
def confirm_resend(message_id: int) -> ResponseReturnValue:
    message = _load(message_id)
    return respond("messages/resend.html", "dialog", message=message, form=ResendForm(), shown=shown)


@bp.post('/<pid("msg"):message_id>/resend')
@requires("messages.send")
def resend(message_id: int) -> ResponseReturnValue:
    form = ResendForm()
    try:
        new_id = services.resend(message_id=message_id)
    except DomainError as problem:
        form.form_errors.append(problem.message)
        message = _load(message_id)
        return respond("messages/resend.html", "dialog", status=422, message=message, form=form, shown=shown)
    return redirect_to(
        url_for("messages.show", message_id=new_id), "Handed to the lane again. This page is the new message."
    )
