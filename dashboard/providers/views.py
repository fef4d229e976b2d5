"""Providers: the list with its routing matrix, adding and changing one, its health and its history."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.audit import queries as audit
from dashboard.htmx import canonical_url, redirect_to, respond, wants_fragment
from dashboard.ids import parse_public_id
from dashboard.paging import pager
from dashboard.problems import Conflict, DomainError
from dashboard.providers import editing, page, queries, receipt_views, routing_views, state_views, trial_views
from dashboard.providers.editing import Editing
from dashboard.providers.forms import RateForm
from dashboard.security import requires
from worker.providers import registry

bp = Blueprint("providers", __name__, url_prefix="/providers")
bp.register_blueprint(routing_views.bp)
bp.register_blueprint(state_views.bp)
bp.register_blueprint(trial_views.bp)
bp.register_blueprint(receipt_views.bp)


@bp.get("")
@requires("providers.read")
def index() -> ResponseReturnValue:
    archived = request.args.get("archived") == "1"
    return respond(
        "providers/index.html",
        cards=page.cards(archived=archived),
        matrix=queries.routing(),
        switches=queries.switches(),
        channels=queries.channels(),
        channel_words=queries.CHANNEL_WORDS,
        archived=archived,
        archived_count=queries.archived_count(),
    )


@bp.get("/new")
@requires("providers.write")
def new() -> ResponseReturnValue:
    return respond("providers/new.html", adapters=registry.providers(), channel_words=queries.CHANNEL_WORDS)


@bp.get("/new/<vendor>")
@requires("providers.write")
def begin(vendor: str) -> ResponseReturnValue:
    return _form(editing.begin(vendor))


@bp.post("/new/<vendor>")
@requires("providers.write")
def create(vendor: str) -> ResponseReturnValue:
    entry = editing.posted(vendor)
    if "change" in request.form:
        return _rows(entry)
    if entry.check():
        try:
            provider = entry.save()
        except DomainError as problem:
            entry.refuse(problem)
        else:
            words = f"{provider.name} is added. Test the connection, then make it a default."
            return redirect_to(url_for("providers.show", provider_id=provider.id), words)
    return _form(entry, status=422)


@bp.get('/<pid("prv"):provider_id>')
@requires("providers.read")
def show(provider_id: int) -> ResponseReturnValue:
    provider = queries.find(provider_id)
    return respond(
        "providers/show.html",
        "health",
        provider=provider,
        health=page.health_page(provider),
        rate=RateForm.of(provider),
        fragment=wants_fragment(),
    )


@bp.get('/<pid("prv"):provider_id>/configuration')
@requires("providers.read")
def edit(provider_id: int) -> ResponseReturnValue:
    return _form(editing.edit(queries.find(provider_id)))


@bp.post('/<pid("prv"):provider_id>/configuration')
@requires("providers.write")
def update(provider_id: int) -> ResponseReturnValue:
    provider = queries.find(provider_id)
    entry = editing.posted(provider.vendor, provider)
    if "change" in request.form:
        return _rows(entry)
    if not entry.check():
        return _form(entry, status=422)
    try:
        entry.save()
    except Conflict as conflict:
        entry.compare(conflict)
        return _form(entry, status=409)
    except DomainError as problem:
        entry.refuse(problem)
        return _form(entry, status=422)
    words = "Saved. Workers use it from their next connection on."
    return redirect_to(url_for("providers.show", provider_id=provider_id), words)


@bp.get('/<pid("prv"):provider_id>/history')
@requires("providers.read")
def history(provider_id: int) -> ResponseReturnValue:
    provider = queries.find(provider_id)
    found = audit.page(audit.Filters(thing=provider.public_id), after=_cursor("after"), before=_cursor("before"))
    return respond(
        "providers/history.html",
        "results",
        push_url=True,
        title=f"History of {provider.name}",
        provider=provider,
        page=found,
        pager=pager(found, canonical_url, lambda entry: entry.public_id),
        differences=audit.differences,
    )


def _form(entry: Editing, status: int = 200) -> ResponseReturnValue:
    return respond("providers/form.html", entry=entry, form=entry.form, provider=entry.provider, status=status)


def _rows(entry: Editing) -> ResponseReturnValue:
    """One row of the From addresses more or less; nothing is checked and nothing is saved."""
    entry.change_rows(request.form["change"])
    return respond("providers/form.html", "senders", entry=entry, form=entry.form, provider=entry.provider)


def _cursor(name: str) -> int | None:
    try:
        return parse_public_id("aud", request.args.get(name, ""))
    except ValueError:
        return None
