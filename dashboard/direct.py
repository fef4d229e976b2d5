"""Statements given to the driver as its own text, made once: a request has five milliseconds for all of its statements.

SQLAlchemy's execute spends some 150 µs of a processor on one, its exec_driver_sql 40 (PostgreSQL, measured). On
PostgreSQL the rows of a batch go as one statement besides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

from sqlalchemy import Column, Connection, Dialect, Table
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows

from dashboard.extensions import Base

Values = Mapping[str, Any]
Convert = Callable[[Any], Any]
#: Of longer statements, and those with more parameters, psycopg does not remember how it read them.
_LONGEST: Final = 4096
_MOST_PARAMETERS: Final = 50


class Look:
    """A statement that gives rows, with named parameters (`bindparam` with a type), none of which is a list."""

    def __init__(self, statement: ReturnsRows) -> None:
        self._statement = statement
        self._made: dict[str, _Read] = {}

    def rows(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        """What it finds, as tuples of the types of its columns."""
        made = self._made.get(connection.dialect.name)
        if made is None:
            made = self._made[connection.dialect.name] = _Read(self._statement, connection.dialect)
        return made.rows(connection, values)

    def first(self, connection: Connection, values: Values) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        rows = self.rows(connection, values)
        return rows[0] if rows else None


class _Read:
    """Such a statement in one dialect."""

    def __init__(self, statement: ReturnsRows, dialect: Dialect) -> None:
        compiled: SQLCompiler = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._names = tuple(compiled.positiontup or ()) if compiled.positional else None
        self._fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        self._given = {name: _to_driver(bind.type, dialect) for name, bind in compiled.binds.items()}
        self._found = [_from_driver(column.type, dialect) for column in statement.exported_columns]
        self._plain = not any(self._found)

    def rows(self, connection: Connection, values: Values) -> list[tuple[Any, ...]]:
        given = {
            name: value if convert is None else convert(value)
            for name, convert in self._given.items()
            for value in (values[name] if name in values else self._fixed[name],)
        }
        parameters: Any = given if self._names is None else tuple(given[name] for name in self._names)
        rows = connection.exec_driver_sql(self._text, parameters).all()
        if self._plain:
            return [tuple(row) for row in rows]
        return [
            tuple(value if convert is None else convert(value) for value, convert in zip(row, self._found, strict=True))
            for row in rows
        ]


class Rows:
    """Rows of one table, given by these columns; the others have their default, or nothing.

    Raises TypeError for a column left out whose default is made anew for each row.
    """

    def __init__(self, model: type[Base], *names: str) -> None:
        self._table = cast(Table, model.__table__)
        self.names = names
        fixed = {
            column.key: text
            for column in self._table.columns
            if column.key not in names and (text := _default(column)) is not None
        }
        self._columns = [self._table.columns[name] for name in (*names, *fixed)]
        self._fixed = tuple(fixed.values())
        self._made: dict[str, tuple[str, list[Convert | None]]] = {}

    def text(self, dialect: Dialect) -> str:
        """The INSERT of one row."""
        return self._in(dialect)[0]

    def parameters(self, row: Values, dialect: Dialect) -> tuple[Any, ...]:
        """A row as the driver takes it. Raises KeyError for a column that is missing."""
        return tuple(
            row[name] if convert is None else convert(row[name])
            for name, convert in zip(self.names, self._in(dialect)[1], strict=True)
        )

    def insert_new(self, connection: Connection, row: Values) -> bool:
        """Write a row at once, unless there is one that it would collide with; whether it was written."""
        statement = f"{self.text(connection.dialect)} ON CONFLICT DO NOTHING"
        return connection.exec_driver_sql(statement, self.parameters(row, connection.dialect)).rowcount == 1

    def _in(self, dialect: Dialect) -> tuple[str, list[Convert | None]]:
        made = self._made.get(dialect.name)
        if made is None:
            quote = dialect.identifier_preparer.quote
            columns = ", ".join(quote(column.name) for column in self._columns)
            mark = "?" if dialect.name == "sqlite" else "%s"
            values = ", ".join((*(mark for _ in self.names), *self._fixed))
            text = f"INSERT INTO {quote(self._table.name)} ({columns}) VALUES ({values})"  # noqa: S608 - names of ours
            converts = [_to_driver(self._table.columns[name].type, dialect) for name in self.names]
            made = self._made[dialect.name] = (text, converts)
        return made


class Batch:
    """Rows of several tables, and what else is to be run with them, in the order in which they were added.

    Call it inside a transaction, after everything has been read: nothing comes back.
    """

    def __init__(self) -> None:
        self._steps: list[tuple[Rows, Sequence[Values]] | Callable[[Connection], object]] = []

    def add(self, rows: Rows, *values: Values) -> None:
        """Write these rows."""
        if values:
            self._steps.append((rows, values))

    def then(self, run: Callable[[Connection], object]) -> None:
        """Call it when all before is written."""
        self._steps.append(run)

    def write(self, connection: Connection) -> None:
        """Write everything; on PostgreSQL single rows that stand beside each other go as one statement."""
        joined = _Joined(connection)
        for step in self._steps:
            if not isinstance(step, tuple):
                joined.write()
                step(connection)
            elif len(step[1]) == 1:
                joined.add(step[0], step[1][0])
            else:
                joined.write()
                rows, values = step
                dialect = connection.dialect
                connection.exec_driver_sql(rows.text(dialect), [rows.parameters(one, dialect) for one in values])
        joined.write()


class _Joined:
    """Single rows that wait to become one statement, where the database takes one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._texts: tuple[str, ...] = ()
        self._parameters: tuple[Any, ...] = ()
        self._length = 0

    def add(self, rows: Rows, row: Values) -> None:
        dialect = self._connection.dialect
        text, parameters = rows.text(dialect), rows.parameters(row, dialect)
        length = self._length + len(text) + len("WITH row_00 AS (), ")
        if length > _LONGEST or len(self._parameters) + len(parameters) > _MOST_PARAMETERS:
            self.write()
            length = len(text) + len("WITH row_00 AS (), ")
        self._texts, self._parameters, self._length = (*self._texts, text), self._parameters + parameters, length
        if dialect.name != "postgresql":
            self.write()

    def write(self) -> None:
        if self._texts:
            self._connection.exec_driver_sql(_one_of(self._texts), self._parameters)
        self._texts, self._parameters, self._length = (), (), 0


@cache
def _one_of(texts: tuple[str, ...]) -> str:
    """Several INSERTs as one statement. PostgreSQL looks at foreign keys when all of it is done."""
    *before, last = texts
    if not before:
        return last
    parts = ", ".join(f"row_{number} AS ({text})" for number, text in enumerate(before))
    return f"WITH {parts} {last}"


def _default(column: Column[Any]) -> str | None:
    """The default of a column as SQL; None for a column that needs none."""
    default: Any = column.default
    if default is None:
        return None
    value = default.arg(None) if default.is_callable else default.arg
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''").replace("%", "%%") + "'"
    if default.is_scalar and isinstance(value, (int, float)):
        return repr(value)
    if value in ([], {}):
        return f"'{value}'"
    raise TypeError(f"{column} has a default that is made for each row: give it")


def _to_driver(type_: Any, dialect: Dialect) -> Convert | None:
    convert: Convert | None = type_.dialect_impl(dialect).bind_processor(dialect)
    return convert


def _from_driver(type_: Any, dialect: Dialect) -> Convert | None:
    convert: Convert | None = type_.dialect_impl(dialect).result_processor(dialect, None)
    return convert
