"""The gallery in a real browser: access, policy, and what static/js does for people."""

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask, Response, request, session
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect, sync_playwright
from werkzeug.serving import make_server

from dashboard import create_app
from dashboard.accounts.models import Role
from dashboard.accounts.sessions import begin_session
from dashboard.extensions import Base, db, transaction
from dashboard.security import public
from tests.conftest import settings_for
from tests.factories.users import new_user

pytestmark = pytest.mark.browser
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Faults:
    """What the test routes do next."""

    def __init__(self) -> None:
        self.status = 200
        self.polls = 0
        self.stored = bytearray()
        self.cut_next_slice = False


def _add_test_routes(app: Flask, faults: Faults) -> None:
    @app.route("/t/act", methods=["GET", "POST"])
    @public
    def act() -> Response:
        if faults.status != 200:
            return Response("The desk is being restarted.\nsecond line", faults.status, mimetype="text/plain")
        return Response(
            f'<p id="acted">token {request.headers.get("X-CSRFToken", "")[:3]} {request.form.get("name", "")}</p>'
        )

    @app.get("/t/poll")
    @public
    def poll() -> Response:
        faults.polls += 1
        return Response(f"poll {faults.polls}", faults.status)

    @app.put("/t/data")
    @public
    def data() -> Response | tuple[dict[str, Any], int]:
        offset = request.args.get("offset", -1, type=int)
        if offset != len(faults.stored):
            return {"offset": len(faults.stored)}, 409
        faults.stored += request.get_data()
        if faults.cut_next_slice:
            faults.cut_next_slice = False
            return Response("", 503)
        return {"offset": len(faults.stored)}, 200


@pytest.fixture(scope="module")
def faults() -> Faults:
    return Faults()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, faults: Faults) -> Iterator[tuple[str, str]]:
    """Address of a served application in development, and the session cookie of its administrator."""
    app = create_app(settings_for(tmp_path_factory.mktemp("gallery"), environment="development"))
    app.config["TESTING"] = True
    _add_test_routes(app, faults)
    with app.app_context():
        Base.metadata.create_all(db.engine)
        with transaction():
            user = new_user(role=Role.ADMIN, username="mira", full_name="Mira Nowak")
            db.session.add(user)
        with app.test_request_context():
            begin_session(user)
            cookie = str(app.session_interface.get_signing_serializer(app).dumps(dict(session)))  # type: ignore[attr-defined]
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.port}", cookie
    server.shutdown()
    thread.join()
    server.server_close()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser, served: tuple[str, str], faults: Faults) -> Iterator[BrowserContext]:
    address, cookie = served
    faults.status, faults.polls, faults.cut_next_slice = 200, 0, False
    faults.stored.clear()
    context = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(60_000)
    context.add_cookies([{"name": "session", "value": cookie, "url": address}])
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page on the gallery; anything the policy blocks, or an error in a script, fails the test."""
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda line: problems.append(line.text) if "Content Security Policy" in line.text else None)
    page.goto("/_ui")
    yield page
    assert problems == []


@pytest.mark.parametrize(
    ("theme", "width", "errors"),
    [("light", 1440, "1"), ("dark", 360, "")],
)
def test_everybody_can_use_the_gallery(page: Page, theme: str, width: int, errors: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/_ui?theme={theme}&errors={errors}")
    expect(page.locator(".editor-host")).to_be_visible()

    violations = Axe().run(page, options={"runOnly": AXE_TAGS}).response["violations"]

    assert [(v["id"], [node["target"] for node in v["nodes"]][:3]) for v in violations] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_small_targets_keep_their_distance(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 900})
    small = page.evaluate(
        """[...document.querySelectorAll('button, a.button, input[type=checkbox], input[type=radio], summary')]
        .map((e) => e.closest('label') || e).filter((e) => e.getClientRects().length)
        .map((e) => [e.outerHTML.slice(0, 60), e.getBoundingClientRect()])
        .filter(([, box]) => box.width && (box.width < 24 || box.height < 24)).map(([html]) => html)"""
    )

    assert small == []


def test_dialog_opens_closes_and_gives_the_focus_back(page: Page) -> None:
    page.locator("#open-dialog").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Cancel this campaign?")).to_be_visible()
    expect(page.get_by_role("button", name="Keep it running")).to_be_focused()
    page.evaluate("carillon.toast('bad', 'Out of reach?')")
    page.locator("#dialog").get_by_role("button", name="Dismiss").click()
    expect(page.locator("#toasts .toast")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).not_to_be_visible()
    expect(page.locator("#open-dialog")).to_be_focused()

    page.keyboard.press("Enter")
    page.get_by_role("button", name="Keep it running").click()
    expect(page.locator("#dialog")).not_to_be_visible()
    expect(page.locator("#open-dialog")).to_be_focused()


def test_focus_never_falls_to_the_body_after_a_swap(page: Page) -> None:
    page.evaluate(
        """() => { const box = document.getElementById('results');
        box.innerHTML = '<button id="gone" hx-get="/t/act" hx-target="#results" hx-swap="innerHTML">Go</button>';
        htmx.process(box); }"""
    )
    page.locator("#gone").click()

    expect(page.locator("#acted")).to_be_visible()
    expect(page.locator("main")).to_be_focused()


def put_in(page: Page, markup: str) -> None:
    """Put markup at the top of the page's main part, alive."""
    page.evaluate(
        "(markup) => { const main = document.getElementById('main');"
        " main.insertAdjacentHTML('afterbegin', markup); htmx.process(main); }",
        markup,
    )


