"""Duplicates are found as a dictionary would find them, by every rule, also in parts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import gettempdir

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.imports import duplicates, hashes
from worker.imports.duplicates import Bitmap, Finder, Found
from worker.imports.staging import NULL

_KEYS = st.lists(st.sampled_from(["", NULL, "a", "b", "c", "d", "e", "f"]), max_size=14)


FOLDER = Path(gettempdir())
BLANK = ("", NULL)


def found(rule: str, base: list[str], keys: list[str], folder: Path = FOLDER) -> Found:
    finder = Finder(folder, len(base) + len(keys))
    for first in range(0, len(base), 3):
        finder.add_base(first, base[first : first + 3])
    for at in range(0, len(keys), 4):
        finder.add_rows(keys[at : at + 4], range(at + 2, len(keys) + 2)[:4])
    result = finder.find(rule, last_row=len(keys) + 1, base_count=len(base), keep_alive=lambda: None)
    finder.close()
    return result


def expected(rule: str, base: list[str], keys: list[str]) -> tuple[set[int], set[int]]:
    """(rows of the file, records of the base) that go, worked out the plain way."""
    rows = list(enumerate(keys, start=2))
    counts = Counter(key for key in keys if key not in BLANK)
    if rule == "reject":
        return {row for row, key in rows if key not in BLANK and (counts[key] > 1 or key in base)}, set()
    if rule == "first":
        seen, dropped = set(base), set()
        for row, key in rows:
            if key not in BLANK and key in seen:
                dropped.add(row)
            seen.add(key)
        return dropped, set()
    everything = [(-1 - number, key) for number, key in enumerate(base)] + rows
    last = {key: place for place, key in everything}
    gone = {place for place, key in everything if key not in BLANK and last[key] != place}
    return {place for place in gone if place > 0}, {-1 - place for place in gone if place < 0}


@pytest.mark.parametrize("partition", [1_000_000, 3])
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=st.sampled_from(["first", "last", "reject"]), base=_KEYS, keys=_KEYS)
def test_rules(monkeypatch: pytest.MonkeyPatch, partition: int, rule: str, base: list[str], keys: list[str]) -> None:
    monkeypatch.setattr(duplicates, "PARTITION", partition)
    result = found(rule, base, keys)
    rows, records = expected(rule, base, keys)
    assert {row for row in range(len(keys) + 2) if row in result.dropped} == rows
    assert {number for number in range(len(base)) if number in result.base_dropped} == records
    known = {row for row in rows if keys[row - 2] in base} if rule != "last" else set()
    assert {row for row in range(len(keys) + 2) if row in result.in_audience} == known


@pytest.mark.parametrize(
    ("rule", "others"),
    [("first", {4: 2, 6: 2}), ("last", {2: 4, 4: 6}), ("reject", {2: 4, 4: 2, 6: 2})],
)
@pytest.mark.parametrize("partition", [1_000_000, 2])
def test_the_other_row_is_named(
    monkeypatch: pytest.MonkeyPatch, partition: int, rule: str, others: dict[int, int]
) -> None:
    monkeypatch.setattr(duplicates, "PARTITION", partition)
    result = found(rule, [], ["a", "b", "a", "c", "a"])
    assert {row: result.other_row(row) for row in range(8) if result.other_row(row)} == others


def test_an_address_of_the_audience_stands_in_no_row() -> None:
    assert found("first", ["a"], ["a"]).other_row(2) is None


def test_what_is_remembered_of_other_rows_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "PAIRS", 1)
    result = found("first", [], ["a", "a", "a"])
    assert result.dropped.count() == 2
    assert [result.other_row(row) for row in (3, 4)] == [2, None]


def test_what_was_found_survives_on_disk(tmp_path: Path) -> None:
    result = found("last", ["x", "a", "y"], ["a", "b", "a"])
    result.save(tmp_path / "dropped")
    again = Found.load(tmp_path / "dropped")
    assert [row for row in range(9) if row in again.dropped] == [2]
    assert [number for number in range(9) if number in again.base_dropped] == [1]
    assert again.other_row(2) == 4
    assert Found.load(tmp_path / "nothing").dropped.count() == 0


def test_more_than_fits_into_memory_takes_the_way_over_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hashes, "SPILL", 16)
    monkeypatch.setattr(duplicates, "PARTITION", 300)
    keys = [str(number % 700) for number in range(1000)]
    result = found("first", ["3"], keys, tmp_path)
    assert {row for row in range(1002) if row in result.dropped} == {5} | set(range(702, 1002))
    assert result.other_row(702) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_range_is_looked_at_in_whole_bytes() -> None:
    bits = Bitmap(100)
    bits.add(50)
    assert bits.any_between(48, 49)
    assert not bits.any_between(56, 99)
    assert bits.count() == 1


@settings(max_examples=100, deadline=None)
@given(numbers=st.sets(st.integers(0, 200)), first=st.integers(0, 200), last=st.integers(0, 220))
def test_bits_of_a_range(numbers: set[int], first: int, last: int) -> None:
    bits = Bitmap(200)
    for number in numbers:
        bits.add(number)
    assert bits.between(first, last) == sorted(number for number in numbers if first <= number <= last)
