"""The editor in a real browser: typing, the live preview, saving, uploads, two people, and access for everybody."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import session
from playwright.sync_api import Browser, ConsoleMessage, FrameLocator, Page, expect, sync_playwright
from werkzeug.serving import make_server

from dashboard import create_app
from dashboard.accounts.sessions import begin_session
from dashboard.extensions import Base, db, transaction
from dashboard.message_templates import services
from dashboard.variables.services import create_variable
from tests.conftest import settings_for
from tests.factories.message_templates import change, new_audience, new_template
from tests.factories.users import new_user

pytestmark = pytest.mark.browser
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Address of a served application, its administrator's session cookie, and public ids of what is there."""
    app = create_app(settings_for(tmp_path_factory.mktemp("editor")))
    app.config["TESTING"] = True
    with app.app_context():
        Base.metadata.create_all(db.engine)
        with transaction():
            user = new_user(username="mira", full_name="Mira Nowak")
            db.session.add(user)
        ids = _furnish()
        with app.test_request_context():
            begin_session(user)
            cookie = str(app.session_interface.get_signing_serializer(app).dumps(dict(session)))  # type: ignore[attr-defined]
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}", cookie, ids
    server.shutdown()
    thread.join()
    server.server_close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _furnish() -> dict[str, str]:
    """Templates in every state, an audience and a variable."""
    ready = new_template("Ready", published=True, html="<h1>Hello {{ first_name }}</h1>")
    change(ready, html="<h1>Hello {{ first_name }}</h1>\n<p>{{ shop_name }}</p>", subject="Changed")
    sale = services.create_template(name="Spring sale", category="promotional", starter_key="spring_sale")
    audience = new_audience(
        "Customers", [("ann@example.com", {"first_name": "Ann"}), ("bob@example.com", {"first_name": "Bob"})]
    )
    variable = create_variable(name="shop_name", value="Bluebird")
    return {
        "ready": ready.public_id,
        "sale": sale.public_id,
        "audience": audience.public_id,
        "variable": variable.public_id,
    }


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


def _page(browser: Browser, served: tuple[str, str, dict[str, str]], *, scripts: bool = True) -> Page:
    address, cookie, _ = served
    context = browser.new_context(
        base_url=address, viewport={"width": 1440, "height": 900}, java_script_enabled=scripts
    )
    context.set_default_timeout(60_000)
    context.add_cookies([{"name": "session", "value": cookie, "url": address}])
    return context.new_page()


def _blocked(line: ConsoleMessage) -> bool:
    """Whether the page's own policy refused something; a mail in the preview frame may try what it likes."""
    return "Content Security Policy" in line.text and "/preview?" not in line.location.get("url", "")


@pytest.fixture
def page(browser: Browser, served: tuple[str, str, dict[str, str]]) -> Iterator[Page]:
    """A page on which anything that the policy blocks, or an error in a script, fails the test."""
    page = _page(browser, served)
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if _blocked(line) else None)
    yield page
    page.context.close()
    assert problems == []


@pytest.fixture
def template(browser: Browser, served: tuple[str, str, dict[str, str]]) -> Iterator[str]:
    """Address of a fresh template's editor, made through the pages without JavaScript."""
    page = _page(browser, served, scripts=False)
    page.goto("/templates/new")
    page.get_by_label("Name", exact=True).fill(f"Made at {id(page)}")
    page.get_by_role("button", name="Create and edit").click()
    page.wait_for_url("**/edit")
    yield page.url
    page.context.close()


def shown(page: Page) -> FrameLocator:
    return page.frame_locator("#mail-frame")


def type_html(page: Page, text: str) -> None:
    editor = page.locator("#template-fields .editor-host").first.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+A")
    page.keyboard.press("Delete")  # typed over a selection, Chromium adds a styled span of its own, which is refused
    page.keyboard.insert_text(text)


def test_typing_shows_what_people_get(page: Page, template: str) -> None:
    page.goto(template)
    type_html(page, "<h1>Hello {{ first_name }}</h1>")
    expect(shown(page).locator("h1")).to_have_text("Hello Asha")
    type_html(page, "<h1>Hello {{ frist_name }}</h1>")
    expect(shown(page).locator("mark[data-undefined]")).to_have_text("frist_name")
    expect(page.locator("#preview-result")).to_contain_text("did you mean first_name")
    expect(page.locator(".editor-host .cm-lintRange-error").first).to_have_text("frist_name")


def test_an_error_dims_the_last_good_preview(page: Page, template: str) -> None:
    page.goto(template)
    type_html(page, "<h1>Good</h1>")
    expect(shown(page).locator("h1")).to_have_text("Good")
    type_html(page, "<h1>{% if a %}Bad</h1>")
    expect(page.locator("#preview-result")).to_contain_text("Cannot be rendered.")
    expect(shown(page).locator("h1")).to_have_text("Good")
    assert float(page.locator(".preview-pane .mail-frame").evaluate("e => getComputedStyle(e).opacity")) < 1


