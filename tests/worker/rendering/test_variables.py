"""Which values a template needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import meta, nodes

from worker.rendering.compiler import compile_email
from worker.rendering.content import EmailContent, HeaderSource
from worker.rendering.sandbox import plain_environment
from worker.rendering.variables import rename_variable, uses_of_template, variable_paths

environment = plain_environment()


def uses(source: str) -> list[tuple[str, bool]]:
    return [(use.path, use.guarded) for use in uses_of_template(environment.parse(source), "html")]


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ("{{ a }} {{ a.b }} {{ a['b'].c }}", ["a", "a.b", "a.b.c"]),
        ("{{ a.lines[0].title }} {{ a[i].b }}", ["a.lines", "a", "i"]),
        ("{{ a.title.upper() }} {{ a.get('x', y) }} {{ f(z) }}", ["a.title", "a", "y", "f", "z"]),
        ("{% for x in a.b if x.c and d %}{{ x.e }}{{ loop.index }}{% else %}{{ x }}{% endfor %}", ["a.b", "d", "x"]),
        ("{% for k, v in a|items %}{{ k }}{{ v }}{% endfor %}{{ k }}", ["a", "k"]),
        ("{% set x = a %}{{ x }}{{ y }}{% set y = 1 %}{{ y }}", ["a", "y"]),
        ("{% set x %}{{ a }}{% set z = 1 %}{% endset %}{{ x }}{{ z }}", ["a", "z"]),
        ("{% set ns = namespace(n=a) %}{% set ns.n = b %}{{ ns.n }}", ["a", "b"]),
        ("{% with x = a, y = b %}{{ x }}{{ y }}{% endwith %}{{ x }}", ["a", "b", "x"]),
        ("{% macro m(p, q=d) %}{{ p }}{{ q }}{{ r }}{{ varargs }}{% endmacro %}{{ m(s) }}", ["d", "r", "s"]),
        ("{% call(u) m(a) %}{{ u }}{{ v }}{% endcall %}", ["m", "a", "v"]),
        ("{% filter replace('x', a) %}{{ b }}{% endfilter %}", ["a", "b"]),
        ("{% block x %}{{ a }}{{ super() }}{{ self.x() }}{% endblock %}", ["a"]),
        ("{{ range(3) }}{{ dict(a=b) }}{{ cycler(1) }}", ["b"]),
        ("{% raw %}{{ a }}{% endraw %}{# {{ b }} #}", []),
        ("{% if c %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}", ["c"]),
        ("{% if c %}{% set x = 1 %}{% endif %}{{ x }}", ["c", "x"]),
        ("{{ a if b else c }}", ["a", "b", "c"]),
        ("{{ 'x' ~ a ~ [b, {'k': c}] }}{{ not d }}{{ e in f }}{{ -g }}{{ h[i:j] }}", list("abcdefgh") + ["i", "j"]),
    ],
)
def test_paths(source: str, paths: list[str]) -> None:
    assert [path for path, _ in uses(source)] == paths


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ a|default('x') }}", [("a", True)]),
        ("{{ a.b|d('x')|upper }}", [("a.b", True)]),
        ("{{ a|upper|default('x') }}", [("a", False)]),
        ("{% if a is defined %}{{ a }}{% endif %}{{ a }}", [("a", True), ("a", True), ("a", False)]),
        ("{% if a is undefined %}{{ a }}{% else %}{{ a }}{% endif %}", [("a", True), ("a", False), ("a", True)]),
        ("{% if not a is defined %}{{ a }}{% else %}{{ a }}{% endif %}", [("a", True), ("a", False), ("a", True)]),
        ("{{ a is defined and a.b }}", [("a", True), ("a.b", False)]),
        ("{{ a.b is defined and a.b.c }}", [("a.b", True), ("a.b.c", False)]),
        ("{% if a.b is defined %}{{ a }}{{ a.c }}{% endif %}", [("a.b", True), ("a", True), ("a.c", False)]),
        ("{% if a is defined %}{{ a.b }}{% endif %}", [("a", True), ("a.b", False)]),
        ("{{ a is undefined or a > 1 }}", [("a", True), ("a", True)]),
        ("{{ a if a is defined else b }}", [("a", True), ("a", True), ("b", False)]),
        ("{% if a is defined or b %}{{ a }}{% endif %}", [("a", True), ("b", False), ("a", False)]),
        (
            "{% if a is defined and b is defined %}{{ a }}{{ b }}{% else %}{{ a }}{% endif %}",
            [("a", True), ("b", True), ("a", True), ("b", True), ("a", False)],
        ),
        (
            "{% if a is undefined %}x{% elif b is undefined %}{{ a }}{% else %}{{ a }}{{ b }}{% endif %}",
            [("a", True), ("b", True), ("a", True), ("a", True), ("b", True)],
        ),
        ("{% if a %}{{ a }}{% endif %}", [("a", False), ("a", False)]),
    ],
)
def test_guards(source: str, expected: list[tuple[str, bool]]) -> None:
    assert uses(source) == expected


def test_a_use_knows_how_much_of_its_path_is_certain() -> None:
    source = "{% if a.b is defined and x.y.z is defined %}{{ a.b.c }}{{ a.d }}{{ x.y }}{{ q }}{% endif %}{{ r.s|d(1) }}"
    found = {use.path: use for use in uses_of_template(environment.parse(source), "html")}
    assert {path: use.certain for path, use in found.items()} == {
        "a.b": "a.b",
        "x.y.z": "x.y.z",
        "a.b.c": "a.b",
        "a.d": "a",
        "x.y": "x.y",
        "q": "",
        "r.s": "r.s",
    }
    assert found["a.b.c"].copes_without("a")
    assert found["a.b.c"].copes_without("a.b")
    assert not found["a.b.c"].copes_without("a.b.c")
    assert not found["q"].copes_without("q")
    assert found["r.s"].copes_without("r")


def test_required_leaves_out_what_the_template_can_do_without() -> None:
    compiled = compile_email(
        EmailContent(
            subject="{{ name }}",
            html="{{ nick|default('x') }}{% if order.id is defined %}{{ order.lines }}{% endif %}{{ order|d({}) }}",
            text="{{ footer }}",
            headers=(HeaderSource("X-A", "{{ tag|d('') }}{{ kind }}"),),
            cc_variable="manager.email",
        )
    )
    assert compiled.variables == {"name", "nick", "order", "footer", "tag", "kind", "manager"}
    assert compiled.required == {"name", "footer", "kind"}


names = st.sampled_from(["a", "b", "c", "item"])
expression = st.one_of(
    names, st.just("loop"), names.map(lambda n: f"{n}.x"), names.map(lambda n: f"{n}|default(b)"), st.just("range(2)")
)


def statements() -> st.SearchStrategy[str]:
    return st.recursive(
        st.one_of(
            expression.map(lambda e: "{{ " + e + " }}"),
            st.tuples(names, expression).map(lambda t: "{% set " + t[0] + " = " + t[1] + " %}"),
        ),
        lambda inner: st.one_of(
            st.tuples(names, expression, inner).map(
                lambda t: "{% for " + t[0] + " in " + t[1] + " %}" + t[2] + "{% endfor %}"
            ),
            st.tuples(names, expression, inner).map(
                lambda t: "{% with " + t[0] + " = " + t[1] + " %}" + t[2] + "{% endwith %}"
            ),
            st.tuples(expression, names).map(lambda t: "{% if " + t[0] + " %}{{ " + t[1] + " }}{% endif %}"),
            st.tuples(names, inner).map(lambda t: "{% set " + t[0] + " %}" + t[1] + "{% endset %}"),
            st.lists(inner, max_size=3).map("".join),
        ),
        max_leaves=8,
    )


@given(statements())
def test_agrees_with_jinja_about_the_names(source: str) -> None:
    """Of a name that is read first and set later, Jinja says it comes from nowhere; we say that it is missing."""
    tree = environment.parse(source)
    ours = {use.root for use in uses_of_template(tree, "html")}
    by_jinja = meta.find_undeclared_variables(environment.parse(source))
    set_somewhere = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"}
    assert by_jinja <= ours
    assert ours - by_jinja <= set_somewhere


def test_uses_of_a_whole_template() -> None:
    content = EmailContent(
        subject="é {{ a }}",
        html="<p>\n  {{ order.id }}</p>",
        text="{{ broken",
        headers=(HeaderSource("X-A", "{{ b }}"),),
        bcc_variable="archive",
    )
    assert [(u.path, u.root, u.part, u.line, u.column, u.end_column) for u in variable_paths(content)] == [
        ("a", "a", "subject", 1, 6, 7),
        ("b", "b", "header:X-A", 1, 4, 5),
        ("order.id", "order", "html", 2, 6, 14),
        ("archive", "archive", "bcc", 1, 1, 8),
    ]


def test_rename_changes_every_use_and_nothing_else() -> None:
    content = EmailContent(
        subject="{{ name }} name",
        html="{{ name }}{{ name.first }} {% for name in name %}{{ name }}{% endfor %}\n"
        "{{ full_name }}{{ 'name' }}{{ x.name }}",
        text="{% set name2 = name %}{{ name2 }}",
        from_name="{{ name|upper }}",
        reply_to="{{ name }}",
        headers=(HeaderSource("X-A", "{{ name ~ name }}"),),
        cc_variable="name",
    )
    renamed = rename_variable(content, "name", "customer_name")
    assert renamed == EmailContent(
        subject="{{ customer_name }} name",
        html="{{ customer_name }}{{ customer_name.first }} {% for name in customer_name %}{{ name }}{% endfor %}\n"
        "{{ full_name }}{{ 'name' }}{{ x.name }}",
        text="{% set name2 = customer_name %}{{ name2 }}",
        from_name="{{ customer_name|upper }}",
        reply_to="{{ customer_name }}",
        headers=(HeaderSource("X-A", "{{ customer_name ~ customer_name }}"),),
        cc_variable="customer_name",
    )
    assert rename_variable(renamed, "customer_name", "name") == content


def test_rename_keeps_windows_line_ends() -> None:
    content = EmailContent(subject="s", html="a\r\n{{ x }}\r\n{{ x }}")
    assert rename_variable(content, "x", "yy").html == "a\r\n{{ yy }}\r\n{{ yy }}"
