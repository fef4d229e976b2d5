"""Differences of two contents, for people."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.message_templates.differences import Piece, content_differences, line_rows, word_pieces
from tests.factories.message_templates import content
from worker.rendering.content import Attachment, HeaderSource

lines = st.lists(st.sampled_from(["<p>", "</p>", "Hello", "{{ name }}", ""]), max_size=30).map("\n".join)


def test_word_difference_of_a_subject() -> None:
    assert word_pieces("Hello {{ name }}", "Hello dear {{ name }}") == (
        Piece("same", "Hello "),
        Piece("added", "dear "),
        Piece("same", "{{ name }}"),
    )


@given(old=st.text(max_size=60), new=st.text(max_size=60))
def test_word_pieces_make_up_both_texts(old: str, new: str) -> None:
    pieces = word_pieces(old, new)
    assert "".join(piece.text for piece in pieces if piece.op != "added") == old
    assert "".join(piece.text for piece in pieces if piece.op != "removed") == new


@given(old=lines, new=lines)
def test_rows_and_folds_account_for_every_line(old: str, new: str) -> None:
    rows = line_rows(old, new)
    if old == new:
        assert rows == ()
        return
    folded = sum(int(row.text.split()[0]) for row in rows if row.op == "skip")
    assert folded + sum(row.op in ("same", "removed") for row in rows) == len(old.split("\n"))
    assert folded + sum(row.op in ("same", "added") for row in rows) == len(new.split("\n"))
    for row in rows:
        if row.op in ("same", "removed"):
            assert row.old is not None
            assert old.split("\n")[row.old - 1] == row.text
        if row.op in ("same", "added"):
            assert row.new is not None
            assert new.split("\n")[row.new - 1] == row.text


def test_far_lines_are_folded() -> None:
    old = "\n".join(f"line {number}" for number in range(40))
    rows = line_rows(old, old.replace("line 20", "changed"))
    assert [row.op for row in rows] == ["skip", *["same"] * 3, "removed", "added", *["same"] * 3, "skip"]
    assert (rows[0].text, rows[-1].text) == ("17 unchanged lines", "16 unchanged lines")


def test_every_field_that_differs_is_named_in_the_order_of_the_editor() -> None:
    old = content(attachments=(Attachment("a.pdf", "application/pdf", b"1"),))
    new = content(
        html="<p>New</p>", cc=("a@example.com",), headers=(HeaderSource("X-Run", "1"),), inline_css=True, text="Written"
    )
    found = content_differences(old, new)
    assert [difference.label for difference in found] == [
        "Cc",
        "Headers",
        "Attachments",
        "CSS moved into the elements",
        "HTML",
        "Text part",
    ]
    assert found[1].pieces == (Piece("added", "X-Run: 1"),)
    assert found[2].pieces[0].text == "a.pdf (1 bytes)"
    assert content_differences(old, old) == ()
