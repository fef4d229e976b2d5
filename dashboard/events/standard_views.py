"""The standard set: events of shops that can be taken over with their texts."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import RadioField

from dashboard.events.standard.adopting import adopt
from dashboard.events.standard.catalogue import BY_KEY
from dashboard.events.standard.page import adopted_words, lines
from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond
from dashboard.message_templates.forms import select_choices
from dashboard.problems import DomainError
from dashboard.security import requires

bp = Blueprint("standard", __name__, url_prefix="/standard")


class AdoptForm(FlaskForm):
    texts = RadioField(
        "Their texts",
        choices=select_choices((("draft", "As drafts"), ("publish", "Published"))),
        default="draft",
    )


@bp.get("")
@requires("events.write")
def index() -> ResponseReturnValue:
    return _page(AdoptForm(formdata=None), request.args.getlist("event"))


@bp.post("")
@requires("events.write")
def create() -> ResponseReturnValue:
    form, chosen = AdoptForm(), [key for key in request.form.getlist("event") if key in BY_KEY]
    if form.validate_on_submit():
        try:
            publish = form.texts.data == "publish"
            made = adopt(keys=chosen, publish=publish, adopted_by=current_user.id)
            where = url_for("events.show", event_id=made[0].id) if len(made) == 1 else url_for("events.index")
            return redirect_to(where, adopted_words(made, publish), "ok" if made else "warn")
        except DomainError as problem:
            show_problem(form, problem)
    return _page(form, chosen, 422)


def _page(form: AdoptForm, chosen: list[str], status: int = 200) -> ResponseReturnValue:
    return respond("events/standard.html", "form", status=status, form=form, groups=lines(), chosen=chosen)
