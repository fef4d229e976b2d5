"""A text template made from HTML renders what converting the rendered HTML gives."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.rendering.compiler import compile_email
from worker.rendering.content import EmailContent
from worker.rendering.plain_text import text_from_html
from worker.rendering.sandbox import html_environment
from worker.rendering.text_template import derive_text_template

environment = html_environment()

VALUES: dict[str, Any] = {
    "name": "Anna & <Bea>",
    "url": "https://x.example/?a=1&b=2",
    "vip": True,
    "off": False,
    "items": [{"title": "Tea", "price": 3}, {"title": "Cup & saucer", "price": 12}],
    "nothing": [],
    "empty": "",
    "spaced": "two  spaces\nand a line",
}

#: Derived, and each time equal to the conversion.
DERIVED = [
    "<p>Hello {{ name }}!</p>",
    "<p>Hello {{ empty }} you {{ spaced }}</p>",
    "<p>{{ name|upper }} {{ name|e }} {{ name|default('x')|escape }}</p>",
    "{% if vip %}<p>yes</p>{% else %}<p>no</p>{% endif %}<p>then</p>",
    "<p>a{% if vip %}, b{% endif %}{% if off %}, c{% elif vip %}, d{% else %}, e{% endif %}.</p>",
    "<ul>{% for i in items %}<li>{{ loop.index }} {{ i.title }}</li>{% endfor %}</ul>after",
    "<ol>{% for i in items %}<li>{{ i.title }}</li>{% endfor %}</ol>",
    "<ul>{% for i in nothing %}<li>{{ i }}</li>{% else %}<li>none</li>{% endfor %}</ul>",
    "<table>\n{% for i in items %}\n<tr>\n<td>{{ i.title }}</td>\n<td>{{ i.price }}</td></tr>\n{% endfor %}\n</table>",
    "<table><!-- {% for i in items %} --><tr><td>{{ i.title }}</td></tr><!-- {% endfor %} --></table>",
    '<table>{% for i in items %}<tr {% if vip %}class="a"{% endif %}><td>{{ i.title }}</td></tr>{% endfor %}</table>',
    '<a href="{{ url }}">go</a> <a href="{{ url }}">{{ url }}</a>',
    '<a href="https://x.example/{% if vip %}vip{% else %}all{% endif %}?n={{ name|urlencode }}">go</a>',
    '{% for i in items %}<a href="https://x.example/{{ i.price }}"><img alt="{{ i.title }}" src="x"></a>{% endfor %}',
    '<div style="display:none">{% if vip %}{{ name }}{% endif %}{% for i in items %}x{% endfor %}</div>shown',
    '<p style="color:{{ name }}" title="{{ name }}">a</p>',
    "<title>{{ name }}</title><style>{% if vip %}p{}{% endif %}</style>a",
    "a {%- if vip -%} b {%- endif -%} c {{- name -}} d",
    "{% set total = 3 %}<p>{{ total }}</p>{% with x = name %}<b>{{ x }}</b>{% endwith %}",
    "<p>&#123;&#123; name &#125;&#125; {{ name }} &#123;{{ name }} {&#37; {</p>",
    "<p>a<br>{{ name }}<br>{% if vip %}<br>{% endif %}b</p>",
    "<pre>{{ name }}\n  x</pre>",
    "{# note #}<p>{{ name }}{# {{ x }} #}</p>",
    "<p>{{ '%.2f'|format(items[0].price) }} {{ items|map(attribute='title')|join(', ') }} {{ items|length }}</p>",
    "{% if vip %}<td>{{ name }}</td>{% else %}<td>x</td>{% endif %}",
    "<script>{{ name }}</script><p>x</p>",
    "",
    "no tag at all",
]

#: Converted per message, because what a tag does to the text depends on the data.
DECLINED = [
    "<p>{{ name|safe }}</p>",
    "<p {{ {'title': name}|xmlattr }}>x</p>",
    "{% autoescape false %}{{ name }}{% endautoescape %}",
    "{% macro m() %}<p>x</p>{% endmacro %}{{ m() }}",
    "{% call m() %}x{% endcall %}",
    "{% filter upper %}<p>a</p>{% endfilter %}",
    "{% set x %}<p>{{ name }}</p>{% endset %}{{ x }}",
    "{% block a %}x{% endblock %}",
    "{% raw %}{{ x }}{% endraw %}",
    "{% for i in items recursive %}{{ loop(i.x) }}{% endfor %}",
    '{% if vip %}<a href="https://x.example">{% endif %}go{% if vip %}</a>{% endif %}',
    '{% if vip %}<div style="display:none">{% endif %}x{% if vip %}</div>{% endif %}',
    "{% if vip %}<ul>{% endif %}<li>a</li>{% if vip %}</ul>{% endif %}",
    '<p style="{{ name }}">a</p>',
    '<p style="display:{{ name }}">a</p>',
    '<p {% if vip %}style="display:none"{% endif %}>a</p>',
    "<p {% if vip %}hidden{% endif %}>a</p>",
    '<a {% if vip %}href="https://x.example"{% endif %}>a</a>',
    "<a {{ name }}>a</a>",
    "<{{ name }}>a</{{ name }}>",
    "<p>&{{ name }};</p>",
    '<div style="display:none">{% set x = 1 %}</div>{{ x }}',
    '<p title="{% if vip %}">a</p>{% endif %}',
    "<p>\ue000</p>{{ name }}",
]


def converted(source: str, values: dict[str, Any]) -> str:
    return text_from_html(environment.from_string(source).render(values))


@pytest.mark.parametrize("source", DERIVED)
def test_derived_text_equals_converted_text(source: str) -> None:
    compiled = compile_email(EmailContent(subject="s", html=source))
    assert compiled.text_origin == "derived"
    for values in (VALUES, {**VALUES, "vip": False, "items": [], "nothing": [1]}):
        if "items[0]" not in source or values["items"]:
            assert compiled.render(values).text == converted(source, values)


@pytest.mark.parametrize("source", DECLINED)
def test_what_depends_on_the_data_is_declined(source: str) -> None:
    assert derive_text_template(source, environment) is None


@pytest.mark.parametrize("source", [source for source in DECLINED if "m()" not in source and "loop(" not in source])
def test_declined_templates_still_have_a_text(source: str) -> None:
    values = {**VALUES, "x": "later"}
    compiled = compile_email(EmailContent(subject="s", html=source))
    assert compiled.text_origin == "converted"
    assert compiled.render(values).text == converted(source, values)


def test_a_written_text_wins() -> None:
    compiled = compile_email(EmailContent(subject="s", html="<p>a</p>", text="b {{ name }}"))
    assert compiled.text_origin == "written"
    assert compiled.render({"name": "<Anna>"}).text == "b <Anna>"


inline = st.sampled_from(
    ["word", " ", "{{ name }}", "{{ a }} ", "<b>x</b>", "<br>", "&amp;", '<a href="{{ url }}">l</a>']
)


def blocks() -> st.SearchStrategy[str]:
    def wrap(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        body = st.lists(inner, max_size=3).map("".join)
        element = st.sampled_from(["p", "div", "ul", "ol", "li", "table", "tr", "td", "span", "pre", "h2"])
        return st.one_of(
            st.tuples(element, body).map(lambda pair: f"<{pair[0]}>{pair[1]}</{pair[0]}>"),
            body.map(lambda text: "{% for i in rows %}" + text + "{{ i }}{% endfor %}"),
            st.tuples(body, body).map(lambda pair: "{% if vip %}" + pair[0] + "{% else %}" + pair[1] + "{% endif %}"),
            st.tuples(body).map(lambda one: "{%- if off -%}" + one[0] + "{% endif %}\n"),
            body.map(lambda text: f'<div style="display:none">{text}</div>'),
        )

    return st.recursive(inline, wrap, max_leaves=10)


@given(
    source=st.lists(blocks(), max_size=4).map("".join),
    values=st.fixed_dictionaries(
        {
            "name": st.sampled_from(["", "Anna", "a & <b>", " x "]),
            "a": st.sampled_from(["1", "Ä"]),
            "url": st.just("https://x.example"),
            "rows": st.lists(st.sampled_from(["r", ""]), max_size=3),
            "vip": st.booleans(),
            "off": st.booleans(),
        }
    ),
)
def test_any_template_of_ordinary_elements(source: str, values: dict[str, Any]) -> None:
    compiled = compile_email(EmailContent(subject="s", html=source))
    assert compiled.render(values).text == converted(source, values)
    assert compiled.text_origin == "derived"


def test_a_derived_template_that_fails_falls_back() -> None:
    """Escaped text has a method that plain text lacks: the rendered HTML decides."""
    compiled = compile_email(EmailContent(subject="s", html="<p>{{ (name|e).striptags() }}</p>"))
    assert compiled.text_origin == "derived"
    assert compiled.render({"name": "Anna"}).text == "Anna"
