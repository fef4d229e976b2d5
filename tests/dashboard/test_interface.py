"""The macros, filters and hashed addresses that every template uses."""

import gzip
import json
import re
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from flask_wtf import FlaskForm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wtforms import BooleanField, PasswordField, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from dashboard import interface
from dashboard.assets import icon_names, static_url

pytestmark = pytest.mark.sqlite_only  # nothing here depends on the database


class SampleForm(FlaskForm):
    name = StringField("Name", [InputRequired("Give it a name.")], description="Shown in `every` list.")
    secret = PasswordField("Password")
    category = SelectField("Category", choices=[SelectChoice("a", "A"), SelectChoice("b", "B")])
    on = BooleanField("Switch it on")
    policy = RadioField(
        "Policy", choices=[SelectChoice("resend", "Send again"), SelectChoice("leave", "Leave")], default="resend"
    )
    body = TextAreaField("Body")


@pytest.fixture
def draw(app: Flask) -> Any:
    """Render a snippet inside a request and give the parsed result."""

    def render(source: str, **context: Any) -> BeautifulSoup:
        with app.test_request_context("/"):
            return BeautifulSoup(render_template_string(source, **context), "html.parser")

    return render


@pytest.fixture
def form(app: Flask) -> Any:
    with app.test_request_context("/", method="POST", data={}):
        form = SampleForm(meta={"csrf": False})
        form.validate()
        yield form


def test_macros_work_in_a_page_and_in_a_block_alone(app: Flask) -> None:
    from jinja2_fragments.flask import render_block

    with app.test_request_context("/"):
        html = render_block("_bare.html", "main")
    assert html.strip() == ""
    names = app.jinja_env.globals["ui"].names()
    assert {"badge", "field", "icon", "timeline", "toast_oob"} <= set(names)


def test_missing_macro_is_named(app: Flask) -> None:
    with pytest.raises(AttributeError, match="no macro 'bagde'"):
        _ = app.jinja_env.globals["ui"].bagde


def test_every_macro_is_described_with_its_arguments(app: Flask) -> None:
    sources = "\n".join(path.read_text() for path in (interface.template_folder() / "_ui").glob("*.html"))
    ui = app.jinja_env.globals["ui"]
    for name in ui.names():
        written = re.search(r"\{# " + name + r"\((.*?)\): ", sources)
        assert written, name
        described = re.findall(r"(?:^|, )(\w+)(?==|,|$)", re.sub(r'"[^"]*"', '""', written[1]))
        assert described == list(getattr(ui, name).arguments), name


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
@given(name=st.from_regex(r"[a-z]{1,8}(_[a-z]{1,8})?", fullmatch=True), value=st.text())
def test_attributes_come_back_from_a_parser_as_they_went_in(name: str, value: str) -> None:
    html = f"<p{interface.html_attributes({name: value})}></p>"

    assert BeautifulSoup(html, "html5lib").p.attrs == {
        name.replace("_", "-"): value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "\ufffd")
    } or any(character in value for character in "\x00\r")


def test_json_in_an_attribute_comes_back_whole(draw: Any) -> None:
    button = draw('{{ ui.button("Go", data_list=[{"a": "it\'s"}]|tojson) }}').button

    assert json.loads(button["data-list"]) == [{"a": "it's"}]


def test_attributes_that_are_off_are_left_out() -> None:
    assert (
        interface.html_attributes({"hidden": True, "id": None, "disabled": False, "class_": "x"}) == ' hidden class="x"'
    )


def test_field_ties_label_hint_and_error_to_the_control(draw: Any, form: Any) -> None:
    page = draw("{{ ui.field(form.name) }}", form=form)

    control = page.find("input")
    assert page.find("label")["for"] == control["id"]
    assert control["aria-invalid"] == "true"
    described = [page.find(id=reference) for reference in control["aria-describedby"].split()]
    assert [part.get_text(" ", strip=True) for part in described] == ["Shown in every list.", "Error: Give it a name."]
    assert described[0].code.text == "every"


def test_field_draws_each_kind(draw: Any, form: Any) -> None:
    page = draw("{% for field in form if field.type != 'CSRFTokenField' %}{{ ui.field(field) }}{% endfor %}", form=form)

    assert page.find("input", attrs={"type": "checkbox"})["role"] == "switch"
    assert [radio["value"] for radio in page.find("fieldset").find_all("input")] == ["resend", "leave"]
    assert page.find("select")["id"] == "category"
    assert page.find("button", class_="reveal")["data-reveal"] == "secret"
    assert page.find("textarea")["rows"] == "4"
    ids = [element["id"] for element in page.find_all(id=True)]
    assert len(ids) == len(set(ids))


def test_error_summary_links_to_the_wrong_fields_only(draw: Any, form: Any) -> None:
    page = draw("{{ ui.error_summary(form) }}", form=form)

    assert [(link["href"], link.text) for link in page.find_all("a")] == [
        ("#name", "Name: Give it a name."),
        ("#category", "Category: Not a valid choice."),
    ]
    assert page.find(class_="error-summary")["tabindex"] == "-1"


