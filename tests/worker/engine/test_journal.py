from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine import journal
from worker.engine.journal import Journal, Memory, is_dead, journal_path, remember, remove_old
from worker.engine.rows import RecordRow, Row
from worker.providers.base import Outcome, Result

OWNER = "host:12:13:beef"


def _row(id_: int, attempt: int = 1) -> Row:
    return Row(id_, 0, RecordRow(0, None, None, None, ""), "", attempt)


def _written(tmp_path: Path) -> Journal:
    written = Journal(tmp_path, OWNER)
    written.begin()
    written.handed_over(_row(1))
    written.handed_over(_row(2))
    written.outcome(_row(1), Outcome(1, Result.SENT, "queue-id", "250", "Ok"))
    return written


def _left(written: Journal) -> None:
    """Its process is dead: the kernel closes the file."""
    written.close(remove=False)


def test_what_the_dead_have_written_is_remembered(tmp_path: Path) -> None:
    _left(_written(tmp_path))

    memory = remember(tmp_path, OWNER)

    assert memory.complete
    assert memory.handed == {(1, 1), (2, 1)}
    assert memory.outcomes == {(1, 1): Outcome(1, Result.SENT, "queue-id", "250", "Ok")}


@given(
    code=st.text(max_size=20),
    provider_id=st.text(max_size=20),
    detail=st.text(max_size=60),
    wait=st.none() | st.floats(0, 1e6),
    result=st.sampled_from(list(Result)),
)
def test_any_outcome_survives_on_one_line(
    tmp_path_factory: pytest.TempPathFactory,
    code: str,
    provider_id: str,
    detail: str,
    wait: float | None,
    result: Result,
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    written = Journal(folder, OWNER)
    written.begin()
    written.outcome(_row(7, 3), Outcome(7, result, provider_id, code, detail, wait))
    written.handed_over(_row(8))
    _left(written)

    memory = remember(folder, OWNER)

    found = memory.outcomes[7, 3]
    assert (found.result, found.retry_after) == (result, wait)
    assert found.detail == journal._BREAKING.sub(" ", detail).encode("utf-8", "replace").decode()
    assert memory.handed == {(8, 1)}


def test_a_line_cut_short_is_left_out(tmp_path: Path) -> None:
    _left(_written(tmp_path))
    path = journal_path(tmp_path, OWNER)
    os.truncate(path, path.stat().st_size - 3)

    memory = remember(tmp_path, OWNER)

    assert memory.outcomes == {}
    assert memory.handed == {(1, 1), (2, 1)}


def test_no_journal_proves_nothing(tmp_path: Path) -> None:
    assert remember(tmp_path, "somebody else") == Memory(complete=False)


def test_after_a_restart_of_the_machine_a_missing_line_proves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _left(_written(tmp_path))
    monkeypatch.setattr(journal, "boot_id", lambda: "another boot")

    memory = remember(tmp_path, OWNER)

    assert not memory.complete
    assert (1, 1) in memory.outcomes


def test_a_grown_journal_is_begun_anew_with_what_is_in_flight(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_COMPACT_AT", 40)
    written = _written(tmp_path)

    written.booked([_row(2)])
    written.outcome(_row(2), Outcome(2, Result.FAILED, code="550"))
    _left(written)

    memory = remember(tmp_path, OWNER)
    assert memory.complete
    assert memory.handed == {(2, 1)}
    assert set(memory.outcomes) == {(2, 1)}
    assert [path.name for path in tmp_path.iterdir()] == [journal_path(tmp_path, OWNER).name]


def test_a_disk_that_becomes_full_keeps_further_messages_back(tmp_path: Path) -> None:
    written = _written(tmp_path)
    kept, written._descriptor = written._descriptor, os.open("/dev/full", os.O_WRONLY)

    assert not written.handed_over(_row(3))
    os.close(written._descriptor)
    written._descriptor = kept
    written.outcome(_row(2), Outcome(2, Result.SENT))  # there is room again, but a line is missing
    assert not written.handed_over(_row(4))
    _left(written)

    memory = remember(tmp_path, OWNER)
    assert memory.complete
    assert memory.handed == {(1, 1), (2, 1)}
    assert set(memory.outcomes) == {(1, 1)}


def test_without_a_file_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "journal").write_text("in the way of the folder")
    written = Journal(tmp_path / "journal", OWNER)
    written.begin()

    assert written.handed_over(_row(1))
    written.outcome(_row(1), Outcome(1, Result.SENT))
    written.booked([])
    written.close(remove=True)
    assert remember(tmp_path / "journal", OWNER) == Memory(complete=False)
    assert not is_dead(tmp_path / "journal", OWNER)


def test_an_owner_that_lives_may_hand_over_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_COMPACT_AT", 40)
    written = _written(tmp_path)
    assert not is_dead(tmp_path, OWNER)
    assert not remember(tmp_path, OWNER).complete
    assert set(remember(tmp_path, OWNER).outcomes) == {(1, 1)}

    with journal_path(tmp_path, OWNER).open() as looked_into:
        written.booked([_row(2)])  # a new file in the place of the one that somebody is just looking into
        assert not journal._is_let_go(looked_into)
    assert not is_dead(tmp_path, OWNER)

    _left(written)
    assert is_dead(tmp_path, OWNER)
    assert not is_dead(tmp_path, "somebody else")


def test_nothing_is_left_after_an_orderly_end(tmp_path: Path) -> None:
    _written(tmp_path).close(remove=True)

    assert list(tmp_path.iterdir()) == []


def test_a_slice_that_found_nothing_leaves_no_file(tmp_path: Path) -> None:
    nothing = Journal(tmp_path, OWNER)
    nothing.begin()
    nothing.close(remove=True)

    assert list(tmp_path.iterdir()) == []


def test_old_journals_are_removed(tmp_path: Path) -> None:
    _written(tmp_path).close(remove=False)
    assert remove_old(tmp_path) == 0
    os.utime(journal_path(tmp_path, OWNER), (0, 0))

    assert remove_old(tmp_path) == 1
    assert remove_old(tmp_path / "missing") == 0


def test_an_owner_cannot_leave_the_folder(tmp_path: Path) -> None:
    assert journal_path(tmp_path, "../../x:1").parent == tmp_path
