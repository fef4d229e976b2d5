"""Templates that attack, and templates that only look like it."""

from __future__ import annotations

import resource
from typing import Any

import pytest

from worker.rendering import limits
from worker.rendering.compiler import RenderError, TemplateSyntaxProblem, compile_email
from worker.rendering.content import EmailContent

VALUES: dict[str, Any] = {
    "name": "Anna",
    "big": "b" * 100_000,
    "price": 1234.5,
    "blank": None,
    "empty": "",
    "order": {"id": 7, "items": [{"title": "Tea", "count": 2}], "get": "key", "html": "<"},
}


def render(source: str, values: dict[str, Any] | None = None) -> str:
    return compile_email(EmailContent(subject="s", html=source, text="t")).render(values or VALUES).html


ESCAPES = [
    "{{ ''.__class__ }}",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''|attr('__class__') }}",
    "{{ (['']|map(attribute='__class__')|list)[0] }}",
    "{{ '{0.__class__}'.format('') }}",
    "{{ '{x.__class__}'.format(x='') }}",
    "{{ '{x.__class__}'.format_map({'x': ''}) }}",
    "{{ {}.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ joiner.__init__ }}",
    "{{ namespace.__init__ }}",
    "{{ range.__class__ }}",
    "{{ order.update(id=8) }}",
    "{{ order['items'].append(1) }}",
    "{{ order.__setitem__('id', 8) }}",
    "{{ dict.__subclasses__() }}",
    "{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "{% macro m() %}{% endmacro %}{{ m._func }}",
    "{{ lipsum.__globals__ }}",
    "{{ 'a'.encode() }}",
    "{{ (5).to_bytes(4, 'big') }}",
]

BOMBS = [
    "{{ 'a' * 10 ** 10 }}",
    "{{ 10 ** 8 * 'a' }}",
    "{{ [0] * 10 ** 9 }}",
    "{{ 10 ** (10 ** 8) }}",
    "{{ (10 ** 1000) * (10 ** 1000) }}",
    "{{ 'a'|center(10 ** 9) }}",
    "{{ 'a'|center(1000000000) }}",
    "{{ ['a']|map('center', 10 ** 9)|list }}",
    "{{ 'a'.center(10 ** 9) }}",
    "{{ 'a'.ljust(10 ** 9) }}",
    "{{ 'a'.zfill(10 ** 9) }}",
    "{{ '\t'.expandtabs(10 ** 9) }}",
    "{{ big|indent(10 ** 9, true) }}",
    "{{ 'a\nb'|indent(big * 19) }}",
    "{{ 1|round(10 ** 8) }}",
    "{{ [1]|batch(10 ** 9, 'x')|list }}",
    "{{ [1]|slice(10 ** 9)|list }}",
    "{{ order|tojson(indent=10 ** 9) }}",
    "{{ (big * 20)|wordwrap(1, wrapstring=big) }}",
    "{{ big|replace('b', big) }}",
    "{{ big.replace('b', big) }}",
    "{{ big.replace('', big) }}",
    "{{ ([big] * 1000)|join }}",
    "{{ ([order] * 90000)|join(big, attribute='id') }}",
    "{{ ','.join([big] * 1000) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '%.1000000000f' % 1 }}",
    "{{ '%(a(b)1000000000d' % {'a(b': 1} }}",
    "{{ '%1000000000d'|format(1) }}",
    "{{ '" + "%s" * 100 + "' % ((big,) * 100) }}",
    "{{ '" + "%(x)s" * 100 + "' % {'x': big} }}",
    "{{ '{:1000000000d}'.format(1) }}",
    "{{ '{:{w}d}'.format(1, w=1000000000) }}",
    "{{ '" + "{0}" * 100 + "'.format(big) }}",
    "{{ ('" + "{0}" * 100 + "'|safe).format(big) }}",
    "{{ range(10 ** 9)|list }}",
    "{% for i in range(99999) %}{{ big }}{% endfor %}",
    "{% for i in range(99999) %}0123456789012345678901234567890123456789{% endfor %}",
    "{% set ns = namespace(x='aa') %}{% for i in range(90) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "{% set ns = namespace(x='aa') %}{% for i in range(90) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + [big|upper] %}{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + [big.upper()] %}{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + [big[1:]] %}{% endfor %}",
    "{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = ns.l + [big|list] %}{% endfor %}",
    "{% set x %}{% for i in range(99999) %}{{ big }}{% endfor %}{% endset %}",
    "{% macro m() %}{% for i in range(99999) %}{{ big }}{% endfor %}{% endmacro %}{{ m()|length }}",
    "{% filter upper %}{% for i in range(99999) %}{{ big }}{% endfor %}{% endfilter %}",
]

