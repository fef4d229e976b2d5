"""The routing matrix: which provider is the default of a category, changed in its cell, with a way back."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # its stubs lag behind wtforms 3.3

from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond, trigger, wants_fragment
from dashboard.ids import parse_public_id, public_id
from dashboard.message_templates.models import Category
from dashboard.problems import DomainError, NotFound
from dashboard.providers import queries, services
from dashboard.providers.forms import RouteForm
from dashboard.providers.models import Provider
from dashboard.security import requires

bp = Blueprint("routing", __name__, url_prefix="/routes")


@bp.get("/<channel>/<category>")
@requires("providers.write")
def edit(channel: str, category: str) -> ResponseReturnValue:
    return _dialog(channel, category, _form(channel, category, empty=True))


@bp.post("/<channel>/<category>")
@requires("providers.write")
def update(channel: str, category: str) -> ResponseReturnValue:
    form, before = _form(channel, category), _present(channel, category)
    try:
        chosen = parse_public_id(Provider.PREFIX, form.provider.data) if form.provider.data else None
        services.set_default(channel=channel, category=category, provider_id=chosen)
    except ValueError:
        form.provider.errors = ["Choose one of the providers of the list."]
        return _dialog(channel, category, form, status=422)
    except DomainError as problem:
        show_problem(form, DomainError(problem.message, field="provider", code=problem.code))
        return _dialog(channel, category, form, status=422)
    return _changed(channel, category, before)


def _changed(channel: str, category: str, before: Provider | None) -> ResponseReturnValue:
    now = _present(channel, category)
    kind = queries.kind_words(channel, category)
    words = f"{now.name} sends {kind} from now on." if now else f"There is no default for {kind} now."
    if not wants_fragment():
        return redirect_to(url_for("providers.index"), words)
    answer = respond(
        "providers/index.html",
        "routing",
        out_of_band=("undo",),
        matrix=queries.routing(),
        channels=queries.channels(),
        channel_words=queries.CHANNEL_WORDS,
        undo={"channel": channel, "category": category, "provider": before.public_id if before else "", "words": words},
    )
    return trigger(answer, "app:dialog-close")


def _form(channel: str, category: str, *, empty: bool = False) -> RouteForm:
    if channel not in queries.channels() or category not in set(Category):
        raise NotFound("There is no such kind of message here.")
    present = _present(channel, category)
    form = RouteForm(formdata=None, data={"provider": present.public_id if present else ""}) if empty else RouteForm()
    fit = [candidate.provider for candidate in queries.candidates(channel) if not candidate.problem]
    form.provider.choices = [
        *(SelectChoice(public_id(Provider.PREFIX, provider.id), provider.name) for provider in fit),
        SelectChoice("", "No default: refuse messages of this kind"),
    ]
    return form


def _present(channel: str, category: str) -> Provider | None:
    return queries.routes().get((channel, category))


def _dialog(channel: str, category: str, form: RouteForm, status: int = 200) -> ResponseReturnValue:
    return respond(
        "providers/route.html",
        "dialog",
        status=status,
        headers={"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"},
        fragment=wants_fragment(),
        form=form,
        channel=channel,
        category=category,
        kind=queries.kind_words(channel, category),
        present=_present(channel, category),
        candidates=queries.candidates(channel),
        following=queries.following_campaigns(channel, category),
        channel_words=queries.CHANNEL_WORDS,
    )
