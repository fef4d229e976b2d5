"""Staged and rejected rows come back from disk as they went there."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.imports.rejects import RejectsFile, guarded, is_rejects_header, unguarded
from worker.imports.staging import FIELDS, Fields, Place, Rows, StagingFile, batches, blocks, escape, unescaped

_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def staged(path: Path, *parts: list[tuple[int, Fields]], length: int = 0) -> int:
    """A staging file with these rows, each part a block; its length."""
    file = StagingFile(path, length)
    for part in parts:
        file.add(Rows().joined(part))
    length = file.flush()
    file.close()
    return length


def numbered(*numbers: int) -> list[tuple[int, Fields]]:
    return [(number, (f"person{number}@example.com", "\\N", "\\N", "\\N", "{}")) for number in numbers]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(*[_VALUES] * len(FIELDS)), min_size=1, max_size=8), size=st.integers(1, 9))
def test_staged_values_come_back(tmp_path: Path, rows: list[tuple[str, ...]], size: int) -> None:
    staged(tmp_path / "staged", [(number, tuple(map(escape, row))) for number, row in enumerate(rows)])
    back: list[list[str]] = []
    for _, parts in batches(tmp_path / "staged", Place(), size):
        for part in parts:
            columns = [[None] * len(part) if text is None else unescaped(text) for text in part.columns]
            back += [[value or "" for value in row] for row in zip(*columns, strict=True)]
    assert back == [list(row) for row in rows]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 10, 50])
def test_batches_go_on_where_they_stopped(tmp_path: Path, size: int) -> None:
    path = tmp_path / "staged"
    staged(path, numbered(2, 3, 4, 6), numbered(7), numbered(8, 9, 10, 11, 12))
    parts = list(batches(path, Place(), size))
    assert all(0 < sum(map(len, part)) <= size for _, part in parts)

    def numbers(found: list[tuple[Place, list[Rows]]]) -> list[int]:
        return [number for _, part in found for rows in part for number in rows.numbers]

    assert numbers(parts) == [2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    for index, (place, _) in enumerate(parts):
        assert list(batches(path, place, size)) == parts[index + 1 :]


def test_rows_can_be_left_out(tmp_path: Path) -> None:
    rows = Rows().joined(numbered(2, 3, 4, 6))
    left = rows.without([3, 5, 6])
    assert (list(left.numbers), left.values("email")) == ([2, 4], ["person2@example.com", "person4@example.com"])
    assert left.values("phone") is None
    assert len(rows.without([2, 3, 4, 6])) == 0


def test_what_came_after_the_length_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "staged"
    length = staged(path, numbered(2, 3))
    with path.open("ab") as file:
        file.write(b"7 3 half a blo")
    staged(path, numbered(4), length=length)
    assert [list(rows.numbers) for _, rows in blocks(path)] == [[2, 3], [4]]


def test_rejects_keep_the_original_cells(tmp_path: Path) -> None:
    path = tmp_path / "rejects.csv"
    file = RejectsFile(path, ["email", "name"], 0)
    file.add(["bad", "=cmd()"], 3, "email_invalid", "no", "an address")
    file.add(["only"], 4, "too_few_cells", "few", "2 cells")
    file.add(["a", "b", "c"], 5, "too_many_cells", "many", "2 cells")
    length = file.flush()
    file.close()
    assert path.stat().st_size == length
    with path.open(newline="", encoding="utf-8-sig") as opened:
        rows = list(csv.reader(opened))
    assert rows[0] == ["email", "name", "_row", "_code", "_reason", "_expected"]
    assert is_rejects_header(rows[0])
    assert rows[1] == ["bad", "'=cmd()", "3", "email_invalid", "no", "an address"]
    assert rows[2][:2] == ["only", ""]
    assert rows[3] == ["a", "b", "5", "too_many_cells", "many", "2 cells", "c"]


@settings(max_examples=200, deadline=None)
@given(_VALUES)
def test_the_apostrophe_comes_off_again(cell: str) -> None:
    if not cell.startswith("'"):
        assert unguarded(guarded(cell)) == cell
    assert not guarded(cell).startswith(("=", "@", "-"))


def test_phone_numbers_are_left_alone() -> None:
    assert guarded("+919876543210") == "+919876543210"
    assert guarded("+1+1") == "'+1+1"
