"""Global variables."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from dashboard.api.identifiers import PublicId, Version, found_id
from dashboard.api.paging import Paged
from dashboard.api.resource import Input, Output, Reply, caller, needs, resource
from dashboard.api_keys.models import Scope
from dashboard.ids import public_id
from dashboard.variables import queries, services
from dashboard.variables.models import Variable, VariableKind

api = resource("Variables", "Values that every template may use.")


class VariablePath(Input):
    variable: PublicId


class VariableUpdateIn(Input):
    value: str = Field(max_length=20_000)
    description: str | None = Field(None, max_length=2000)
    version: Version = None


class VariableIn(Input):
    name: str = Field(min_length=1, max_length=80)
    value: str = Field(max_length=20_000)
    description: str = Field("", max_length=2000)


class VariableOut(Output):
    """A global variable. Read-only ones are filled in on the page Settings."""

    id: str
    name: str
    value: str
    description: str
    kind: str
    version: int
    updated_at: datetime


class VariablesOut(Paged):
    items: list[VariableOut]


class DeletedOut(Output):
    """What was deleted."""

    id: str
    name: str


@api.get("/variables", responses={200: VariablesOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def index() -> Reply:
    """List global variables"""
    rows = [row.variable for kind in VariableKind for row in queries.list_variables(kind)]
    return VariablesOut(items=[_out(variable) for variable in rows], next=None)


@api.post("/variables", responses={201: VariableOut})
@needs(Scope.CAMPAIGNS)
def create(body: VariableIn) -> Reply:
    """Create a variable"""
    made = services.create_variable(
        name=body.name, value=body.value, description=body.description, created_by=caller().created_by
    )
    return _out(made), 201


@api.get("/variables/<variable>", responses={200: VariableOut})
@needs(Scope.SEND, Scope.CAMPAIGNS)
def show(path: VariablePath) -> Reply:
    """A global variable"""
    return _out(queries.variable(_id(path)))


@api.put("/variables/<variable>", responses={200: VariableOut})
@needs(Scope.CAMPAIGNS)
def update(path: VariablePath, body: VariableUpdateIn) -> Reply:
    """Change a variable"""
    return _out(
        services.update_variable(
            variable_id=_id(path),
            value=body.value,
            description=body.description,
            version=body.version,
            updated_by=caller().created_by,
        )
    )


@api.delete("/variables/<variable>", responses={200: DeletedOut})
@needs(Scope.CAMPAIGNS)
def delete(path: VariablePath) -> Reply:
    """Delete a variable

    Refused while a template or a campaign reads it.
    """
    number = _id(path)
    return DeletedOut(id=public_id("var", number), name=services.delete_variable(variable_id=number))


def _id(path: VariablePath) -> int:
    return found_id("var", path.variable, "variable")


def _out(variable: Variable) -> VariableOut:
    return VariableOut(
        id=variable.public_id,
        name=variable.name,
        value=variable.value,
        description=variable.description,
        kind=variable.kind,
        version=variable.version,
        updated_at=variable.updated_at,
    )
