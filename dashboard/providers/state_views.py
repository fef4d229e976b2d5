"""Rate, enable, disable, archive, restore: one POST each, with a dialog before what stops mail."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue

from dashboard.htmx import redirect_to, respond
from dashboard.problems import DomainError
from dashboard.providers import page, queries, routes, services
from dashboard.providers.forms import RateForm
from dashboard.providers.rates import rate_words
from dashboard.security import requires

bp = Blueprint("state", __name__)


@bp.post('/<pid("prv"):provider_id>/rate')
@requires("providers.write")
def set_rate(provider_id: int) -> ResponseReturnValue:
    form, provider = RateForm(), queries.find(provider_id)
    if not form.validate_on_submit():
        health = page.health_page(provider)
        return respond("providers/show.html", provider=provider, health=health, rate=form, status=422)
    provider = services.set_rate(provider_id=provider_id, **form.rates)
    words = f"{provider.name} sends {rate_words(provider)} from now on."
    return redirect_to(url_for("providers.show", provider_id=provider_id), words)


@bp.post('/<pid("prv"):provider_id>/enable')
@requires("providers.write")
def enable(provider_id: int) -> ResponseReturnValue:
    provider = services.set_enabled(provider_id=provider_id, enabled=True)
    words = f"{provider.name} may send again. Runs that paused because of it wait for somebody to resume them."
    return redirect_to(url_for("providers.show", provider_id=provider_id), words)


@bp.get('/<pid("prv"):provider_id>/disable')
@requires("providers.write")
def confirm_disable(provider_id: int) -> ResponseReturnValue:
    provider = queries.find(provider_id)
    return respond("providers/disable.html", "dialog", provider=provider, duties=queries.duties_of(provider))


@bp.post('/<pid("prv"):provider_id>/disable')
@requires("providers.write")
def disable(provider_id: int) -> ResponseReturnValue:
    provider = services.set_enabled(provider_id=provider_id, enabled=False)
    words = f"{provider.name} is disabled. Nothing goes out through it until you enable it."
    return redirect_to(url_for("providers.show", provider_id=provider_id), words, "warn")


@bp.post('/<pid("prv"):provider_id>/drain')
@requires("providers.write")
def drain(provider_id: int) -> ResponseReturnValue:
    provider = routes.set_draining(provider_id=provider_id, draining=True)
    words = f"{provider.name} finishes what it has and takes no new runs."
    return redirect_to(url_for("providers.show", provider_id=provider_id), words)


@bp.post('/<pid("prv"):provider_id>/undrain')
@requires("providers.write")
def undrain(provider_id: int) -> ResponseReturnValue:
    provider = routes.set_draining(provider_id=provider_id, draining=False)
    return redirect_to(url_for("providers.show", provider_id=provider_id), f"{provider.name} takes new runs again.")


@bp.get('/<pid("prv"):provider_id>/archive')
@requires("providers.write")
def confirm_archive(provider_id: int) -> ResponseReturnValue:
    provider = queries.find(provider_id)
    return respond("providers/archive.html", "dialog", provider=provider, users=services.users_of(provider))


@bp.post('/<pid("prv"):provider_id>/archive')
@requires("providers.write")
def archive(provider_id: int) -> ResponseReturnValue:
    try:
        provider = services.archive_provider(provider_id=provider_id)
    except DomainError as problem:
        provider = queries.find(provider_id)
        users = services.users_of(provider)
        return respond("providers/archive.html", "dialog", provider=provider, users=users, problem=problem, status=422)
    return redirect_to(url_for("providers.index"), f"{provider.name} is archived. Its messages stay in the log.")


@bp.post('/<pid("prv"):provider_id>/restore')
@requires("providers.write")
def restore(provider_id: int) -> ResponseReturnValue:
    provider = services.restore_provider(provider_id=provider_id)
    return redirect_to(url_for("providers.show", provider_id=provider_id), f"{provider.name} is back in the list.")
