"""Rules that every template keeps: strict CSP, one way to write a status, htmx within the chosen subset."""

import re
from pathlib import Path

import pytest
from flask import Flask

from dashboard.interface import template_folder

pytestmark = pytest.mark.sqlite_only  # nothing here depends on the database

TEMPLATES = sorted(template_folder().rglob("*.html"))
FORBIDDEN = {
    "hx-on": r"\bhx-on\b|\bhx_on",
    "hx-vars": r"\bhx-vars\b",
    "js: values": r"=\s*[\"']js:",
    "trigger filter in a macro": r"hx_trigger\s*=\s*[\"'][^\"']*\[",
    "hx-confirm": r"\bhx[-_]confirm\b",
    "hx-prompt": r"\bhx[-_]prompt\b",
    "hx-boost": r"\bhx[-_]boost\b",
    "hx-ext": r"\bhx[-_]ext\b",
    "hx-params": r"\bhx[-_]params\b",
    "hx-disable": r"\bhx-disable(?!d-elt)\b",
    "data-hx": r"\bdata-hx-",
    "safe filter": r"\|\s*safe\b",
    "inline script": r"<script(?![^>]*\ssrc=)",
    "style element": r"<style\b",
    "top-level import": r"\{%-?\s*(?:from|import)\b",
}
MARKUP_ONLY = {  # looked for with Jinja's own expressions taken out
    "trigger filter": r"hx-trigger\s*=\s*\"[^\"]*\[",
    "inline style": r"<[a-z][^>]*\sstyle\s*=",
    "inline handler": r"<[a-z][^>]*\son[a-z]+\s*=",
}


def name_of(path: Path) -> str:
    return str(path.relative_to(template_folder()))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_template_keeps_the_rules(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    markup = re.sub(r"\{\{.*?\}\}|\{%.*?%\}", "", text, flags=re.DOTALL)
    found = [rule for rule, pattern in FORBIDDEN.items() if re.search(pattern, text)]
    found += [rule for rule, pattern in MARKUP_ONLY.items() if re.search(pattern, markup)]

    assert found == []


@pytest.mark.parametrize("path", [path for path in TEMPLATES if not name_of(path).startswith("_ui/")], ids=name_of)
def test_status_is_written_by_the_badge_macro_alone(path: Path) -> None:
    assert not re.search(r"class=\"badge\b", path.read_text())


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_template_uses_macros_that_exist(app: Flask, path: Path) -> None:
    used = set(re.findall(r"\bui\.([a-z_]+)\(", path.read_text()))

    assert used <= set(app.jinja_env.globals["ui"].names())


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_template_compiles(app: Flask, path: Path) -> None:
    app.jinja_env.get_template(name_of(path))


@pytest.mark.parametrize("path", TEMPLATES, ids=name_of)
def test_elements_with_a_request_state_their_own_target(path: Path) -> None:
    """Inheritance is off: an element without hx-target would swap itself."""
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    for tag in re.findall(r"<[a-z][^<>]*\bhx-(?:get|post)=[^<>]*>", text):
        assert "hx-target=" in tag or 'hx-swap="none"' in tag, tag
