"""SQL expressions over the fields of audience records: addresses, and variables inside their JSON text."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, String, and_, exists, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from dashboard.audiences.models import Record
from dashboard.message_templates.models import Category, Channel
from dashboard.suppressions.models import Suppression, SuppressionScope

#: Names of the record's own columns; everything else is a key of its variables.
ADDRESS_COLUMNS: dict[str, SQLColumnExpression[Any]] = {
    "email": Record.email,
    "phone": Record.phone,
    "external_id": Record.external_id,
    "push_token": Record.push_token,
}


class VariableText(FunctionElement[str]):
    """A variable of a record as text, NULL where the record does not have it: JSON functions differ by database."""

    type = String()
    inherit_cache = True
    name = "variable_text"


@compiles(VariableText)
def _as_jsonb(element: VariableText, compiler: Any, **keywords: Any) -> str:
    column, name, _path = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"(CAST({column} AS JSONB) ->> {name})"


@compiles(VariableText, "sqlite")
def _as_json_extract(element: VariableText, compiler: Any, **keywords: Any) -> str:
    column, _name, path = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"json_extract({column}, {path})"


def field_text(name: str) -> SQLColumnExpression[Any]:
    """A field of a record by the name that templates use: an address column or a variable."""
    if name in ADDRESS_COLUMNS:
        return ADDRESS_COLUMNS[name]
    return VariableText(Record.variables, name, '$."' + name.replace('"', '\\"') + '"')


def has_address(recipient_column: str, channel: str = "email") -> ColumnElement[bool]:
    """Whether a record can be written to. Columns of addresses were checked when they were loaded; in any other one
    only the shape of an address is looked for here, each one is checked for good when it is sent."""
    address = field_text(recipient_column)
    if recipient_column in ADDRESS_COLUMNS or channel != Channel.EMAIL:
        return and_(address.is_not(None), address != "")
    return and_(address.like("%_@_%.__%"), address.not_like("% %"))


def is_suppressed(recipient_column: str, *, channel: str, category: str) -> ColumnElement[bool]:
    """Whether a record's address may not be written to in that category."""
    address = func.lower(field_text(recipient_column))
    return exists(
        select(Suppression.id).where(
            Suppression.channel == channel, Suppression.address == address, or_(*scopes_of(category))
        )
    )


def scopes_of(category: str) -> list[ColumnElement[bool]]:
    """Conditions on entries of the suppression list, of which one has to hold for messages of that category."""
    scopes = [SuppressionScope.ALL]
    if category == Category.PROMOTIONAL:
        scopes.append(SuppressionScope.PROMOTIONAL)
    return [Suppression.scope == scope for scope in scopes]
