"""The routing matrix: who sends which kind of message, in which order, changed in its cell, with a way back."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond, trigger, wants_fragment
from dashboard.ids import parse_public_id, public_id
from dashboard.message_templates.models import Category
from dashboard.problems import DomainError, NotFound
from dashboard.providers import queries, routes
from dashboard.providers.forms import ChannelForm, RouteForm
from dashboard.providers.models import Provider
from dashboard.providers.routes import Entry
from dashboard.security import requires

bp = Blueprint("routing", __name__, url_prefix="/routes")

_BLANK_ROWS = 2


@dataclass(frozen=True, slots=True)
class RouteRow:
    """One row of the editor: the chosen provider's public id and its weight, as typed."""

    provider: str = ""
    weight: str = ""


@bp.get("/<channel>/<category>")
@requires("providers.write")
def edit(channel: str, category: str) -> ResponseReturnValue:
    _check(channel, category)
    present = [RouteRow(_public(entry), str(entry.weight or "")) for entry in routes.entries_of(channel, category)]
    return _dialog(channel, category, RouteForm(formdata=None), present)


@bp.post("/<channel>/<category>")
@requires("providers.write")
def update(channel: str, category: str) -> ResponseReturnValue:
    _check(channel, category)
    form, before = RouteForm(), routes.entries_of(channel, category)
    try:
        routes.set_route(channel=channel, category=category, entries=[_entry(*row) for row in form.rows])
    except DomainError as problem:
        show_problem(form, problem)
        return _dialog(channel, category, form, [RouteRow(*row) for row in form.rows], status=422)
    return _changed(channel, category, before)


@bp.get("/<channel>/switch")
@requires("providers.write")
def confirm_switch(channel: str) -> ResponseReturnValue:
    return _switch_dialog(channel, ChannelForm(formdata=None))


@bp.post("/<channel>/off")
@requires("providers.write")
def switch_off(channel: str) -> ResponseReturnValue:
    form = ChannelForm()
    try:
        routes.switch_channel(channel=channel, off=True, reason=form.reason.data or "", by=current_user.username)
    except DomainError as problem:
        show_problem(form, problem)
        return _switch_dialog(channel, form, status=422)
    words = f"{queries.CHANNEL_WORDS[channel]} is off. One-time codes still go out; running campaigns pause."
    return redirect_to(url_for("providers.index"), words, "warn")


@bp.post("/<channel>/on")
@requires("providers.write")
def switch_on(channel: str) -> ResponseReturnValue:
    routes.switch_channel(channel=channel, off=False, reason="", by=current_user.username)
    words = f"{queries.CHANNEL_WORDS[channel]} is on again. Runs that paused because of it wait to be resumed."
    return redirect_to(url_for("providers.index"), words)


def _changed(channel: str, category: str, before: list[Entry]) -> ResponseReturnValue:
    kind, now = queries.kind_words(channel, category), routes.described(channel, category)
    words = f"{kind[:1].upper()}{kind[1:]} goes by {now} from now on." if now else f"Nobody sends {kind} now."
    if not wants_fragment():
        return redirect_to(url_for("providers.index"), words)
    undo = {"channel": channel, "category": category, "words": words}
    undo["route"] = ",".join(f"{_public(entry)}:{entry.weight}" for entry in before)
    answer = respond(
        "providers/index.html",
        "routing",
        out_of_band=("undo",),
        matrix=queries.routing(),
        channels=queries.channels(),
        switches=queries.switches(),
        channel_words=queries.CHANNEL_WORDS,
        undo=undo,
    )
    return trigger(answer, "app:dialog-close")


def _check(channel: str, category: str) -> None:
    if channel not in queries.channels() or category not in set(Category):
        raise NotFound("There is no such kind of message here.")


def _entry(provider: str, weight: str) -> Entry:
    try:
        return Entry(parse_public_id(Provider.PREFIX, provider), int(weight or 0))
    except ValueError:
        words = "Choose providers of the list, with weights from 0 to 100."
        raise DomainError(words, field="providers") from None


def _public(entry: Entry) -> str:
    return public_id(Provider.PREFIX, entry.provider_id)


def _dialog(
    channel: str, category: str, form: RouteForm, rows: list[RouteRow], status: int = 200
) -> ResponseReturnValue:
    return respond(
        "providers/route.html",
        "dialog",
        status=status,
        headers={"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"},
        fragment=wants_fragment(),
        form=form,
        rows=[*rows, *[RouteRow()] * _BLANK_ROWS][: routes.MOST_IN_A_ROUTE],
        channel=channel,
        category=category,
        kind=queries.kind_words(channel, category),
        present=routes.described(channel, category),
        candidates=queries.candidates(channel),
        following=queries.following_campaigns(channel, category),
        channel_words=queries.CHANNEL_WORDS,
    )


def _switch_dialog(channel: str, form: ChannelForm, status: int = 200) -> ResponseReturnValue:
    if channel not in queries.channels():
        raise NotFound("There is no such channel here.")
    return respond(
        "providers/channel_off.html",
        "dialog",
        status=status,
        headers={"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"} if wants_fragment() else {},
        form=form,
        channel=channel,
        words=queries.CHANNEL_WORDS[channel],
    )
