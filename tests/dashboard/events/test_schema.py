"""Variables of events: inferred from an example, and held against what comes."""

from __future__ import annotations

import pytest

from dashboard.events.models import ValueType
from dashboard.events.paths import find, masked
from dashboard.events.schema import EventVariable, InvalidPayload, check_payload, check_variables, infer, samples
from dashboard.problems import DomainError
from tests.factories.events import PAYLOAD


def test_an_example_tells_paths_types_and_what_is_personal() -> None:
    found = {one.path: one for one in infer({**PAYLOAD, "email": "a@example.com", "at": "2026-11-24", "2x": 1})}
    assert found["order.total"].type is ValueType.NUMBER
    assert found["order.items"].type is ValueType.LIST
    assert (found["order.items.sku"].type, found["order.items.sku"].required) == (ValueType.TEXT, False)
    assert found["at"].type is ValueType.MOMENT
    assert found["email"].pii
    assert not found["order.number"].pii
    assert "2x" not in found
    check_payload(PAYLOAD, infer(PAYLOAD))
    assert samples(infer(PAYLOAD)) == PAYLOAD


@pytest.mark.parametrize(
    ("payload", "place", "code"),
    [
        ({}, "payload.order", "missing"),
        ({"order": {"number": None, "total": 1, "items": []}, "country": "IN"}, "payload.order.number", "missing"),
        ({**PAYLOAD, "country": ["IN"]}, "payload.country", "wrong_type"),
        ({**PAYLOAD, "order": {**PAYLOAD["order"], "total": "620"}}, "payload.order.total", "wrong_type"),  # type: ignore[dict-item]
        ({**PAYLOAD, "order": {**PAYLOAD["order"], "items": [{"sku": {}}]}}, "payload.order.items.0.sku", "wrong_type"),  # type: ignore[dict-item]
        ({**PAYLOAD, "more": "x" * 70_000}, "payload", "too_large"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(payload: dict[str, object], place: str, code: str) -> None:
    with pytest.raises(InvalidPayload) as refused:
        check_payload(payload, infer(PAYLOAD))
    assert (refused.value.field, refused.value.code) == (place, code)


@pytest.mark.parametrize("path", ["", "a b", "a..b", "__import__('os')", "message_id", "1a"])
def test_paths_that_no_template_could_read_are_refused(path: str) -> None:
    with pytest.raises(DomainError):
        check_variables([EventVariable(path)])


def test_a_path_is_there_once() -> None:
    with pytest.raises(DomainError, match="twice"):
        check_variables([EventVariable("a"), EventVariable("a")])


def test_lists_are_looked_through_and_masked() -> None:
    assert find(PAYLOAD, "order.items.sku").values == {"order.items.0.sku": "S-1", "order.items.1.sku": "S-2"}
    hidden = masked(PAYLOAD, ["order.items.sku", "country", "not.there"])
    assert hidden["order"]["items"] == [{"sku": "•••"}, {"sku": "•••"}]
    assert hidden["country"] == "•••"
    assert PAYLOAD["country"] == "IN"
