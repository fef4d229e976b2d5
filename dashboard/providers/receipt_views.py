"""What a provider tells afterwards: its callback address, who may call it, what came in."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond
from dashboard.problems import DomainError, NotFound
from dashboard.providers import page, queries
from dashboard.providers.forms import SourcesForm
from dashboard.security import requires
from dashboard.webhooks import queries as callbacks
from dashboard.webhooks import services

bp = Blueprint("receipts", __name__)


@bp.get('/<pid("prv"):provider_id>/receipts')
@requires("providers.read")
def index(provider_id: int) -> ResponseReturnValue:
    provider = queries.find(provider_id)
    return _page(provider_id, SourcesForm(formdata=None, data={"networks": "\n".join(provider.webhook_sources)}))


@bp.post('/<pid("prv"):provider_id>/receipts/networks')
@requires("providers.write")
def set_sources(provider_id: int) -> ResponseReturnValue:
    form = SourcesForm()
    try:
        services.set_sources(provider_id=provider_id, text=form.networks.data or "")
    except DomainError as problem:
        show_problem(form, problem)
        return _page(provider_id, form, status=422)
    words = "Only these networks may call from now on." if form.networks.data else "Any network may call."
    return redirect_to(url_for("providers.receipts.index", provider_id=provider_id), words)


@bp.get('/<pid("prv"):provider_id>/receipts/renew')
@requires("providers.write")
def confirm_renew(provider_id: int) -> ResponseReturnValue:
    return respond("providers/renew_address.html", "dialog", provider=queries.find(provider_id))


@bp.post('/<pid("prv"):provider_id>/receipts/renew')
@requires("providers.write")
def renew(provider_id: int) -> ResponseReturnValue:
    services.renew_address(provider_id=provider_id)
    words = "There is a new address. Give it to the vendor: the old one answers 404 now."
    return redirect_to(url_for("providers.receipts.index", provider_id=provider_id), words, "warn")


@bp.get('/<pid("prv"):provider_id>/receipts/<pid("cbk"):callback_id>')
@requires("system.read")
def show(provider_id: int, callback_id: int) -> ResponseReturnValue:
    callback = callbacks.find(provider_id, callback_id)
    if callback is None:
        raise NotFound("This callback is not kept any more.")
    body = callback.body.decode("utf-8", "replace")
    return respond("providers/callback.html", provider=queries.find(provider_id), callback=callback, body=body)


@bp.post('/<pid("prv"):provider_id>/receipts/<pid("cbk"):callback_id>/read-again')
@requires("system.manage")
def read_again(provider_id: int, callback_id: int) -> ResponseReturnValue:
    services.read_again(provider_id=provider_id, callback_id=callback_id)
    return redirect_to(url_for("providers.receipts.index", provider_id=provider_id), "It is being read again.")


@bp.post('/<pid("prv"):provider_id>/receipts/read-mailbox')
@requires("providers.write")
def read_mailbox(provider_id: int) -> ResponseReturnValue:
    services.read_mailbox_now(provider_id=provider_id)
    words = "The mailbox is being read. What came in stands here in a moment."
    return redirect_to(url_for("providers.receipts.index", provider_id=provider_id), words)


def _page(provider_id: int, form: SourcesForm, status: int = 200) -> ResponseReturnValue:
    provider = queries.find(provider_id)
    return respond(
        "providers/receipts.html",
        provider=provider,
        adapter=page.adapter_of(provider),
        mailbox=callbacks.mailbox(provider_id),
        reads_mailbox=callbacks.reads_mailbox(provider),
        address=services.address_of(provider),
        tally=callbacks.tally(provider_id),
        latest=callbacks.latest(provider_id),
        form=form,
        status=status,
    )
