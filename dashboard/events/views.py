"""Events: the catalogue, one event at a glance, its names, on and off, deletion. Its parts have their own modules."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.events import (
    history_views,
    listing,
    log_views,
    part_views,
    queries,
    services,
    standard_views,
    trial_views,
)
from dashboard.events.coverage import unresolved
from dashboard.events.forms import DeleteForm, NamesForm, NewEventForm, SubscriptionForm, names_form, read_payload
from dashboard.events.page import page_of, refuse_unless_changeable
from dashboard.events.schema import infer
from dashboard.forms import Difference, show_conflict, show_problem, text
from dashboard.htmx import redirect_to, respond
from dashboard.ids import parse_public_id
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("events", __name__, url_prefix="/events")
for part in (part_views, trial_views, log_views, history_views, standard_views):
    bp.register_blueprint(part.bp)


@bp.get("")
@requires("events.read")
def index() -> ResponseReturnValue:
    return respond("events/index.html", "results", push_url=True, title="Events", **listing.context(request.args))


@bp.post("/subscribe")
@requires("events.publish")
def subscribe() -> ResponseReturnValue:
    form, back = SubscriptionForm(), listing.with_query(url_for("events.index"))
    try:
        chosen = [parse_public_id("evt", one) for one in request.form.getlist("event")]
    except ValueError:
        chosen = []
    if not chosen or not form.validate_on_submit():
        return redirect_to(back, "Tick the events first, then choose a channel.", "warn")
    wanted = {text(form.channel): text(form.subscribed) == "1"}
    try:
        changed = services.subscribe(changes=dict.fromkeys(chosen, wanted), changed_by=current_user.id)
    except DomainError as problem:
        return redirect_to(back, problem.message, "bad")
    return redirect_to(back, listing.changed_words(changed, len(chosen), text(form.channel), *wanted.values()))


@bp.get("/new")
@requires("events.write")
def new() -> ResponseReturnValue:
    return _form_page(NewEventForm(formdata=None))


@bp.post("/new")
@requires("events.write")
def create() -> ResponseReturnValue:
    form = NewEventForm()
    if form.validate_on_submit():
        try:
            variables = infer(read_payload(text(form.payload)))
            event = services.create_event(names=form.names(), variables=variables, created_by=current_user.id)
            return redirect_to(url_for("events.show", event_id=event.id), f"{event.name} is there. It is off for now.")
        except DomainError as problem:
            show_problem(form, problem)
    return _form_page(form, status=422)


@bp.get('/<pid("evt"):event_id>')
@requires("events.read")
def show(event_id: int) -> ResponseReturnValue:
    return respond("events/show.html", page=page_of(event_id, "overview"))


@bp.get('/<pid("evt"):event_id>/edit')
@requires("events.write")
def edit(event_id: int) -> ResponseReturnValue:
    return _form_page(names_form(queries.event(event_id)), event_id)


@bp.post('/<pid("evt"):event_id>/edit')
@requires("events.write")
def update(event_id: int) -> ResponseReturnValue:
    refuse_unless_changeable(queries.event(event_id))
    form, status, differences = NamesForm(), 422, None
    if form.validate_on_submit():
        try:
            services.rename_event(
                event_id=event_id, names=form.names(), version=form.version.data, saved_by=current_user.id
            )
            return redirect_to(url_for("events.show", event_id=event_id), "Saved.")
        except Conflict as problem:
            status, differences = 409, show_conflict(form, problem)
        except DomainError as problem:
            show_problem(form, problem)
    return _form_page(form, event_id, status, differences)


@bp.get('/<pid("evt"):event_id>/switch-on')
@requires("events.publish")
def confirm_on(event_id: int) -> ResponseReturnValue:
    return respond("events/switch_on.html", "dialog", page=page_of(event_id, "overview"))


@bp.post('/<pid("evt"):event_id>/switch-on')
@requires("events.publish")
def switch_on(event_id: int) -> ResponseReturnValue:
    if unresolved(queries.event(event_id)):
        return respond("events/switch_on.html", "dialog", status=422, page=page_of(event_id, "overview"))
    event = services.switch_event(event_id=event_id, enabled=True, switched_by=current_user.id)
    return redirect_to(url_for("events.show", event_id=event_id), f"{event.name} is on from now.")


@bp.get('/<pid("evt"):event_id>/switch-off')
@requires("events.publish")
def confirm_off(event_id: int) -> ResponseReturnValue:
    return respond("events/switch_off.html", "dialog", page=page_of(event_id, "overview"))


@bp.post('/<pid("evt"):event_id>/switch-off')
@requires("events.publish")
def switch_off(event_id: int) -> ResponseReturnValue:
    event = services.switch_event(event_id=event_id, enabled=False, switched_by=current_user.id)
    return redirect_to(url_for("events.show", event_id=event_id), f"{event.name} is off. Nothing is sent.", "warn")


@bp.get('/<pid("evt"):event_id>/delete')
@requires("events.write")
def confirm_delete(event_id: int) -> ResponseReturnValue:
    return respond("events/delete.html", "dialog", page=page_of(event_id, "overview"), form=DeleteForm.empty())


@bp.post('/<pid("evt"):event_id>/delete')
@requires("events.write")
def delete(event_id: int) -> ResponseReturnValue:
    form = DeleteForm()
    if form.validate_on_submit():
        try:
            name = services.delete_event(event_id=event_id, typed=text(form.typed), deleted_by=current_user.id)
            return redirect_to(url_for("events.index"), f"{name} is deleted with its log.")
        except DomainError as problem:
            show_problem(form, problem)
    return respond("events/delete.html", "dialog", status=422, page=page_of(event_id, "overview"), form=form)


def _form_page(
    form: NamesForm, event_id: int | None = None, status: int = 200, differences: list[Difference] | None = None
) -> ResponseReturnValue:
    return respond(
        "events/form.html", form=form, event=queries.event(event_id) if event_id else None, differences=differences,
        groups=queries.groups(), subgroups=queries.subgroups(), status=status,
    )  # fmt: skip