def hold(page: Page, path: str) -> list[Route]:
    """Requests to a path do not leave the browser until a test lets them (`continue_`); those that wait."""
    waiting: list[Route] = []

    def keep(route: Route) -> None:
        waiting.append(route)

    page.route(f"**{path}*", keep)
    return waiting


def await_held(page: Page, waiting: list[Route], count: int = 1) -> None:
    for _ in range(2000):
        if len(waiting) >= count:
            return
        page.wait_for_timeout(10)
    raise AssertionError(f"{len(waiting)} of {count} requests have come")


def test_focus_is_kept_over_the_swaps_of_two_requests_at_once(page: Page) -> None:
    put_in(
        page,
        """<div id="live" hx-get="/t/poll" hx-trigger="tick" hx-target="this"><button id="stays">Go</button></div>
        <div id="other" hx-get="/t/act" hx-trigger="tick" hx-target="this"></div>""",
    )
    waiting = hold(page, "/t/poll")
    page.locator("#stays").focus()
    page.evaluate("htmx.trigger('#live', 'tick')")
    await_held(page, waiting)
    page.evaluate("htmx.trigger('#other', 'tick')")
    expect(page.locator("#acted")).to_be_visible()
    expect(page.locator(".htmx-settling")).to_have_count(0)
    waiting[0].continue_()

    expect(page.locator("#live")).to_have_text("poll 1")
    expect(page.locator("main")).to_be_focused()


def test_poll_leaves_the_place_of_an_answer_alone_however_often_it_comes(page: Page, faults: Faults) -> None:
    put_in(
        page,
        """<form hx-post="/t/act" hx-target="#live" hx-swap="outerHTML"><input name="name" value="Ada">
        <button id="send">Send</button></form>
        <div id="live" data-poll hx-get="/t/poll" hx-trigger="tick" hx-target="this" hx-swap="outerHTML">old</div>""",
    )
    page.evaluate(
        "() => { const { dataset } = document.documentElement; dataset.ended = 0;"
        " document.addEventListener('htmx:afterRequest', () => { dataset.ended = Number(dataset.ended) + 1; }); }"
    )
    waiting = hold(page, "/t/act")
    page.locator("#send").click()
    await_held(page, waiting)
    for count in (1, 2, 3):
        page.evaluate("htmx.trigger('#live', 'tick')")
        expect(page.locator("html")).to_have_attribute("data-ended", str(count))
    waiting[0].continue_()

    expect(page.locator("#acted")).to_contain_text("Ada")
    assert faults.polls == 3


def put_form(page: Page) -> None:
    """A form whose field has a live view, as the steps of a campaign have."""
    put_in(
        page,
        """<div id="step"><form id="edit" hx-post="/t/act" hx-target="#step" hx-swap="outerHTML" hx-sync="this:drop">
        <input id="kind" name="name" value="Ada" hx-get="/t/poll" hx-trigger="change" hx-target="#step"
         hx-swap="outerHTML" hx-sync="closest form:replace"><button id="save">Save</button></form></div>""",
    )


def test_saving_is_not_dropped_while_a_live_view_is_on_its_way(page: Page) -> None:
    put_form(page)
    waiting = hold(page, "/t/poll")
    page.evaluate("htmx.trigger('#kind', 'change')")
    await_held(page, waiting)
    page.locator("#save").click()

    expect(page.locator("#acted")).to_contain_text("Ada")


def test_live_view_does_not_take_the_place_of_what_saving_answers(page: Page, faults: Faults) -> None:
    put_form(page)
    waiting = hold(page, "/t/act")
    page.locator("#save").click()
    await_held(page, waiting)
    page.evaluate("htmx.trigger('#kind', 'change')")
    waiting[0].continue_()

    expect(page.locator("#acted")).to_contain_text("Ada")
    assert faults.polls == 0


