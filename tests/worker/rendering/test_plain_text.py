"""Text from HTML."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inscriptis import get_text

from tests.worker.rendering import strategies
from worker.rendering.plain_text import mark_up_text, settle, settle_inside, text_from_html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("plain & simple", "plain & simple"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<p>a</p>\n\n  <p> b\n c </p>", "a\n\nb c"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<div><div><p>a</p></div></div>", "a"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("a<br><br><br><br>b", "a\n\nb"),
        ("<div>a<br></div><div>b</div>", "a\nb"),
        ("<h1>Title</h1>text<h2>Next</h2>", "Title\n\ntext\n\nNext"),
        ("<b>a</b><i>b</i> c", "ab c"),
        ("a&nbsp;&nbsp; b&amp;&lt;c&gt;&euro;", "a b&<c>€"),
        ("<ul><li>a</li><li>b</li></ul>c", "* a\n* b\n\nc"),
        ("<ul><li>a<li>b</ul>", "* a\n* b"),
        ("<ul><li><p>a</p><p>b</p></li><li></li><li>c</li></ul>", "* a\n\nb\n\n*\n* c"),
        ("<ol><li>a</li><li>b<ul><li>x</li></ul></li><li>c</li></ol>", "1. a\n2. b\n  * x\n3. c"),
        ("<ol><li>a</li></ol><ol><li>b</li></ol>", "1. a\n\n1. b"),
        ("<table><tr><th>A</th><th>B</th></tr><tr><td>1</td><td>2</td></tr></table>x", "A  B\n1  2\n\nx"),
        ("<table><tr><td><p>a</p></td><td><p>b</p></td></tr></table>", "a\n\nb"),
        ("<table><tr><td></td><td>a</td><td></td></tr></table>", "a"),
        ("a<hr>b", "a\n\n--------------------\n\nb"),
        ("<pre>a\n b</pre>c", "a\nb\n\nc"),
        ('<a href="https://x.example/a">read</a> on', "read (https://x.example/a) on"),
        ('<a href="https://x.example/">x.example</a>', "x.example"),
        ('<a href="https://x.example">https://x.example/</a>', "https://x.example/"),
        ('<a href="mailto:a@x.example">a@x.example</a>', "a@x.example"),
        ('<a href="tel:+49151">call us</a>', "call us (+49151)"),
        ('<a href="#top">up</a><a>none</a><a href="javascript:x()">js</a>', "upnonejs"),
        ('<a href="https://x.example"><img src="l.png" alt="Logo"></a>', "Logo (https://x.example)"),
        ('<a href="https://x.example"><img src="l.png" alt=""></a>', "https://x.example"),
        ('<img src="a.png" alt="A  tree"><img src="b.png">', "A tree"),
        ("<title>t</title><style>p{}</style><script>x()</script>a", "a"),
        ('<div style="display:none">a<div>b</div>c</div>d', "d"),
        ('<p style="color:red; DISPLAY : none">a</p>b<span hidden>c</span>', "b"),
        ('<div style="display:none"><br><img alt="x"></div>a', "a"),
        ("<!-- a --><!--[if mso]><p>b</p><![endif]--><![if !mso]>c<![endif]>", "c"),
        ("a&zwnj;&nbsp;&zwnj;&nbsp;&zwnj;&nbsp;b", "a b"),
        ("प\u200dर family 👨\u200d👩\u200d👧", "प\u200dर family 👨\u200d👩\u200d👧"),
        ("<p>unclosed <b>bold <p>next", "unclosed bold\n\nnext"),
        ("</p></ul></a></li>a", "a"),
        ("a < b <3 c", "a < b <3 c"),
        ("x\x01\x05\x0e\x11y", "xy"),
    ],
)
def test_conversion(html: str, text: str) -> None:
    assert text_from_html(html) == text


words = st.text("abcäé", min_size=1, max_size=6)
block = st.sampled_from(["p", "div", "h1", "td", "li", "span", "b", "section"])
documents = st.recursive(
    words,
    lambda inner: st.tuples(block, st.lists(inner, min_size=1, max_size=3).map(" ".join)).map(
        lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}>"
    ),
    max_leaves=12,
)


@given(documents)
def test_no_word_is_lost_or_joined_to_its_neighbour(html: str) -> None:
    """The same words as inscriptis, which lays text out differently."""
    ours = [word for word in text_from_html(html).split() if word != "*"]
    assert ours == [word for word in get_text(html).split() if word != "*"]


@given(st.lists(st.one_of(words, st.sampled_from([" ", "\x01", "\x02", "\x03", "\x04", "\x05* \x06"])), max_size=20))
def test_settling_the_inside_first_changes_nothing(pieces: list[str]) -> None:
    marked = "".join(pieces)
    assert settle(settle_inside(marked)) == settle(marked)


@given(st.text(max_size=200), strategies.line)
def test_any_input_is_survived(noise: str, line: str) -> None:
    text = text_from_html(f"<p>{noise}</p>{line}<ol><li>{noise}")
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", text)
    assert text == text.strip(" \n")
    assert "\n\n\n" not in text


def test_marks_are_left_to_settle() -> None:
    assert settle(mark_up_text("<p>a</p>") + mark_up_text("<p>b</p>")) == "a\n\nb"
