"""Changing global variables. Values take effect with the next send; a job under way keeps those it began with."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from dashboard.audit.services import record
from dashboard.extensions import db, transaction, utc_now
from dashboard.message_templates.content_rules import name_problem
from dashboard.message_templates.models import Template
from dashboard.message_templates.renaming import rename_in_templates
from dashboard.problems import DomainError, check_version
from dashboard.variables import queries
from dashboard.variables.models import READ_ONLY_VARIABLES, Variable, VariableKind
from worker.rendering.values import SYSTEM_VARIABLES

#: Names that every record has: a global variable of that name would never be seen.
RECORD_NAMES = ("email", "phone", "external_id")


def create_variable(*, name: str, value: str, description: str = "", created_by: int | None = None) -> Variable:
    """A new editable variable. DomainError(field="name") for a name that cannot be one or is taken."""
    with transaction():
        _check_name(name)
        variable = Variable(
            name=name, value=value, description=description, kind=VariableKind.EDITABLE, updated_by=created_by
        )
        db.session.add(variable)
        _flush()
        record("variable.create", variable, summary=name, after={"value": value})
    return variable


def update_variable(
    *, variable_id: int, value: str, description: str | None = None, version: int | None, updated_by: int | None = None
) -> Variable:
    """Change the value, and the description where one is given. Conflict where somebody saved in between."""
    with transaction():
        variable = _editable(variable_id)
        check_version(variable, version)
        before = variable.value
        variable.value = value
        if description is not None:
            variable.description = description
        _touch(variable, updated_by)
        record("variable.update", variable, summary=variable.name, before={"value": before}, after={"value": value})
    return variable


def rename_variable(
    *, variable_id: int, name: str, version: int | None = None, renamed_by: int | None = None
) -> list[Template]:
    """Give it another name, in every draft and as a new published version of every template that reads it.

    Returns those templates. DomainError where the name cannot be used, or a campaign keeps an older version of a
    template that reads the old name.
    """
    with transaction():
        variable = _editable(variable_id)
        check_version(variable, version)
        old = variable.name
        if name == old:
            raise DomainError("That is its name already.", field="name", code="same")
        _check_name(name)
        pinned = queries.usage_of(old).campaigns
        if pinned:
            names = ", ".join(f"“{campaign.name}”" for campaign in pinned[:5])
            raise DomainError(
                f"{names} will be sent with a fixed version of its template that reads {old}. "
                "Let it use the latest version first, or wait until it is through.",
                field="name",
                code="pinned",
            )
        changed = rename_in_templates(old, name, user_id=renamed_by)
        variable.name = name
        _touch(variable, renamed_by)
        _flush()
        record(
            "variable.rename",
            variable,
            summary=f"{old} to {name}",
            before={"name": old},
            after={"name": name, "templates": [template.name for template in changed]},
        )
    return changed


def delete_variable(*, variable_id: int) -> str:
    """Delete it and return its name. DomainError naming the users while any template or campaign reads it."""
    with transaction():
        variable = _editable(variable_id)
        usage = queries.usage_of(variable.name)
        if usage:
            raise DomainError(f"{variable.name} is used by {usage.words}. Take it out there first.", code="in_use")
        record("variable.delete", variable, summary=variable.name, before={"value": variable.value})
        db.session.delete(variable)
    return variable.name


def _editable(variable_id: int) -> Variable:
    variable = queries.variable(variable_id)
    if variable.kind != VariableKind.EDITABLE:
        raise DomainError(f"{variable.name} is read-only here: an administrator changes it under Settings.")
    return variable


def _check_name(name: str) -> None:
    problem = name_problem(name)
    if problem:
        raise DomainError(problem, field="name", code="invalid_name")
    if name in SYSTEM_VARIABLES:
        words = SYSTEM_VARIABLES[name]
        raise DomainError(f"{name} is made for every message by itself ({words}).", field="name", code="reserved")
    if name in RECORD_NAMES:
        raise DomainError(
            f"{name} is the recipient's own: every record brings it, so this value would never be seen.",
            field="name",
            code="reserved",
        )
    if name in READ_ONLY_VARIABLES:
        raise DomainError(f"{name} is there already, under Read-only.", field="name", code="taken")
    if db.session.scalar(select(Variable.id).where(Variable.name == name)) is not None:
        raise DomainError(f"There is already a variable {name}.", field="name", code="taken")


def _flush() -> None:
    """Two people may take a name at once on PostgreSQL; the second one hears of it like everybody else."""
    try:
        db.session.flush()
    except IntegrityError as error:
        raise DomainError("There is already a variable of this name.", field="name", code="taken") from error


def _touch(variable: Variable, user_id: int | None) -> None:
    variable.updated_at = utc_now()
    variable.updated_by = user_id
