"""Duplicates are found as a dictionary would find them, by every rule, also in parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.imports import duplicates
from worker.imports.duplicates import Bitmap, Duplicates, load_bitmaps, save_bitmaps

_KEYS = st.lists(st.sampled_from([b"", b"a", b"b", b"c", b"d", b"e", b"f"]), max_size=14)


def found(rule: str, base: list[bytes], keys: list[bytes]) -> Duplicates:
    result = Duplicates(rule, len(base), len(keys) + 1, len(keys))
    result.find(lambda: base, lambda: iter([(row, key) for row, key in enumerate(keys, start=2)]), lambda: None)
    return result


def expected(rule: str, base: list[bytes], keys: list[bytes]) -> tuple[set[int], set[int]]:
    """(rows of the file, records of the base) that go, worked out the plain way."""
    rows = list(enumerate(keys, start=2))
    counts = Counter(key for key in keys if key)
    if rule == "reject":
        return {row for row, key in rows if key and (counts[key] > 1 or key in base)}, set()
    if rule == "first":
        seen, dropped = set(base), set()
        for row, key in rows:
            if key and key in seen:
                dropped.add(row)
            seen.add(key)
        return dropped, set()
    everything = [(-1 - number, key) for number, key in enumerate(base)] + rows
    last = {key: place for place, key in everything}
    gone = {place for place, key in everything if key and last[key] != place}
    return {place for place in gone if place > 0}, {-1 - place for place in gone if place < 0}


@pytest.mark.parametrize("partition", [1_000_000, 3])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=st.sampled_from(["first", "last", "reject"]), base=_KEYS, keys=_KEYS)
def test_rules(
    monkeypatch: pytest.MonkeyPatch, partition: int, rule: str, base: list[bytes], keys: list[bytes]
) -> None:
    monkeypatch.setattr(duplicates, "PARTITION", partition)
    result = found(rule, base, keys)
    rows, records = expected(rule, base, keys)
    assert {row for row in range(len(keys) + 2) if row in result.dropped} == rows
    assert {number for number in range(len(base)) if number in result.base_dropped} == records
    known = {row for row in rows if keys[row - 2] in base} if rule != "last" else set()
    assert {row for row in range(len(keys) + 2) if row in result.in_audience} == known


def test_the_other_row_is_named() -> None:
    result = found("first", [], [b"a", b"b", b"a"])
    assert result.other_row(b"a") == 2
    assert found("first", [b"a"], [b"a"]).other_row(b"a") is None


def test_bitmaps_survive_on_disk(tmp_path: Path) -> None:
    result = found("last", [b"x", b"a", b"y"], [b"a", b"b", b"a"])
    save_bitmaps(tmp_path / "dropped", result)
    dropped, base = load_bitmaps(tmp_path / "dropped")
    assert [row for row in range(9) if row in dropped] == [2]
    assert [number for number in range(9) if number in base] == [1]
    assert load_bitmaps(tmp_path / "nothing")[0].count() == 0


def test_a_range_is_looked_at_in_whole_bytes() -> None:
    bits = Bitmap(100)
    bits.add(50)
    assert bits.any_between(48, 49)
    assert not bits.any_between(56, 99)
    assert bits.count() == 1
