"""Conditions of an event: groups of rows, each row a variable, an operator and a value; told as a sentence.

As the column has them: {"join": "or", "groups": [{"join": "and", "rows": [{"path", "operator", "value"}]}]}. They are
data that is compared, never code that is run. Where a path leads to several values (`items.sku`), one that fits is
enough; the operators that say "not" want none that does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from dashboard.events.models import ValueType
from dashboard.events.paths import find
from dashboard.events.schema import EventVariable, moment
from dashboard.problems import DomainError

Join = Literal["and", "or"]
MOST_ROWS: Final = 50
MOST_TEXT: Final = 500


@dataclass(frozen=True, slots=True)
class Operator:
    """`words` stand between variable and value; `test` compares one value with what was written."""

    key: str
    words: str
    types: frozenset[ValueType]
    test: Callable[[Any, str], bool] | None = None  # None: whether there is a value at all
    negated: bool = False  # true where no value passes the test
    takes_value: bool = True


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _same(value: Any, written: str) -> bool:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = _number(written)
        return number is not None and value == number
    return _text(value).casefold() == written.strip().casefold()


def _one_of(value: Any, written: str) -> bool:
    return any(_same(value, one) for one in written.split(",") if one.strip())


def _number(written: str) -> float | None:
    try:
        number = float(written)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _compared(compare: Callable[[float, float], bool]) -> Callable[[Any, str], bool]:
    def test(value: Any, written: str) -> bool:
        number = _number(written)
        return number is not None and isinstance(value, (int, float)) and compare(value, number)

    return test


def _counted(compare: Callable[[float, float], bool]) -> Callable[[Any, str], bool]:
    def test(value: Any, written: str) -> bool:
        number = _number(written)
        return number is not None and isinstance(value, list) and compare(len(value), number)

    return test


def _aware(text: Any) -> datetime | None:
    found = moment(text.strip()) if isinstance(text, str) else None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found


def _dated(compare: Callable[[datetime, datetime], bool]) -> Callable[[Any, str], bool]:
    def test(value: Any, written: str) -> bool:
        one, other = _aware(value), _aware(written)
        return one is not None and other is not None and compare(one, other)

    return test


_PLAIN = frozenset({ValueType.TEXT, ValueType.NUMBER})
_TEXT, _NUMBER = frozenset({ValueType.TEXT}), frozenset({ValueType.NUMBER})
_BOOLEAN, _MOMENT, _LIST = frozenset({ValueType.BOOLEAN}), frozenset({ValueType.MOMENT}), frozenset({ValueType.LIST})
_ALL = frozenset(ValueType)

OPERATORS: Final[dict[str, Operator]] = {
    one.key: one
    for one in (
        Operator("is", "is", _PLAIN, _same),
        Operator("is_not", "is not", _PLAIN, _same, negated=True),
        Operator("one_of", "is one of", _PLAIN, _one_of),
        Operator("none_of", "is none of", _PLAIN, _one_of, negated=True),
        Operator("contains", "contains", _TEXT, lambda value, text: text.casefold() in _text(value).casefold()),
        Operator("starts_with", "starts with", _TEXT, lambda v, text: _text(v).casefold().startswith(text.casefold())),
        Operator("ends_with", "ends with", _TEXT, lambda v, text: _text(v).casefold().endswith(text.casefold())),
        Operator("at_least", "is at least", _NUMBER, _compared(lambda one, other: one >= other)),
        Operator("at_most", "is at most", _NUMBER, _compared(lambda one, other: one <= other)),
        Operator("more_than", "is more than", _NUMBER, _compared(lambda one, other: one > other)),
        Operator("less_than", "is less than", _NUMBER, _compared(lambda one, other: one < other)),
        Operator("is_true", "is true", _BOOLEAN, lambda value, _: value is True, takes_value=False),
        Operator("is_false", "is false", _BOOLEAN, lambda value, _: value is False, takes_value=False),
        Operator("before", "is before", _MOMENT, _dated(lambda one, other: one < other)),
        Operator("after", "is after", _MOMENT, _dated(lambda one, other: one > other)),
        Operator("has", "has the item", _LIST, lambda value, text: any(_same(item, text) for item in value)),
        Operator("count_is", "has as many items as", _LIST, _counted(lambda one, other: one == other)),
        Operator("count_at_least", "has at least so many items:", _LIST, _counted(lambda one, other: one >= other)),
        Operator("present", "is there", _ALL, takes_value=False),
        Operator("absent", "is not there", _ALL, negated=True, takes_value=False),
    )
}
_NUMERIC: Final = frozenset({"at_least", "at_most", "more_than", "less_than", "count_is", "count_at_least"})


def operators_for(kind: ValueType) -> list[Operator]:
    """Those that a variable of the type can be compared with."""
    return [operator for operator in OPERATORS.values() if kind in operator.types]


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison."""

    path: str
    operator: str
    value: str = ""

    @property
    def words(self) -> str:
        operator = OPERATORS[self.operator]
        return f"{self.path} {operator.words} {self.value}" if operator.takes_value else f"{self.path} {operator.words}"

    def holds(self, payload: Mapping[str, Any]) -> bool:
        """Whether the payload fits."""
        operator = OPERATORS[self.operator]
        values = find(payload, self.path).values.values()
        if operator.test is None:
            return bool(values) != operator.negated
        return any(operator.test(value, self.value) for value in values) != operator.negated


