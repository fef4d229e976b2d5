"""Try it: a dry run with every channel's message, and a real one to the person at the screen."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.events import queries
from dashboard.events.forms import read_payload
from dashboard.events.page import page_of
from dashboard.events.part_forms import TrialForm
from dashboard.events.paths import masked
from dashboard.events.posted_rows import payload_text
from dashboard.events.schema import samples
from dashboard.events.trials import Trial, dry_run, own_addresses, send_to_me
from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.ids import parse_public_id
from dashboard.problems import DomainError, RateLimited
from dashboard.security import requires
from worker.rendering.push_checks import LOCK_SCREENS

bp = Blueprint("trials", __name__)


@bp.get('/<pid("evt"):event_id>/try')
@requires("events.write")
def new(event_id: int) -> ResponseReturnValue:
    form = TrialForm(formdata=None)
    form.payload.data = _beginning(event_id)
    return _page(event_id, form)


@bp.post('/<pid("evt"):event_id>/try')
@requires("events.write")
def run(event_id: int) -> ResponseReturnValue:
    form = TrialForm()
    if not form.validate_on_submit():
        return _page(event_id, form, status=422)
    try:
        payload = read_payload(text(form.payload))
        if request.form.get("do") != "send":
            return _page(event_id, form, dry_run(queries.event(event_id), payload, current_user))
        row = send_to_me(event_id, payload, current_user).receipt
    except (DomainError, RateLimited) as problem:
        show_problem(form, problem)
        return _page(event_id, form, status=422)
    return redirect_to(url_for("events.log.show", event_id=event_id, receipt_id=row.id), "This is what became of it.")


def _beginning(event_id: int) -> str:
    """The payload that the page opens with: one of the log, masked as there, or the samples."""
    event = page_of(event_id, "try")
    try:
        row = queries.receipt_of(event_id, parse_public_id("evr", request.args.get("from", "")))
    except ValueError:
        return payload_text(samples(event.variables))
    return payload_text(masked(row.payload, [one.path for one in event.variables if one.pii]))


def _page(event_id: int, form: TrialForm, trial: Trial | None = None, status: int = 200) -> ResponseReturnValue:
    return respond(
        "events/try.html", "trial", status=status, page=page_of(event_id, "try"), form=form, trial=trial,
        mine=own_addresses(current_user), lock_screens=LOCK_SCREENS,
    )  # fmt: skip
