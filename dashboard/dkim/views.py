"""DKIM keys, below Providers: the list, a new one, its DNS record, enable, disable, delete."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.dkim import queries, services
from dashboard.dkim.forms import KeyForm
from dashboard.extensions import utc_now
from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.problems import DomainError
from dashboard.security import requires
from worker.rendering.dkim import DkimAlgorithm

bp = Blueprint("dkim", __name__, url_prefix="/providers/dkim")


@bp.get("")
@requires("providers.read")
def index() -> ResponseReturnValue:
    return respond("dkim/index.html", keys=queries.listed(), domains=queries.from_domains())


@bp.get("/new")
@requires("providers.write")
def new() -> ResponseReturnValue:
    domains = queries.from_domains()
    form = KeyForm(
        domain=next((domain.name for domain in domains if not domain.signed), ""),
        selector=f"c{utc_now():%Y%m}",
    )
    return respond("dkim/new.html", form=form)


@bp.post("")
@requires("providers.write")
def create() -> ResponseReturnValue:
    form = KeyForm()
    if form.validate_on_submit():
        try:
            key = services.create_key(
                domain=text(form.domain),
                selector=text(form.selector),
                algorithm=DkimAlgorithm(form.algorithm.data),
                pem=text(form.pem),
                by=current_user.username,
            )
        except DomainError as problem:
            show_problem(form, problem)
        else:
            return redirect_to(url_for("dkim.show", key_id=key.id), "Added. Publish its record, then enable it.")
    return respond("dkim/new.html", form=form, status=422)


@bp.get('/<pid("dkm"):key_id>')
@requires("providers.read")
def show(key_id: int) -> ResponseReturnValue:
    return respond("dkim/show.html", key=queries.find(key_id))


@bp.post('/<pid("dkm"):key_id>/enable')
@requires("providers.write")
def enable(key_id: int) -> ResponseReturnValue:
    key = services.set_enabled(key_id=key_id, enabled=True)
    return redirect_to(url_for("dkim.show", key_id=key_id), f"Mail from {key.domain} is signed within 15 seconds.")


@bp.post('/<pid("dkm"):key_id>/disable')
@requires("providers.write")
def disable(key_id: int) -> ResponseReturnValue:
    services.set_enabled(key_id=key_id, enabled=False)
    words = "Disabled. Leave its record in DNS for a week: mail on its way is checked against it."
    return redirect_to(url_for("dkim.show", key_id=key_id), words, "warn")


@bp.get('/<pid("dkm"):key_id>/delete')
@requires("providers.write")
def confirm_delete(key_id: int) -> ResponseReturnValue:
    return respond("dkim/delete.html", "dialog", key=queries.find(key_id))


@bp.post('/<pid("dkm"):key_id>/delete')
@requires("providers.write")
def delete(key_id: int) -> ResponseReturnValue:
    try:
        name = services.delete_key(key_id=key_id)
    except DomainError as problem:
        return respond("dkim/delete.html", "dialog", key=queries.find(key_id), problem=problem, status=422)
    return redirect_to(url_for("dkim.index"), f"{name} is deleted. Its DNS record can go after a week.")