def test_newer_live_view_takes_the_place_of_the_older(page: Page) -> None:
    put_form(page)
    waiting = hold(page, "/t/poll")
    page.evaluate("htmx.trigger('#kind', 'change')")
    await_held(page, waiting)
    page.evaluate("htmx.trigger('#kind', 'change')")
    await_held(page, waiting, 2)
    waiting[1].continue_()

    expect(page.locator("#step")).to_have_count(0)
    expect(page.locator("main")).to_contain_text("poll 1")


def test_form_is_sent_once_however_often_it_is_pressed(page: Page) -> None:
    put_form(page)
    waiting = hold(page, "/t/act")
    page.locator("#save").click()
    await_held(page, waiting)
    page.locator("#save").click()
    waiting[0].continue_()

    expect(page.locator("#acted")).to_contain_text("Ada")
    assert len(waiting) == 1


def test_shortcuts_work_outside_fields_only_and_can_be_switched_off(page: Page) -> None:
    search = page.locator("#q")
    page.keyboard.press("f")
    expect(search).to_be_focused()
    page.keyboard.type("jkx")
    expect(search).to_have_value("jkx")
    search.fill("hopper")
    expect(page.locator("#messages-table tbody tr")).to_have_count(5)
    expect(page.locator("#page-status")).to_have_text("5 messages")
    expect(search).to_be_focused()
    assert page.url.endswith("/_ui?q=hopper&range=24h")

    page.locator("main").focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("#messages-table tbody tr").nth(1).locator("th a")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("[data-selected-count]")).to_have_text("1")
    page.keyboard.press("k")
    expect(page.locator("#messages-table tbody tr").nth(0).locator("th a")).to_be_focused()

    page.evaluate("document.documentElement.dataset.singleKeys = 'off'")
    page.keyboard.press("f")
    expect(search).not_to_be_focused()


