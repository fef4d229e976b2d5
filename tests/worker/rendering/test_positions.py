"""Line and column of tokens and errors."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError

from worker.rendering.positions import Position, column_of
from worker.rendering.sandbox import plain_environment

environment = plain_environment()
pieces = st.sampled_from(
    [
        "text ",
        "\n",
        "\r\n",
        "  ",
        "é🙂",
        "{# note\n #}",
        "{{ NAME }}",
        "{{- NAME -}}",
        "{%- if NAME -%}",
        "{%+ endif %}",
    ]
    + ["{% for i in NAME %}\n", "{% endfor %}", '{{ "a\n{{" ~ NAME }}', "{{ {'a': [NAME, (1,)]}['a'] }}"]
    + ["{% raw %} {{ x }} {% endraw %}", "{{\n\n NAME\n}}"]
)


@given(st.lists(pieces, max_size=12))
def test_every_name_is_found_where_it_stands(parts: list[str]) -> None:
    numbered = [part.replace("NAME", f"v{number}") for number, part in enumerate(parts)]
    source = "".join(numbered)
    lines = source.replace("\r\n", "\n").split("\n")
    places, names = [], []
    try:
        names = list(environment.parse(source).find_all(nodes.Name))
    except TemplateSyntaxError as error:
        places = [error.lineno]
    for place in places:
        assert 1 <= int(place) <= len(lines)
        assert 1 <= column_of(place) <= len(lines[int(place) - 1]) + 1
    for name in names:
        start = column_of(name.lineno) - 1
        assert lines[int(name.lineno) - 1][start : start + len(name.name)] == name.name


@pytest.mark.parametrize(
    ("source", "line", "column"),
    [
        ("a\n  {{ x y }}", 2, 8),
        ("{{ x }", 1, 6),
        ("{{ 'x }}", 1, 4),
        ("a\n{% if x %}\n{% for y in z %}\n{% endfor %}", 2, 4),
        ("{% if x %}{% for y in z %}", 1, 14),
        ("{% endif %}", 1, 4),
        ("{% nonsense %}", 1, 4),
        ("{{ a.b[ }}", 1, 9),
        ("{{ ) }}", 1, 4),
        ("{{ x | }}", 1, 8),
        ("text {{", 1, 6),
        ("{%- set x -%}\n\n a {{ y! }}", 3, 8),
    ],
)
def test_errors_point_at_their_place(source: str, line: int, column: int) -> None:
    with pytest.raises(TemplateSyntaxError) as caught:
        environment.parse(source)
    assert (int(caught.value.lineno), column_of(caught.value.lineno)) == (line, column)


def test_a_position_is_a_line_number() -> None:
    position = Position(3, 7)
    assert position == 3
    assert f"{position}" == "3"
    copy = pickle.loads(pickle.dumps(position))
    assert (copy, copy.column) == (3, 7)
    assert column_of(3) == 1
