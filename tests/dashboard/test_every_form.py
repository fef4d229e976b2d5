"""Every form that the desk shows, sent as it stands, from an old page, empty, and with junk: always an answer."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any
from urllib.parse import urljoin

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from flask.testing import FlaskClient

from dashboard.demo import services as demo
from tests.browser.objects import Objects, make_data
from tests.pages import endpoint_of, walk

#: They end the session that the test needs.
LEFT_OUT = {"accounts.logout", "accounts.change_password", "accounts.sign_out_others"}
EACH = 1
JUNK = (
    "x" * 5000, "<script>alert(1)</script>", "a\r\nBcc: x@example.com", "nul\x00", "-1", "9" * 30, "1e309", "NaN",
    "{{ ''.__class__ }}", "{% for %}", "9999-99-99", "2026-02-30T99:99", "\N{GRINNING FACE}\u202e", "' OR 1=1 --",
    "../../etc/passwd", "[]", "{}", "[[[[", "null", "true", "http://169.254.169.254/", "%00", "* * * * *",
    "Europe/Nowhere", "1;2;3", "٣٤٥", '{"a": "\\ud83d"}', '{"a": "\\u0000"}',
)  # fmt: skip
FILES = (b"", b"\xff\xfe\x00", b'a,b\n1,2,3\n"', b"email\nx@example.com\n")

Values = list[tuple[str, str]]


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes, what stands in it and which of its fields take a file."""

    endpoint: str
    method: str
    address: str
    values: Values
    files: tuple[str, ...]


def _value_of(field: Tag) -> Iterator[str]:
    """What a browser would send for a field."""
    if field.name == "select":
        options = field.find_all("option")
        chosen = [option for option in options if option.has_attr("selected")]
        if not field.has_attr("multiple"):
            chosen = chosen or options[:1]
        yield from (str(option.get("value", option.get_text())) for option in chosen)
    elif field.name == "textarea":
        yield field.get_text()
    elif field.get("type") not in ("checkbox", "radio") or field.has_attr("checked"):
        yield str(field.get("value", "on" if field.get("type") == "checkbox" else ""))


def _forms_of(app: Flask, address: str, page: BeautifulSoup) -> Iterator[Form]:
    for form in page.find_all("form"):
        fields = [field for field in form.select("input, select, textarea") if field.get("name")]
        fields += page.select(f'[form="{form["id"]}"][name]') if form.get("id") else []
        files = tuple(str(field["name"]) for field in fields if field.get("type") == "file")
        values = [(str(field["name"]), value) for field in fields for value in _value_of(field)]
        values = [(name, value) for name, value in values if name not in files]
        method = str(form.get("method", "get")).upper()
        for target in [form.get("action"), *(button["formaction"] for button in form.select("button[formaction]"))]:
            goal = urljoin(address, str(target or ""))
            yield Form(endpoint_of(app, method, goal), method, goal, values, files)


def _all_forms(app: Flask, client: FlaskClient) -> list[Form]:
    found, visits = [], Counter[str]()
    for _endpoint, address, response in walk(app, client):
        if response.mimetype == "text/html":
            for form in _forms_of(app, address, BeautifulSoup(response.text, "html.parser")):
                visits[form.endpoint] += 1
                if form.endpoint not in LEFT_OUT and visits[form.endpoint] <= EACH:
                    found.append(form)
    return found


def _changed(form: Form, change: Callable[[str, str], str]) -> Values:
    return [(name, value if name == "csrf_token" else change(name, value)) for name, value in form.values]


def _ways(form: Form) -> Iterator[Values]:
    """A form as people and others send it."""
    yield form.values
    if any(name == "version" for name, _value in form.values):
        yield _changed(form, lambda name, value: "0" if name == "version" else value)
        yield _changed(form, lambda name, _value: "0" if name == "version" else "another")
        yield _changed(form, lambda name, value: "9" * 30 if name == "version" else value)
        yield _changed(form, lambda name, value: "x" if name == "version" else value)
    yield _changed(form, lambda name, value: value if name == "version" else "")
    yield _changed(form, lambda name, value: value if name == "version" else "9" * 30)
    yield _changed(form, lambda name, value: value if name == "version" else "nul\x00")
    for start in (0, 13):
        junk = islice(cycle(JUNK), start, None)
        yield _changed(form, lambda name, value, junk=junk: value if name == "version" else next(junk))  # type: ignore[misc]


def _send(client: FlaskClient, form: Form, values: Values, number: int) -> Any:
    data: dict[str, Any] = {}
    for name, value in values:
        data.setdefault(name, []).append(value)
    headers = {"HX-Request": "true"} if number % 2 else {}
    if form.method == "GET":
        return client.get(form.address, query_string=data, headers=headers)
    for name in form.files:
        data[name] = (io.BytesIO(FILES[number % len(FILES)]), "file.csv")
    return client.post(form.address, data=data, headers=headers)


@pytest.fixture
def crowded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """A desk with something of everything, and with the tokens that browsers send."""
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    everybody = list(demo.people())
    monkeypatch.setattr(demo, "people", lambda: iter(everybody[:30]))
    assert demo.fill_in_demonstration()
    return app


def test_every_form_has_an_answer_to_everything(crowded: Flask, client: FlaskClient) -> None:
    with client.session_transaction() as session:
        user_id = int(str(session["_user_id"]).split(":")[0])
    make_data(Objects(user=user_id))
    faults = []
    forms = _all_forms(crowded, client)

    for form in forms:
        for number, values in enumerate(_ways(form)):
            try:
                status = _send(client, form, values, number).status_code
            except Exception as error:
                faults.append(f"{form.endpoint}: {error!r:.300} for {values!r:.600}")
                continue
            if status >= 500:
                faults.append(f"{form.endpoint}: {status} for {values!r:.600}")

    assert faults == []
    assert client.get("/").status_code == 200, "the session ended on the way"
    assert len({form.endpoint for form in forms}) >= 100, "a part of the desk shows no form"
