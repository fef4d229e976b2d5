"""The history of an event: its versions, two of them compared, and bringing one back."""

from __future__ import annotations

from flask import Blueprint, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.events import history, services
from dashboard.events.models import EventVersion
from dashboard.events.page import page_of, refuse_unless_changeable
from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond
from dashboard.message_templates.forms import VersionedForm
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires

bp = Blueprint("history", __name__)


@bp.get('/<pid("evt"):event_id>/history')
@requires("events.read")
def index(event_id: int) -> ResponseReturnValue:
    page = page_of(event_id, "history")
    return respond("events/history.html", page=page, lines=history.version_list(event_id), most=history.MOST)


@bp.get('/<pid("evt"):event_id>/history/<int:left>..<int:right>')
@requires("events.read")
def compare(event_id: int, left: int, right: int) -> ResponseReturnValue:
    old, new = (history.version_number(event_id, number) for number in (left, right))
    numbers = [line.version.number for line in history.version_list(event_id)]
    return respond(
        "events/compare.html", page=page_of(event_id, "history"), old=old, new=new, numbers=numbers,
        differences=history.differences(old, new),
    )  # fmt: skip


@bp.get('/<pid("evt"):event_id>/history/<int:number>/restore')
@requires("events.write")
def confirm_restore(event_id: int, number: int) -> ResponseReturnValue:
    return _dialog(event_id, history.version_number(event_id, number), VersionedForm(formdata=None))


@bp.post('/<pid("evt"):event_id>/history/<int:number>/restore')
@requires("events.write")
def restore(event_id: int, number: int) -> ResponseReturnValue:
    page, form, status = page_of(event_id, "history"), VersionedForm(), 422
    refuse_unless_changeable(page.event)
    try:
        services.restore_version(
            event_id=event_id, number=number, version=form.version.data, restored_by=current_user.id
        )
        where = url_for("events.history.index", event_id=event_id)
        return redirect_to(where, f"The event is again what it was in version {number}.")
    except Conflict as problem:
        form.form_errors.append(problem.message)
        status = 409
    except DomainError as problem:
        show_problem(form, problem)
    return _dialog(event_id, history.version_number(event_id, number), form, status)


def _dialog(event_id: int, version: EventVersion, form: VersionedForm, status: int = 200) -> ResponseReturnValue:
    latest = history.version_list(event_id)[0].version
    return respond(
        "events/restore.html", "dialog", status=status, page=page_of(event_id, "history"), restored=version, form=form,
        differences=history.differences(latest, version),
    )  # fmt: skip
