"""Global variables: the lists, one variable and its users, values changed in place, renaming, deleting."""

from __future__ import annotations

from flask import Blueprint, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.forms import show_problem, text
from dashboard.htmx import redirect_to, respond, target, wants_fragment, with_toast
from dashboard.problems import Conflict, DomainError
from dashboard.security import requires
from dashboard.variables import queries, services
from dashboard.variables.forms import NewVariableForm, RenameForm, ValueForm
from dashboard.variables.models import Variable, VariableKind

bp = Blueprint("variables", __name__, url_prefix="/variables")


@bp.get("")
@requires("variables.read")
def index() -> ResponseReturnValue:
    rows = queries.list_variables(VariableKind.EDITABLE)
    return respond("variables/index.html", rows=rows, tab="editable", title="Variables")


@bp.get("/read-only")
@requires("variables.read")
def read_only() -> ResponseReturnValue:
    rows = queries.list_variables(VariableKind.READ_ONLY)
    return respond("variables/index.html", rows=rows, tab="read-only", title="Variables")


@bp.get("/new")
@requires("variables.write")
def new() -> ResponseReturnValue:
    form = NewVariableForm(formdata=None, data={"name": request.args.get("name", "")})
    return respond("variables/new.html", "dialog", form=form)


@bp.post("/new")
@requires("variables.write")
def create() -> ResponseReturnValue:
    form = NewVariableForm()
    if form.validate_on_submit():
        try:
            variable = services.create_variable(
                name=text(form.name),
                value=text(form.value),
                description=text(form.description),
                created_by=current_user.id,
            )
            return redirect_to(url_for("variables.index"), f"{variable.name} can be used in every template now.")
        except DomainError as problem:
            show_problem(form, problem)
    return respond("variables/new.html", "dialog", status=422, form=form)


@bp.get('/<pid("var"):variable_id>')
@requires("variables.read")
def show(variable_id: int) -> ResponseReturnValue:
    variable = queries.variable(variable_id)
    return _page(variable, _value_form(variable))


@bp.get('/<pid("var"):variable_id>/edit')
@requires("variables.write")
def edit(variable_id: int) -> ResponseReturnValue:
    variable = queries.variable(variable_id)
    editing = request.args.get("cancel") != "1" and variable.kind == VariableKind.EDITABLE
    return respond("variables/edit.html", "value", variable=variable, form=_value_form(variable), editing=editing)


@bp.post('/<pid("var"):variable_id>/edit')
@requires("variables.write")
def update(variable_id: int) -> ResponseReturnValue:
    form = ValueForm()
    status, theirs = 422, None
    if form.validate_on_submit():
        try:
            variable = services.update_variable(
                variable_id=variable_id,
                value=text(form.value),
                description=form.description.data if "description" in request.form else None,
                version=form.version.data,
                updated_by=current_user.id,
            )
            return _saved(variable)
        except Conflict as problem:
            status, theirs = 409, queries.variable(variable_id).value
            show_problem(form, problem)
        except DomainError as problem:
            show_problem(form, problem)
    return _refused(queries.variable(variable_id), form, status, theirs)


@bp.get('/<pid("var"):variable_id>/rename')
@requires("variables.write")
def confirm_rename(variable_id: int) -> ResponseReturnValue:
    variable = queries.variable(variable_id)
    form = RenameForm(formdata=None, data={"name": variable.name, "version": variable.version})
    return _rename_dialog(variable, form)


@bp.post('/<pid("var"):variable_id>/rename')
@requires("variables.write")
def rename(variable_id: int) -> ResponseReturnValue:
    form = RenameForm()
    if form.validate_on_submit():
        try:
            changed = services.rename_variable(
                variable_id=variable_id,
                name=text(form.name),
                version=form.version.data,
                renamed_by=current_user.id,
            )
            words = f"{len(changed)} template{'' if len(changed) == 1 else 's'} updated"
            return redirect_to(url_for("variables.index"), f"It is called {text(form.name)} now; {words}.")
        except (DomainError, Conflict) as problem:
            show_problem(form, problem)
    return _rename_dialog(queries.variable(variable_id), form, status=422)


@bp.get('/<pid("var"):variable_id>/delete')
@requires("variables.write")
def confirm_delete(variable_id: int) -> ResponseReturnValue:
    variable = queries.variable(variable_id)
    return respond("variables/delete.html", "dialog", variable=variable, usage=queries.usage_of(variable.name))


@bp.post('/<pid("var"):variable_id>/delete')
@requires("variables.write")
def delete(variable_id: int) -> ResponseReturnValue:
    name = services.delete_variable(variable_id=variable_id)
    return redirect_to(url_for("variables.index"), f"{name} is deleted.")


def _value_form(variable: Variable) -> ValueForm:
    values = {"version": variable.version, "value": variable.value, "description": variable.description}
    return ValueForm(formdata=None, data=values)


def _page(variable: Variable, form: ValueForm, status: int = 200, theirs: str | None = None) -> ResponseReturnValue:
    return respond(
        "variables/show.html",
        status=status,
        variable=variable,
        form=form,
        theirs=theirs,
        usage=queries.usage_of(variable.name),
        audiences=queries.audiences_with_column(variable.name),
        history=queries.history_of(variable),
    )


def _in_list() -> bool:
    """Whether the value is edited in its cell of the list."""
    return wants_fragment() and target().startswith("value-")


def _saved(variable: Variable) -> ResponseReturnValue:
    if not _in_list():
        return redirect_to(url_for("variables.show", variable_id=variable.id), f"{variable.name} is saved.")
    answer = respond("variables/edit.html", "value", variable=variable, form=None, editing=False)
    return with_toast(answer, f"{variable.name} is saved. Sends that begin from now on use it.")


def _refused(variable: Variable, form: ValueForm, status: int, theirs: str | None) -> ResponseReturnValue:
    if theirs is not None:
        form.version.data, form.version.raw_data = variable.version, None
    if not _in_list():
        return _page(variable, form, status, theirs)
    return respond(
        "variables/edit.html", "value", status=status, variable=variable, form=form, editing=True, theirs=theirs
    )


def _rename_dialog(variable: Variable, form: RenameForm, status: int = 200) -> ResponseReturnValue:
    return respond(
        "variables/rename.html",
        "dialog",
        status=status,
        variable=variable,
        form=form,
        usage=queries.usage_of(variable.name),
        audiences=queries.audiences_with_column(variable.name),
    )
