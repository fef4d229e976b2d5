"""Staged and rejected rows come back from disk as they went there."""

from __future__ import annotations

import csv
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.imports.rejects import RejectsFile, guarded, is_rejects_header, unguarded
from worker.imports.staging import LINE, StagingFile, batches, escape, parse_lines

_VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(_VALUES, _VALUES, _VALUES, _VALUES, _VALUES), min_size=1, max_size=8))
def test_staged_values_come_back(tmp_path: Path, rows: list[tuple[str, ...]]) -> None:
    file = StagingFile(tmp_path / "staged", 0)
    file.add([LINE % (number, *map(escape, row)) for number, row in enumerate(rows)])
    file.flush()
    file.close()
    lines = [line for _, part in batches(tmp_path / "staged", 0, 3) for line in part]
    fields = parse_lines([line.split(b"\t", 1)[1] for line in lines])
    back = [["" if value in (None, "\\N") else value for value in row] for row in fields]
    assert back == [list(row) for row in rows]


def test_batches_go_on_where_they_stopped(tmp_path: Path) -> None:
    (tmp_path / "staged").write_text("".join(f"{n}\tx\n" for n in range(10)))
    parts = list(batches(tmp_path / "staged", 0, 4))
    assert [len(lines) for _, lines in parts] == [4, 4, 2]
    for offset, _ in parts[:-1]:
        assert sum(len(lines) for _, lines in batches(tmp_path / "staged", offset, 4)) < 10
    assert list(batches(tmp_path / "staged", parts[1][0], 4))[0][1] == parts[2][1]


def test_what_came_after_the_length_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "staged"
    path.write_text("1\tx\n2\ty\nhalf a li")
    file = StagingFile(path, 4)
    file.add(["3\tz\n"])
    assert file.flush() == 8
    file.close()
    assert path.read_text() == "1\tx\n3\tz\n"


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
