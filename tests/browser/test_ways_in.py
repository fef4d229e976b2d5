"""Files that are dropped, fetched and attached: the ways in that the journeys do not take."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.hands import Hands, Mouse
from tests.browser.journeys import Journey, refused
from tests.factories.message_templates import new_template
from tests.web_server import WebServer

ROWS = "email,first_name\nmira@example.com,Mira\nnoor@example.com,Noor\n"
_DROP = """(area, [name, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type: 'text/csv' }));
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    area.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: data }));
  }
}"""

pytestmark = pytest.mark.parametrize("journey", [Mouse], indirect=True)


@contextmanager
def _served(text: str) -> Iterator[str]:
    """The address of a file on the web."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/customers.csv":
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/csv")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = WebServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def _loaded(hands: Hands, name: str) -> None:
    hands.button("Check the whole file")
    hands.button("Load 2 rows")
    line: Locator = hands.page.locator("#import .callout", has_text="rows are loaded")
    expect(line).to_contain_text("2 rows are loaded")
    hands.button(f"Open {name}")
    expect(hands.page.get_by_text("noor@example.com").first).to_be_visible()


def test_a_file_is_dropped_on_the_page(journey: Journey) -> None:
    hands = journey.enter(journey.desk.person(), "/audiences/new")
    name = f"Dropped {secrets.token_hex(3)}"
    hands.fill("Name", name)

    hands.page.locator(".drop").evaluate(_DROP, ["dropped.csv", ROWS])
    chosen = hands.page.locator("#file").evaluate("(input) => [...input.files].map((file) => file.name)")
    assert chosen == ["dropped.csv"]
    hands.button("Upload")

    _loaded(hands, name)


def test_a_file_is_fetched_from_the_web(journey: Journey) -> None:
    """A wrong address says so on the page and leaves a way on."""
    journey.console.expect(422)
    hands = journey.enter(journey.desk.person(), "/audiences/new?source=url")
    page = hands.page
    name = f"Fetched {secrets.token_hex(3)}"
    hands.fill("Name", name)
    with _served(ROWS) as address:
        hands.fill("Web address", "ftp://example.com/customers.csv")
        hands.button("Fetch")
        refused(hands, "http")
        hands.fill("Web address", f"{address}/nowhere.csv")
        hands.button("Fetch")
        expect(page.get_by_text("404").first).to_be_visible()

        page.goto("/audiences/new?source=url")
        name = f"{name} again"
        hands.fill("Name", name)
        hands.fill("Web address", f"{address}/customers.csv")
        hands.button("Fetch")
        expect(page.get_by_role("button", name="Check the whole file")).to_be_visible()

    _loaded(hands, name)


def test_a_file_is_attached_to_a_mail(journey: Journey, tmp_path: Path) -> None:
    journey.console.expect(422)
    person = journey.desk.person()
    name = f"With a file {secrets.token_hex(3)}"
    with journey.desk.data():
        template = new_template(name, published=True, subject=f"Terms {name}", html="<p>See the file.</p>")
        path = f"/templates/{template.public_id}/edit"
    hands = journey.enter(person, path)
    page = hands.page
    script, terms = tmp_path / "terms.exe", tmp_path / "terms.txt"
    script.write_text("MZ")
    terms.write_text("All of them.")

    page.locator("#files").set_input_files(script)
    expect(page.locator("#attachments .field-error")).to_contain_text("terms.exe")
    page.locator("#files").set_input_files(terms)
    expect(page.locator("#attachments .files")).to_contain_text("terms.txt")
    hands.save()
    expect(page.locator("#save-state")).to_contain_text("Saved ")
    hands.button("Send to me")
    expect(page.locator("#test-result li", has_text="Sent")).to_have_count(1)
    hands.visit("Sandbox inbox")
    hands.write(page.get_by_label("Recipient begins with"), f"{person.username}@example.com")
    hands.button("Find")
    hands.press(page.get_by_role("link", name=f"[TEST] Terms {name}"))

    download = hands.download(page.get_by_role("link", name="Download"))
    mail = message_from_bytes(Path(download.path()).read_bytes(), policy=policy.default)
    assert [(part.get_filename(), part.get_content()) for part in mail.iter_attachments()] == [
        ("terms.txt", "All of them.")
    ]


def test_an_answer_survives_a_poll_that_comes_first(journey: Journey) -> None:
    """htmx looks for the place of an answer when it asks. A poll that replaced the place meanwhile lost the answer."""
    person = journey.desk.person()
    name = f"Twice {secrets.token_hex(3)}"
    with journey.desk.data():
        template = new_template(name, published=True, subject=f"Hello {name}", html="<p>Hello.</p>")
        path = f"/templates/{template.public_id}/edit"
    hands = journey.enter(person, path)
    page = hands.page
    polls, posts = _held(page, "/tests/run_"), _held(page, "/tests$")
    hands.button("Send to me")
    _wait_for(hands, polls)
    hands.button("Test send…")
    dialog = page.get_by_role("dialog")
    hands.write(dialog.get_by_label("Send to", exact=True), "grace@example.com")
    hands.press(dialog.get_by_role("button", name="Send test"))
    _wait_for(hands, posts)

    answered = (
        "document.addEventListener('htmx:afterRequest', () => { document.documentElement.dataset.answered = 1; })"
    )
    page.evaluate(answered)
    polls[0].continue_()
    expect(page.locator("html")).to_have_attribute("data-answered", "1")  # the policy lets no function be waited for
    posts[0].continue_()

    expect(page.locator("#test-result")).to_contain_text("Test to grace@example.com")
    page.unroute_all()


def _held(page: Page, pattern: str) -> list[Route]:
    """The first request to such a path is kept here until it is told to go on; later ones pass."""
    held: list[Route] = []
    page.route(re.compile(pattern), lambda route: route.fallback() if held else held.append(route))
    return held


def _wait_for(hands: Hands, held: list[Route]) -> None:
    for _ in range(1000):
        if held:
            return
        hands.page.wait_for_timeout(20)
    pytest.fail("nothing was asked")
