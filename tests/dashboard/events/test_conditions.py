"""Conditions: what they say of a payload, and what cannot be one."""

from __future__ import annotations

import pytest

from dashboard.events.conditions import OPERATORS, Conditions, Group, Row, check_conditions, judge, operators_for
from dashboard.events.models import ValueType
from dashboard.events.schema import infer
from dashboard.problems import DomainError

PAYLOAD = {
    "country": "IN", "amount": 500, "gift": True, "at": "2026-11-24T09:00:00Z", "tags": ["new", "vip"],
    "items": [{"sku": "S-1"}, {"sku": "S-2"}], "nothing": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "operator", "value", "held"),
    [
        ("country", "is", "in", True), ("country", "is_not", "IN", False), ("country", "one_of", "DE, IN", True),
        ("country", "none_of", "DE,FR", True), ("country", "starts_with", "I", True),
        ("country", "contains", "x", False), ("country", "ends_with", "n", True),
        ("amount", "is", "500.0", True), ("amount", "at_least", "500", True), ("amount", "more_than", "500", False),
        ("amount", "at_most", "499.99", False), ("amount", "less_than", "501", True),
        ("gift", "is_true", "", True), ("gift", "is_false", "", False),
        ("at", "after", "2026-11-24", True), ("at", "before", "2026-11-24T09:00:00+05:30", False),
        ("tags", "has", "vip", True), ("tags", "count_is", "2", True), ("tags", "count_at_least", "3", False),
        ("items.sku", "is", "S-2", True), ("items.sku", "is_not", "S-2", False), ("items", "count_is", "1", False),
        ("nothing", "present", "", False), ("nothing", "absent", "", True), ("amount", "present", "", True),
        ("gone.far", "is", "x", False), ("gone.far", "is_not", "x", True),
    ],
)  # fmt: skip
def test_every_operator(path: str, operator: str, value: str, held: bool) -> None:
    assert Row(path, operator, value).holds(PAYLOAD) is held


def test_groups_are_joined_as_they_say() -> None:
    right, wrong = Row("country", "is", "IN"), Row("amount", "at_least", "501")
    both, either = Group((right, wrong)), Group((right, wrong), "or")
    assert not judge(Conditions((both,)), PAYLOAD).matched
    assert judge(Conditions((either,)), PAYLOAD).matched
    assert judge(Conditions((both, either), "or"), PAYLOAD).matched
    assert not judge(Conditions((both, either), "and"), PAYLOAD).matched
    verdict = judge(Conditions((both,)), PAYLOAD)
    assert verdict.failed == "amount is at least 501"
    assert [tick.held for tick in verdict.groups[0][1]] == [True, False]


def test_they_read_as_a_sentence_and_come_back_as_they_were() -> None:
    conditions = Conditions(
        (Group((Row("country", "is", "IN"), Row("amount", "at_least", "500"))), Group((Row("gift", "is_true"),)))
    )
    assert conditions.sentence == "Send only if country is IN and amount is at least 500, or gift is true."
    assert Conditions.read(conditions.written()) == conditions
    assert Conditions().sentence == "Send every time."
    assert judge(Conditions(), PAYLOAD).matched


def test_operators_are_limited_by_type() -> None:
    assert "at_least" not in {operator.key for operator in operators_for(ValueType.TEXT)}
    assert {operator.key for operator in operators_for(ValueType.BOOLEAN)} == {
        "is_true",
        "is_false",
        "present",
        "absent",
    }
    assert all(operators_for(kind) for kind in ValueType)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (Row("none", "is", "1"), "no variable none"), (Row("country", "at_least", "1"), "cannot be compared"),
        (Row("country", "__class__", "1"), "cannot be compared"), (Row("amount", "at_least", "many"), "a number"),
        (Row("amount", "is", "nan"), "a number"), (Row("country", "is", " "), "Say what"),
        (Row("at", "after", "soon"), "a date"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_condition_is_refused(row: Row, words: str) -> None:
    with pytest.raises(DomainError, match=words):
        check_conditions(Conditions((Group((row,)),)), infer(PAYLOAD))


def test_all_that_are_offered_are_taken() -> None:
    variables = {variable.type: variable for variable in infer(PAYLOAD)}
    values = {ValueType.NUMBER: "1", ValueType.MOMENT: "2026-01-01", ValueType.LIST: "1"}
    for kind, variable in variables.items():
        for operator in operators_for(kind):
            row = Row(variable.path, operator.key, values.get(kind, "x"))
            check_conditions(Conditions((Group((row,)),)), infer(PAYLOAD))
    assert len(OPERATORS) == 20