@dataclass(frozen=True, slots=True)
class Group:
    """Rows of which all (`and`) or one (`or`) has to hold."""

    rows: tuple[Row, ...]
    join: Join = "and"

    @property
    def words(self) -> str:
        return f" {self.join} ".join(row.words for row in self.rows)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Groups of which all or one has to hold; without any, everything does."""

    groups: tuple[Group, ...] = ()
    join: Join = "or"

    @classmethod
    def read(cls, column: Mapping[str, Any]) -> Conditions:
        """From the event's column."""
        groups = tuple(
            Group(tuple(Row(row["path"], row["operator"], row["value"]) for row in group["rows"]), group["join"])
            for group in column.get("groups", ())
        )
        return cls(groups, column.get("join", "or"))

    def written(self) -> dict[str, Any]:
        """As the column has it; {} where there are none."""
        groups = [
            {
                "join": group.join,
                "rows": [{"path": r.path, "operator": r.operator, "value": r.value} for r in group.rows],
            }
            for group in self.groups
            if group.rows
        ]
        return {"join": self.join, "groups": groups} if groups else {}

    @property
    def sentence(self) -> str:
        """Such as: Send only if country is IN and amount is at least 500, or tier is gold."""
        groups = [group.words for group in self.groups if group.rows]
        return f"Send only if {f', {self.join} '.join(groups)}." if groups else "Send every time."


@dataclass(frozen=True, slots=True)
class Tick:
    """One row, and whether it held."""

    row: Row
    held: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the conditions say of a payload; `groups` has every row, ticked or not. `failed` names what did not hold."""

    matched: bool
    groups: tuple[tuple[Group, tuple[Tick, ...]], ...]

    @property
    def failed(self) -> str:
        if self.matched:
            return ""
        return ", ".join(tick.row.words for _, ticks in self.groups for tick in ticks if not tick.held)


def judge(conditions: Conditions, payload: Mapping[str, Any]) -> Verdict:
    """Compare a payload with every row."""
    groups = tuple(
        (group, tuple(Tick(row, row.holds(payload)) for row in group.rows)) for group in conditions.groups if group.rows
    )
    held = [_joined([tick.held for tick in ticks], group.join) for group, ticks in groups]
    return Verdict(not groups or _joined(held, conditions.join), groups)


def _joined(held: Sequence[bool], join: Join) -> bool:
    return all(held) if join == "and" else any(held)


def check_conditions(conditions: Conditions, variables: Sequence[EventVariable]) -> None:
    """Raise DomainError(field="conditions") for variables that are not there, or operators that do not suit them."""
    types = {variable.path: variable.type for variable in variables}
    rows = [row for group in conditions.groups for row in group.rows]
    if len(rows) > MOST_ROWS:
        raise DomainError(f"An event has at most {MOST_ROWS} conditions.", field="conditions")
    for row in rows:
        problem = _problem(row, types)
        if problem:
            raise DomainError(problem, field="conditions")


def _problem(row: Row, types: Mapping[str, ValueType]) -> str:
    operator = OPERATORS.get(row.operator)
    if row.path not in types:
        return f"There is no variable {row.path or '(empty)'} in this event."
    if operator is None or types[row.path] not in operator.types:
        return f"{row.path} is {types[row.path].value}: it cannot be compared with “{row.operator}”."
    if not operator.takes_value:
        return ""
    if not row.value.strip() or len(row.value) > MOST_TEXT:
        return f"Say what {row.path} is compared with, in at most {MOST_TEXT} characters."
    numeric = row.operator in _NUMERIC or (types[row.path] is ValueType.NUMBER and row.operator in ("is", "is_not"))
    if numeric and _number(row.value) is None:
        return f"{row.path} is compared with a number; “{row.value[:40]}” is none."
    if types[row.path] is ValueType.MOMENT and _aware(row.value) is None:
        return f"{row.path} is compared with a date like 2026-11-24; “{row.value[:40]}” is none."
    return ""