@pytest.mark.parametrize(
    "call",
    [
        "ui.toast('ok', evil)",
        "ui.kv([(evil, evil)])",
        "ui.copy(evil, evil)",
        "ui.code(evil, evil)",
        "ui.stat(evil, evil)",
        "ui.diff([{'op': 'added', 'text': evil}])",
        "ui.chips([{'label': evil, 'value': evil, 'remove_url': evil}])",
        "ui.link_button(evil, evil, data_x=evil)",
        "ui.button(evil, reason=evil, data_x=evil)",
        "ui.timeline([{'text': evil, 'detail': evil}])",
        "ui.phone(evil, evil)",
        "ui.curl('POST', evil, evil)",
        "ui.marker(evil)",
        "ui.page_head(evil, evil, (evil, evil))",
        "ui.bars([(evil, 1, evil)], evil)",
        "ui.stacked_bar([(evil, 1, evil)], evil)",
        "ui.tabs([(evil, evil, evil)], evil)",
        "ui.search_input(evil, evil)",
        "ui.mail_frame(evil, evil)",
        "ui.avatar(evil)",
    ],
)
def test_text_from_people_is_escaped(draw: Any, call: str) -> None:
    page = draw("{{ " + call + " }}", evil='"><script>alert(1)</script>')

    assert page.find("script") is None


def test_badge_shows_icon_word_and_kind(draw: Any) -> None:
    badge = draw('{{ ui.badge("message", "bounced") }}').find(class_="badge")

    assert (badge["data-kind"], badge.text, badge.use["href"].split("#")[1]) == ("bad", "Bounced", "corner-up-left")


def test_unknown_state_is_a_loud_error(draw: Any) -> None:
    with pytest.raises(LookupError, match="'message' in state 'vanished'"):
        draw('{{ ui.badge("message", "vanished") }}')


def test_unknown_icon_is_a_loud_error_under_test(draw: Any, app: Flask) -> None:
    assert "mail" in icon_names()
    with pytest.raises(LookupError, match="no icon 'male'"):
        draw('{{ ui.icon("male") }}')


def test_button_that_cannot_act_says_why(draw: Any) -> None:
    button = draw('{{ ui.button("Publish", reason="Save first.") }}').button

    assert (button["aria-disabled"], button["data-reason"], button["title"]) == ("true", "Save first.", "Save first.")
    assert "disabled" not in button.attrs


def test_icon_button_has_a_name(draw: Any) -> None:
    assert draw('{{ ui.button("Delete Ada", "x", "icon") }}').button["aria-label"] == "Delete Ada"


def test_action_is_a_form_with_a_token_and_hidden_without_permission(
    app: Flask, draw: Any, client: FlaskClient
) -> None:
    page = draw(
        '{{ ui.action("/pause", "Pause", fields={"version": 3}) }}'
        '{{ ui.action("/x", "Forbidden", permission="users.manage") }}'
    )

    assert len(page.find_all("form")) == 1
    assert page.form["method"] == "post"
    assert page.find("input", attrs={"name": "csrf_token"})["value"]
    assert page.find("input", attrs={"name": "version"})["value"] == "3"


def test_curl_keeps_a_quote_inside_the_body(draw: Any) -> None:
    text = draw("{{ ui.curl('POST', 'https://desk.example/api', body) }}", body='{"name": "O\'Hara"}').code.text

    assert "-d '{\"name\": \"O'\\''Hara\"}'" in text
    assert "$API_KEY" in text


def test_stacked_bar_fills_the_width(draw: Any) -> None:
    page = draw('{{ ui.stacked_bar([("A", 1, "ok"), ("B", 0, "bad"), ("A", 3, "info")], "Parts") }}')

    parts = [(float(rect["x"]), float(rect["width"])) for rect in page.find_all("rect")[1:]]
    assert parts == [(0.0, 25.0), (25.0, 75.0)]


def test_static_address_changes_with_the_content_and_is_kept_for_ever(app: Flask, anonymous: FlaskClient) -> None:
    with app.test_request_context("/"):
        address = static_url("css/app.css")
    hashed = anonymous.get(address, headers={"Accept-Encoding": "gzip"})
    plain = anonymous.get("/static/css/app.css")

    assert "immutable" in hashed.headers["Cache-Control"]
    assert hashed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(hashed.data) == plain.data
    assert plain.headers["Cache-Control"] == "no-cache"
    assert "Content-Encoding" not in plain.headers
    assert anonymous.get("/static/css/app.css?v=old").headers["Cache-Control"] == "no-cache"


def test_missing_static_file_is_a_loud_error(app: Flask) -> None:
    with app.test_request_context("/"), pytest.raises(FileNotFoundError):
        static_url("css/ap.css")