def test_copy_tells_that_it_has_copied(page: Page, context: BrowserContext) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy campaign id").click()

    expect(page.locator("#page-status")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "cmp_01jd3k9v7q"


def add_button(page: Page, attributes: str) -> None:
    page.evaluate(
        f"""() => {{ const main = document.getElementById('main');
        main.insertAdjacentHTML('afterbegin', `<form hx-post="/t/act" hx-target="#out" hx-swap="innerHTML" {attributes}>
        <input type="hidden" name="csrf_token" value="stale"><input name="name" value="Ada">
        <button id="send">Send</button></form><div id="out"></div>`); htmx.process(main); }}"""
    )


def test_stale_form_is_sent_with_the_fresh_token(page: Page) -> None:
    add_button(page, "")
    page.locator("#send").click()

    expect(page.locator("#acted")).to_have_text(re.compile(r"^token .{3} Ada$"))


def test_failed_request_says_why_and_can_be_repeated(page: Page, faults: Faults) -> None:
    add_button(page, "")
    faults.status = 503
    page.locator("#send").click()
    toast = page.locator(".toast[role=alert]")
    expect(toast).to_contain_text("The desk is being restarted. (request ")
    expect(toast.get_by_role("button", name="Copy details")).to_be_visible()

    faults.status = 200
    toast.get_by_role("button", name="Retry").click()
    expect(page.locator("#acted")).to_contain_text("Ada")
    expect(toast).to_have_count(0)


def test_poll_says_when_it_is_paused_and_goes_on_by_itself(page: Page, faults: Faults) -> None:
    page.evaluate(
        """() => { const main = document.getElementById('main');
        main.insertAdjacentHTML('afterbegin', `<div id="live" data-poll hx-get="/t/poll" hx-trigger="tick"
        hx-target="this" hx-swap="innerHTML">old</div>`);
        htmx.process(main); }"""
    )
    faults.status = 500
    for count in range(1, 4):
        with page.expect_response("**/t/poll"):
            page.evaluate("htmx.trigger('#live', 'tick')")
        assert faults.polls == count
    expect(page.locator("#paused-live")).to_contain_text("Live updates paused since")
    expect(page.locator("#live")).to_have_text("old")
    expect(page.locator(".toast[role=alert]")).to_have_count(0)

    faults.status = 200
    page.locator("#paused-live button").click()
    expect(page.locator("#live")).to_have_text("poll 4")
    expect(page.locator("#paused-live")).to_have_count(0)


def test_errors_are_summed_up_and_lead_to_their_fields(page: Page) -> None:
    page.goto("/_ui?errors=1")
    expect(page.locator("[data-error-summary]")).to_be_focused()
    assert page.title().startswith("Error: ")
    page.get_by_role("link", name="Name: Give it a name.").click()
    expect(page.locator("#name")).to_be_focused()


def test_button_that_cannot_act_says_why(page: Page) -> None:
    page.get_by_role("button", name="Publish").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Save the changes before you publish.")


def test_theme_changes_at_once_and_stays(page: Page) -> None:
    page.locator("#user-menu > summary").click()
    with page.expect_response("**/appearance"):
        page.locator("#user-menu").get_by_label("Dark").check()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_menus_close_with_escape_and_outside(page: Page) -> None:
    menu = page.locator("#messages-table tbody tr").first.locator("details.menu")
    menu.locator("summary").click()
    expect(menu.get_by_role("link", name="Resend")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(menu).not_to_have_attribute("open", "")
    expect(menu.locator("summary")).to_be_focused()


def test_combobox_is_worked_by_keys(page: Page) -> None:
    field = page.get_by_role("combobox", name="Audience")
    field.focus()
    with page.expect_response("**/_ui/options?q=press"):
        field.fill("press")
    expect(page.get_by_role("option", name="Press")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")

    expect(field).to_have_value("Press")
    assert page.locator("input[name=audience]").input_value() == "1"
    expect(field).to_have_attribute("aria-expanded", "false")


def test_editor_writes_back_completes_and_can_be_left(page: Page) -> None:
    page.evaluate(
        """document.addEventListener('input', ({ target }) => {
        if (target.id === 'body') window.heard = (window.heard || 0) + 1; })"""
    )
    editor = page.get_by_role("textbox", name="Body")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("{{ comp")
    page.locator(".cm-tooltip-autocomplete").get_by_text("company_name").click()

    assert "{{ company_name" in page.locator("#body").input_value()
    assert page.evaluate("window.heard") > 3
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    expect(editor).not_to_be_focused()
    assert page.evaluate("document.activeElement.tagName") != "BODY"


def test_editor_marks_problems_and_jumps_to_them(page: Page) -> None:
    expect(page.locator(".cm-lintRange-warning")).to_have_text("order.number")
    page.locator("[data-goto]").click()
    page.keyboard.type("!")
    assert page.locator("#body").input_value().splitlines()[1].startswith("<p>{{ !order")


def test_editor_can_be_a_plain_text_area(page: Page) -> None:
    page.locator("[data-plain-editor]").click()
    area = page.locator("textarea#body")
    expect(area).to_be_visible()
    page.reload()
    expect(area).to_be_visible()
    page.locator("[data-insert]").first.click()
    assert "{{ first_name }}" in area.input_value()


def test_upload_goes_on_where_the_server_stands(page: Page, faults: Faults, tmp_path: Path) -> None:
    content = bytes(range(256)) * 70_000  # 17.9 MB: three slices
    file = tmp_path / "people.csv"
    file.write_bytes(content)
    form = page.locator("[data-uploader]")
    form.evaluate("(form) => { form.dataset.uploadUrl = '/t/data'; form.dataset.doneUrl = '/_ui?done=1'; }")
    form.locator("input[type=file]").set_input_files(file)
    faults.cut_next_slice = True  # stored, but the answer is lost: the repeated slice meets 409
    form.get_by_role("button", name="Upload").click()

    page.wait_for_url("**/_ui?done=1", timeout=60_000)
    assert bytes(faults.stored) == content


def test_upload_refuses_what_cannot_work_before_sending(page: Page, faults: Faults, tmp_path: Path) -> None:
    for name, content, words in (
        ("people.xlsx", b"x", "Export the sheet as CSV first."),
        ("empty.csv", b"", "This file is empty."),
    ):
        file = tmp_path / name
        file.write_bytes(content)
        page.locator("[data-uploader] input[type=file]").set_input_files(file)
        page.locator("[data-uploader]").get_by_role("button", name="Upload").click()
        expect(page.locator("#toasts")).to_contain_text(words)
    assert faults.stored == b""


def test_page_works_without_scripts(browser: Browser, served: tuple[str, str]) -> None:
    address, cookie = served
    context = browser.new_context(base_url=address, java_script_enabled=False)
    context.add_cookies([{"name": "session", "value": cookie, "url": address}])
    page = context.new_page()
    page.goto("/_ui")

    expect(page.locator("textarea#body")).to_be_visible()
    expect(page.locator(".needs-js").first).not_to_be_visible()
    page.locator("#user-menu > summary").click()
    page.locator("#user-menu").get_by_label("Dark").check()
    page.locator("#user-menu").get_by_role("button", name="Apply").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    context.close()