ENDLESS = [
    "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(60) }}",
]

RECURSIONS = [
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% block a %}{{ self.a() }}{% endblock %}",
    "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_no_way_out(source: str) -> None:
    with pytest.raises((RenderError, TemplateSyntaxProblem)) as caught:
        render(source)
    assert caught.value.code in ("render_failed", "undefined_variable", "unknown_filter")


@pytest.mark.parametrize("source", BOMBS)
def test_nothing_huge_is_made(source: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RenderError) as caught:
        render(source)
    assert caught.value.code == "output_too_large"
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 200 * 1024  # KB: the allowance of 64 MB, and room


@pytest.mark.parametrize("source", ENDLESS)
def test_endless_templates_end(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CPU_SECONDS", 0.1)
    with pytest.raises(RenderError) as caught:
        render(source)
    assert caught.value.code == "too_slow"
    assert (caught.value.part, caught.value.line) == ("html", 1)


@pytest.mark.parametrize("source", RECURSIONS)
def test_templates_that_call_themselves_end(source: str) -> None:
    with pytest.raises(RenderError, match="calls itself"):
        render(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ '%.2f' % price }}", "1234.50"),
        ("{{ '%05d|%-4s|%s%%' % (42, 'a', 5) }}", "00042|a   |5%"),
        ("{{ '{:,.2f}'.format(price) }}", "1,234.50"),
        ("{{ '{0[id]} {n}'.format(order, n=1) }}", "7 1"),
        ("{{ ('<b>{}</b>'|safe).format('<i>') }}", "<b>&lt;i&gt;</b>"),
        ("{{ 'Order 12345: %s'|format(name) }}", "Order 12345: Anna"),
        (
            "{{ price|round(1) }} {{ 7 * 6 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7 % 4 }} {{ 1 + 2 }}",
            "1234.5 42 1024 0.5 3 3",
        ),
        ("{{ 'a' + 'b' }}{{ [1] + [2] }}{{ 'ab' * 2 }}{{ 2 * 'c' }}", "ab[1, 2]ababcc"),
        ("{{ [3, 1, 2]|sort|join(', ') }}", "1, 2, 3"),
        ("{{ [order]|join('-', attribute='id') }}", "7"),
        ("{{ order['items']|sum(attribute='count') }}", "2"),
        ("{{ ['a', '<']|join('|') }}", "a|&lt;"),
        ("{{ ', '.join(['a', '<']) }}", "a, &lt;"),
        ("{{ name.ljust(6, '.') }}{{ name|center(8) }}", "Anna..  Anna  "),
        ("{{ name ~ 1 ~ blank ~ '<' }}", "Anna1&lt;"),
        ("{{ ('<b>'|safe) ~ name ~ order.html }}", "<b>Anna&lt;"),
        ("{{ name[::-1] }}{{ name[0] }}{{ order.items[0].title }}", "annAATea"),
        ("{{ order.get }}{% for k, v in {'a': 1}.items() %}{{ k }}{{ v }}{% endfor %}", "keya1"),
        ("{{ name|replace('n', '<') }}{{ 'a b'.split()|length }}", "A&lt;&lt;a2"),
        ("[{{ blank }}]{{ blank|default('x') }}{{ missing|default('y') }}{{ a.b.c|d('z') }}", "[]xyz"),
        ("{{ empty|default('x') }}{{ ' '|d('y') }}{{ 0|d('z') }}{{ 0|d('z', true) }}{{ name|d('q') }}", "xy0zAnna"),
        ("{{ missing is defined }}{{ a.b is defined }}{{ order.id is defined }}", "FalseFalseTrue"),
        ("{% macro hi(x) %}<b>{{ x }}</b>{% endmacro %}{{ hi('<') }}", "<b>&lt;</b>"),
        ("{% macro m() %}{{ x }}{% endmacro %}{% set x = '<' %}{{ m() }}", "&lt;"),
        ("{{ true }}{{ 1 }}{{ price }}{{ [blank] }}{{ '<'|safe }}{{ name|upper }}", "True11234.5[None]<ANNA"),
        ("{{ a.b.c|d(order.items[0].title.lower()) }}{{ order.other is defined }}", "teaFalse"),
        ("{% block b %}{{ order.id }}{% endblock %}{{ self.b() }}", "77"),
        ("{% set x %}<i>{{ name }}</i>{% endset %}{{ x }}", "<i>Anna</i>"),
        ("{% filter upper %}{{ name }}{% endfilter %}", "ANNA"),
        ("{% macro m() %}[{{ caller('<') }}]{% endmacro %}{% call(x) m() %}{{ x }}{% endcall %}", "[&lt;]"),
        ("{% for a in [1, 2] %}{{ loop.index }}{{ loop.cycle('x', 'y') }}{% endfor %}", "1x2y"),
        ("{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}", "ab"),
        ("{{ '<' }}{% autoescape false %}{{ '<' }}{{ 'a' ~ '<' }}{% endautoescape %}", "&lt;<a<"),
        ("{{ {'a': '<'}|tojson }}", '{"a": "\\u003c"}'),
        ("{{ 'a\nb'|indent(2) }}", "a\n  b"),
        ("{{ 'one two'|wordwrap(3) }}", "one\ntwo"),
        ("{{ [1, 2, 3]|batch(2, 0)|list }}", "[[1, 2], [3, 0]]"),
    ],
)
def test_what_honest_templates_do(source: str, text: str) -> None:
    assert render(source) == text


