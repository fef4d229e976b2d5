"""The rows of variables and conditions that a form posts: read, added to, taken from, and read into what services take.

Fields are numbered: `path-3`, and `path-2-1` where rows stand in groups. Buttons named `do` say what is wanted, such as
`add` or `remove-3`, so that the same form works with and without scripts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from dashboard.events.conditions import OPERATORS, Conditions, Group, Join, Operator, Row, operators_for
from dashboard.events.models import ValueType
from dashboard.events.schema import EventVariable, infer
from dashboard.problems import DomainError

Posted = Mapping[str, str]
_NUMBER: Final = re.compile(r"path-(\d{1,4})")
_NUMBER_IN_GROUP: Final = re.compile(r"path-(\d{1,2})-(\d{1,3})")
_MOST_GROUPS: Final = 10


# -- variables


@dataclass(frozen=True, slots=True)
class VariableRow:
    """One row of the variables form, as typed."""

    path: str = ""
    type: str = ValueType.TEXT
    required: bool = False
    sample: str = ""
    pii: bool = False

    @classmethod
    def of(cls, variable: EventVariable) -> VariableRow:
        """As the form shows a variable."""
        return cls(variable.path, variable.type, variable.required, sample_text(variable.sample), variable.pii)

    def variable(self) -> EventVariable:
        """What was typed. DomainError for a type that there is not."""
        try:
            kind = ValueType(self.type)
        except ValueError as error:
            raise DomainError(f"There is no type {self.type[:20]}.", field="variables") from error
        return EventVariable(self.path, kind, self.required, _sample(self.sample, kind), self.pii)


def posted_variables(posted: Posted) -> list[VariableRow]:
    """The rows as they were posted, empty ones too."""
    numbers = sorted(int(found[1]) for key in posted if (found := _NUMBER.fullmatch(key)))
    return [
        VariableRow(
            path=posted[f"path-{number}"].strip(),
            type=posted.get(f"type-{number}", ValueType.TEXT),
            required=f"required-{number}" in posted,
            sample=posted.get(f"sample-{number}", ""),
            pii=f"pii-{number}" in posted,
        )
        for number in numbers
    ]


def changed_variables(rows: list[VariableRow], do: str, payload: Mapping[str, Any]) -> list[VariableRow]:
    """The rows after a button: `add`, `remove-<number>`, or `infer`, which adds what the payload has beyond them."""
    if do == "infer":
        known = {row.path for row in rows}
        kept = [row for row in rows if row.path]
        return kept + [VariableRow.of(one) for one in infer(payload) if one.path not in known]
    if do.startswith("remove-"):
        return [row for number, row in enumerate(rows) if str(number) != do.removeprefix("remove-")]
    return [*rows, VariableRow()] if do == "add" else rows


def payload_text(payload: Mapping[str, Any]) -> str:
    """A payload as people read and change it."""
    return json.dumps(payload, ensure_ascii=False, indent=2)


def sample_text(sample: Any) -> str:
    """A sample in a text field: texts as they are, other values as JSON."""
    if sample is None:
        return ""
    return sample if isinstance(sample, str) else json.dumps(sample, ensure_ascii=False)


def _sample(text: str, kind: ValueType) -> Any:
    """The value that was typed: text for texts and moments, JSON for the others where it is some."""
    if not text.strip():
        return None
    if kind in (ValueType.TEXT, ValueType.MOMENT):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DomainError(f"“{text[:40]}” is no sample of the type {kind.value}.", field="variables") from error


# -- conditions


@dataclass(frozen=True, slots=True)
class ConditionRows:
    """The groups of the conditions form, as typed; rows may be unfinished."""

    groups: tuple[Group, ...]
    join: Join = "or"

    def conditions(self) -> Conditions:
        """Those rows that name a variable."""
        named = (Group(tuple(row for row in group.rows if row.path), group.join) for group in self.groups)
        return Conditions(tuple(group for group in named if group.rows), self.join)

    @property
    def sentence(self) -> str:
        """The sentence of the rows that are finished so far."""
        done = (Group(tuple(row for row in group.rows if _finished(row)), group.join) for group in self.groups)
        return Conditions(tuple(group for group in done if group.rows), self.join).sentence


def shown_conditions(conditions: Conditions) -> ConditionRows:
    """As the form opens: what is saved, or one empty row."""
    return ConditionRows(conditions.groups or (Group((Row("", "is"),)),), conditions.join)


def posted_conditions(posted: Posted) -> ConditionRows:
    """The groups as they were posted."""
    places = [(int(found[1]), int(found[2])) for key in posted if (found := _NUMBER_IN_GROUP.fullmatch(key))]
    groups: dict[int, list[Row]] = {}
    for group, number in sorted(places):
        name = f"{group}-{number}"
        value = posted.get(f"value-{name}", "").strip()
        groups.setdefault(group, []).append(Row(posted[f"path-{name}"], posted.get(f"operator-{name}", ""), value))
    made = tuple(Group(tuple(rows), _join(posted.get(f"join-{group}"), "and")) for group, rows in groups.items())
    return ConditionRows(made, _join(posted.get("join"), "or"))


def suited(rows: ConditionRows, types: Mapping[str, ValueType]) -> ConditionRows:
    """The same with the first fitting operator where a variable was chosen that cannot be compared as before."""

    def of(row: Row) -> Row:
        offered = [one.key for one in offered_operators(row.path, types)]
        return row if row.operator in offered else replace(row, operator=offered[0])

    return replace(rows, groups=tuple(replace(group, rows=tuple(map(of, group.rows))) for group in rows.groups))


def changed_conditions(rows: ConditionRows, do: str) -> ConditionRows:
    """The groups after a button: `add-<group>`, `remove-<group>-<row>` or `group`. One empty row always remains."""
    groups = list(rows.groups)
    what, *numbers = do.split("-")
    places = [int(number) for number in numbers if number.isdecimal()]
    if what == "group" and len(groups) < _MOST_GROUPS:
        groups.append(Group((Row("", "is"),)))
    elif what == "add" and places and places[0] < len(groups):
        groups[places[0]] = replace(groups[places[0]], rows=(*groups[places[0]].rows, Row("", "is")))
    elif what == "remove" and len(places) == 2 and places[0] < len(groups):
        kept = tuple(row for number, row in enumerate(groups[places[0]].rows) if number != places[1])
        groups[places[0]] = replace(groups[places[0]], rows=kept)
    left = tuple(group for group in groups if group.rows)
    return replace(rows, groups=left or (Group((Row("", "is"),)),))


def offered_operators(path: str, types: Mapping[str, ValueType]) -> list[Operator]:
    """Those that suit the variable; all of them while none is chosen."""
    return operators_for(types[path]) if path in types else list(OPERATORS.values())


def _finished(row: Row) -> bool:
    operator = OPERATORS.get(row.operator)
    return bool(row.path and operator and (row.value or not operator.takes_value))


def _join(text: str | None, default: Join) -> Join:
    return "and" if text == "and" else "or" if text == "or" else default
