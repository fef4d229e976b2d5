"""Texts as they come out of spreadsheets and forms, for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from worker.rendering.content import RenderedEmail

#: Anything a person can type on one line, with the spaces and signs that mail treats specially among it.
characters = st.one_of(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")),
    st.sampled_from(list(' "\\()<>@,;:.[]=?_-äß日本🙂é')),
)
line = st.text(characters, max_size=120)
word = st.text(st.characters(codec="utf-8", categories=("Ll", "Lu", "Nd")), min_size=1, max_size=20)
long_ascii_word = st.integers(1, 1500).map(lambda length: "x" * length)
subject = st.one_of(
    line,
    st.lists(word, max_size=30).map(" ".join),
    st.lists(st.sampled_from(["ab", "  ", "word", "=?", "é"])).map("".join),
)
body_line = st.one_of(
    line,
    st.sampled_from(
        ["", ".", "..", ".dot", "From me", "trailing ", "tab\t", "=3D", "--=_carillon_", "x" * 1200, "é" * 600]
    ),
)
body = st.lists(body_line, max_size=8).map("\n".join)


def rendered(**parts: str | tuple[object, ...]) -> RenderedEmail:
    """A rendered email with these parts and the others empty."""
    empty = dict.fromkeys(("subject", "html", "text", "from_name", "reply_to"), "")
    lists = dict.fromkeys(("cc", "bcc", "headers"), ())
    return RenderedEmail(**{**empty, **lists, **parts})  # type: ignore[arg-type]