def test_markup_in_values_is_escaped_in_html_only() -> None:
    content = EmailContent(subject="{{ name }}", html="<p>{{ name }}</p>", text="{{ name }}")
    email = compile_email(content).render({"name": "<b>&"})
    assert (email.subject, email.html, email.text) == ("<b>&", "<p>&lt;b&gt;&amp;</p>", "<b>&")


def test_one_rendering_leaves_nothing_to_the_next() -> None:
    compiled = compile_email(
        EmailContent(subject="s", html="{% set name = 'x' %}{% set ns = namespace(a=1) %}{{ ns.a }}")
    )
    values = {"order": {"id": 7}}
    assert compiled.render(values).html == "1"
    assert values == {"order": {"id": 7}}


@pytest.mark.parametrize(
    "source",
    [
        "{{ " + "(" * 300 + "1" + ")" * 300 + " }}",
        "{{ " + "-" * 3000 + "1 }}",
        "{{ " + "+".join(["a"] * 3000) + " }}",
        "{% if a %}" * 120 + "{% endif %}" * 120,
        "{% for a in b %}" * 30 + "{% endfor %}" * 30,
        "{{ " + "9" * 5000 + " }}",
        "{{ 'x" + "\\N{nothing}" + "' }}",
        "x" * 512_001,
    ],
)
def test_absurd_sources_do_not_compile(source: str) -> None:
    with pytest.raises(TemplateSyntaxProblem) as caught:
        compile_email(EmailContent(subject="s", html=source))
    assert caught.value.part == "html"


@pytest.mark.parametrize("tag", ["include 'x'", "import 'x' as y", "from 'x' import y", "extends 'x'"])
def test_other_templates_are_not_available(tag: str) -> None:
    with pytest.raises(TemplateSyntaxProblem, match="not available") as caught:
        compile_email(EmailContent(subject="s", html="a\n {% " + tag + " %}"))
    assert (caught.value.code, caught.value.line, caught.value.column) == ("not_supported", 2, 5)


@pytest.mark.parametrize("name", ["random", "pprint", "urlize", "nonsense"])
def test_filters_that_are_not_there(name: str) -> None:
    with pytest.raises(TemplateSyntaxProblem, match=f"no filter '{name}'"):
        render("{% if false %}{{ [1]|" + name + " }}{% endif %}")