def test_save_by_keyboard_keeps_the_cursor_and_the_page(page: Page, template: str) -> None:
    page.goto(template)
    type_html(page, "<p>Saved by keyboard</p>")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state")).to_contain_text("Saved ")
    page.keyboard.insert_text(" and on")
    page.keyboard.press("Control+s")
    expect(page.locator("#save-state input[name=version]")).to_have_value("3")
    page.reload()
    expect(page.locator("textarea[name=html]")).to_have_value("<p>Saved by keyboard</p> and on")


def test_real_records_step_by_step(page: Page, template: str) -> None:
    page.goto(template)
    type_html(page, "<h1>Hello {{ first_name }}</h1>")
    page.locator("#data").select_option(label="Customers")
    expect(shown(page).locator("h1")).to_have_text("Hello Ann")
    page.get_by_role("button", name="Next record").click()
    expect(shown(page).locator("h1")).to_have_text("Hello Bob")
    expect(page.locator("#preview-result")).to_contain_text("record 2 of 2")
    page.wait_for_url("**row=1")
    page.locator("#who").fill("ann@")
    page.keyboard.press("Enter")
    expect(shown(page).locator("h1")).to_have_text("Hello Ann")
    assert "ann" not in page.url
    expect(page.locator("#save-state")).to_contain_text("Last saved")


def test_views_and_pictures(page: Page, template: str) -> None:
    page.goto(template)
    type_html(page, "<h1>Heading</h1>")
    page.get_by_role("radio", name="Text").check(force=True)
    expect(shown(page).locator("pre")).to_contain_text("Heading")
    page.get_by_role("radio", name="Headers").check(force=True)
    expect(shown(page).locator("pre")).to_contain_text("Subject:")
    page.get_by_role("radio", name="Mobile").check(force=True)
    expect(shown(page).locator("h1")).to_have_text("Heading")
    assert page.locator("#mail-frame").bounding_box()["width"] == 375  # type: ignore[index]
    page.wait_for_url("**view=mobile")


def test_a_hostile_mail_runs_nothing_and_fetches_nothing(page: Page, template: str) -> None:
    fetched: list[str] = []
    page.route("https://**", lambda route: (fetched.append(route.request.url), route.abort()))
    page.goto(template)
    type_html(
        page,
        "<script>parent.document.title='owned'</script><img src='https://tracker.example/p.gif'>"
        "<meta http-equiv='refresh' content='0;url=https://elsewhere.example/'>"
        "<form action='https://elsewhere.example/'><button id='go'>go</button></form>"
        "<a target='_top' id='out' href='https://elsewhere.example/'>out</a><h1>Loaded</h1>",
    )
    expect(shown(page).locator("h1")).to_have_text("Loaded")
    shown(page).locator("#go").click()
    shown(page).locator("#out").click()
    assert "owned" not in page.title()
    assert "/edit" in page.url
    assert fetched == []


def test_upload_header_rows_and_sample_values(page: Page, template: str, tmp_path: Path) -> None:
    (tmp_path / "prices.pdf").write_bytes(b"%PDF-1.7")
    page.goto(template)
    page.get_by_label("Add files").set_input_files(tmp_path / "prices.pdf")
    expect(page.locator("#attachments")).to_contain_text("prices.pdf")
    page.get_by_role("button", name="Add a header").click()
    expect(page.locator("#header_name-0")).to_be_focused()
    page.locator("#header_name-0").fill("Subject")
    page.locator("#header_value-0").fill("x")
    expect(page.locator("#preview-result")).to_contain_text("written by the sender")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    page.locator("#header_name-0").fill("X-Run")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#save-state")).to_contain_text("Saved ")
    expect(page.locator("#attachments")).to_contain_text("prices.pdf")


def test_two_tabs(page: Page, template: str) -> None:
    page.goto(template)
    other = page.context.new_page()
    other.goto(template)
    other.locator("#subject").fill("Theirs")
    other.get_by_role("button", name="Save draft").click()
    expect(other.locator("#save-state")).to_contain_text("Saved ")
    page.locator("#subject").fill("Mine")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".conflict")).to_contain_text("Mira Nowak saved this template")
    expect(page.locator("#subject")).to_have_value("Mine")
    page.get_by_role("button", name="Take their Subject").click()
    expect(page.locator("#subject")).to_have_value("Theirs")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#save-state")).to_contain_text("Saved ")


@pytest.mark.parametrize(("theme", "width"), [("light", 360), ("dark", 1440)])
def test_everybody_can_use_these_pages(
    page: Page, served: tuple[str, str, dict[str, str]], theme: str, width: int
) -> None:
    ids = served[2]
    page.set_viewport_size({"width": width, "height": 900})
    found = {}
    for path in (
        "/templates",
        f"/templates/{ids['sale']}",
        f"/templates/{ids['ready']}/edit?data={ids['audience']}",
        f"/templates/{ids['ready']}/versions/1..draft",
        f"/templates/{ids['ready']}/publish",
        "/variables",
        f"/variables/{ids['variable']}",
    ):
        page.goto(f"{path}{'&' if '?' in path else '?'}theme={theme}")
        result = Axe().run(page, options={"runOnly": AXE_TAGS, "iframes": False}).response["violations"]
        found[path] = [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in result]
        if page.evaluate("document.documentElement.scrollWidth") != width:
            found[path].append(("wider than the window", []))
    assert {path: violations for path, violations in found.items() if violations} == {}
