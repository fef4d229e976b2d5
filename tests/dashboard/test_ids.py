from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.ids import id_at, new_id, parse_public_id, public_id, time_of


@given(st.integers(0, (1 << 63) - 1))
def test_public_ids_round_trip(number: int) -> None:
    assert parse_public_id("msg", public_id("msg", number)) == number


@given(st.integers(0, (1 << 63) - 1), st.integers(0, (1 << 63) - 1))
def test_public_ids_sort_as_numbers(first: int, second: int) -> None:
    assert (public_id("msg", first) < public_id("msg", second)) == (first < second)


@pytest.mark.parametrize(
    "text", ["", "msg", "msg_", "tpl_0000000000001", "msg_000000000000u", "msg_00000000000001", "msg_zzzzzzzzzzzzz"]
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_public_id("msg", text)


def test_an_id_tells_its_time() -> None:
    moment = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    assert time_of(id_at(moment)) == moment
    assert abs(time_of(new_id()) - datetime.now(UTC)) < timedelta(seconds=5)
