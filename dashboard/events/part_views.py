"""The parts of an event, each with its form: variables, conditions, deliveries, rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.events import posted_rows, queries, services
from dashboard.events.conditions import Conditions, Verdict, check_conditions, judge
from dashboard.events.forms import read_payload
from dashboard.events.models import ValueType
from dashboard.events.page import EventPage, page_of, refuse_unless_changeable
from dashboard.events.part_forms import DeliveryForm, RulesForm, at_its_field
from dashboard.events.posted_rows import ConditionRows, VariableRow
from dashboard.events.schema import samples
from dashboard.forms import show_problem
from dashboard.htmx import redirect_to, respond
from dashboard.message_templates.models import Channel
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires
from dashboard.timefmt import zone_name

bp = Blueprint("parts", __name__)


@bp.get('/<pid("evt"):event_id>/variables')
@requires("events.read")
def variables(event_id: int) -> ResponseReturnValue:
    page = page_of(event_id, "variables")
    rows = [VariableRow.of(one) for one in page.variables]
    wanted = request.args.get("add", "").strip()
    if wanted and wanted not in {row.path for row in rows}:
        rows.append(VariableRow(wanted, required=True))
    return _variables(page, rows or [VariableRow()])


@bp.post('/<pid("evt"):event_id>/variables')
@requires("events.write")
def save_variables(event_id: int) -> ResponseReturnValue:
    refuse_unless_changeable(queries.event(event_id))
    rows, do = posted_rows.posted_variables(request.form), request.form.get("do", "save")
    try:
        if do != "save":
            rows = posted_rows.changed_variables(rows, do, read_payload(request.form.get("pasted", ""), "pasted"))
            return _variables(page_of(event_id, "variables"), rows, focus=do)
        made = [row.variable() for row in rows if row.path]
        services.save_schema(event_id=event_id, variables=made, version=_version(), saved_by=current_user.id)
    except Conflict as problem:
        return _variables(page_of(event_id, "variables"), rows, problem.message, 409)
    except DomainError as problem:
        return _variables(page_of(event_id, "variables"), rows, problem.message, 422, _version())
    return redirect_to(url_for("events.parts.variables", event_id=event_id), "The variables are saved.")


@bp.get('/<pid("evt"):event_id>/conditions')
@requires("events.read")
def conditions(event_id: int) -> ResponseReturnValue:
    page = page_of(event_id, "conditions")
    return _conditions(page, posted_rows.shown_conditions(page.conditions))


@bp.post('/<pid("evt"):event_id>/conditions')
@requires("events.write")
def save_conditions(event_id: int) -> ResponseReturnValue:
    refuse_unless_changeable(queries.event(event_id))
    page, rows = page_of(event_id, "conditions"), posted_rows.posted_conditions(request.form)
    do = request.form.get("do", "save")
    try:
        if do != "save":
            rows = posted_rows.suited(posted_rows.changed_conditions(rows, do), _types(page))
            return _conditions(page, rows, tried=_tried(page, rows, do), version=_version(), focus=do)
        wanted = rows.conditions()
        services.save_conditions(event_id=event_id, conditions=wanted, version=_version(), saved_by=current_user.id)
    except Conflict as problem:
        return _conditions(page_of(event_id, "conditions"), rows, problem.message, 409)
    except DomainError as problem:
        return _conditions(page, rows, problem.message, 422, version=_version())
    return redirect_to(url_for("events.parts.conditions", event_id=event_id), f"Saved. {wanted.sentence}")


@bp.get('/<pid("evt"):event_id>/deliveries')
@requires("events.read")
def deliveries(event_id: int) -> ResponseReturnValue:
    page = page_of(event_id, "deliveries")
    forms = _delivery_forms()
    for row in page.event.deliveries:
        forms[row.channel].fill(row)
    return _deliveries(page, forms)


@bp.post('/<pid("evt"):event_id>/deliveries')
@requires("events.write")
def save_deliveries(event_id: int) -> ResponseReturnValue:
    refuse_unless_changeable(queries.event(event_id))
    forms = _delivery_forms(request.form)
    valid = [form.validate() for form in forms.values()]
    if not all(valid):
        return _deliveries(page_of(event_id, "deliveries"), forms, status=422, version=_version())
    wanted = {channel: form.delivery() for channel, form in forms.items()}
    try:
        services.save_deliveries(event_id=event_id, deliveries=wanted, version=_version(), saved_by=current_user.id)
    except Conflict as problem:
        return _deliveries(page_of(event_id, "deliveries"), forms, ("", problem.message), 409)
    except DomainError as problem:
        place = f"{problem.field}-template" if problem.field in forms else ""
        told = (place, problem.message)
        return _deliveries(page_of(event_id, "deliveries"), forms, told, 422, _version())
    return redirect_to(url_for("events.parts.deliveries", event_id=event_id), "The channels are saved.")


@bp.get('/<pid("evt"):event_id>/rules')
@requires("events.read")
def rules(event_id: int) -> ResponseReturnValue:
    page = page_of(event_id, "rules")
    form = RulesForm(formdata=None)
    form.offer(page.event)
    form.fill(page.event, zone_name())
    return respond("events/rules.html", page=page, form=form)


@bp.post('/<pid("evt"):event_id>/rules')
@requires("events.write")
def save_rules(event_id: int) -> ResponseReturnValue:
    refuse_unless_changeable(event := queries.event(event_id))
    form, status = RulesForm(), 422
    form.offer(event)
    if form.validate_on_submit():
        try:
            services.save_rules(
                event_id=event_id, rules=form.rules(), version=form.version.data, saved_by=current_user.id
            )
            return redirect_to(url_for("events.parts.rules", event_id=event_id), "The rules are saved.")
        except Conflict as problem:
            status = 409
            form.form_errors.append(problem.message)
            form.version.data, form.version.raw_data = problem.current.version, None
        except DomainError as problem:
            show_problem(form, at_its_field(problem))
    return respond("events/rules.html", status=status, page=page_of(event_id, "rules"), form=form)


def _version() -> int | None:
    return request.form.get("version", type=int)


def _types(page: EventPage) -> dict[str, ValueType]:
    return {variable.path: variable.type for variable in page.variables}


def _variables(
    page: EventPage,
    rows: list[VariableRow],
    problem: str = "",
    status: int = 200,
    version: int | None = None,
    focus: str = "",
) -> ResponseReturnValue:
    return respond(
        "events/variables.html", "form", status=status, page=page, rows=rows, problem=problem, focus=focus,
        version=version or page.event.version, types=list(ValueType), pasted=request.form.get("pasted", ""),
    )  # fmt: skip


def _conditions(
    page: EventPage,
    rows: ConditionRows,
    problem: str = "",
    status: int = 200,
    version: int | None = None,
    tried: Verdict | None = None,
    focus: str = "",
) -> ResponseReturnValue:
    types = _types(page)
    return respond(
        "events/conditions.html", "form", status=status, page=page, rows=rows, problem=problem, tried=tried,
        focus=focus, version=version or page.event.version, types=types,
        offered=lambda path: posted_rows.offered_operators(path, types),
        against=request.form.get("against", "") or posted_rows.payload_text(samples(page.variables)),
    )  # fmt: skip


def _tried(page: EventPage, rows: ConditionRows, do: str) -> Verdict | None:
    """What the rows say of the payload beside them, where that is asked. DomainError for rows that are unfinished."""
    if do != "try":
        return None
    wanted: Conditions = rows.conditions()
    check_conditions(wanted, page.variables)
    return judge(wanted, read_payload(request.form.get("against", ""), "against"))


def _delivery_forms(posted: Any = None) -> dict[str, DeliveryForm]:
    forms = {channel.value: DeliveryForm(posted, prefix=f"{channel.value}-") for channel in Channel}
    for channel, form in forms.items():
        form.offer(channel, queries.template_choices(channel))
    return forms


def _deliveries(
    page: EventPage,
    forms: Mapping[str, DeliveryForm],
    problem: tuple[str, str] | None = None,
    status: int = 200,
    version: int | None = None,
) -> ResponseReturnValue:
    wrong = [
        (field.id, f"{channel}, {field.label.text}: {error}")
        for channel, form in forms.items()
        for field in form
        for error in field.errors
    ]
    return respond(
        "events/deliveries.html", status=status, page=page, forms=forms, version=version or page.event.version,
        problems=[*([problem] if problem else []), *wrong],
    )  # fmt: skip
