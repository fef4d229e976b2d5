"""The help pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from flask.testing import FlaskClient
from markupsafe import escape

from dashboard.accounts.models import Role, User
from dashboard.extensions import transaction
from dashboard.help import shortcuts
from dashboard.status import rows

SCRIPT = (Path(__file__).parents[3] / "static" / "js" / "app.js").read_text()
TEMPLATES = Path(__file__).parents[3] / "dashboard" / "templates"


def test_every_status_is_explained(sign_in: Callable[..., FlaskClient]) -> None:
    page = sign_in(Role.VIEWER).get("/help/statuses").text
    for kind, _state, status in rows():
        if kind == "export":  # explained where their parts exist
            continue
        assert f"</svg>{status.label}</span>" in page
        assert str(escape(status.meaning)) in page


def test_shortcuts_are_a_page_and_a_dialog(client: FlaskClient) -> None:
    page = client.get("/help/shortcuts").text
    assert "Keyboard shortcuts" in page
    assert "<kbd>g</kbd><kbd>s</kbd>" in page
    dialog = client.get("/help/shortcuts", headers={"HX-Request": "true"}).text
    assert "<html" not in dialog
    assert 'id="dialog-title"' in dialog


def test_switched_off_keys_are_said(client: FlaskClient) -> None:
    from sqlalchemy import select

    from dashboard.extensions import db

    with transaction():
        db.session.scalars(select(User)).one().single_key_shortcuts = False
    assert "You have switched single keys off" in client.get("/help/shortcuts").text


def test_every_key_on_the_page_is_one_that_something_listens_to() -> None:
    markup = "".join(path.read_text() for path in TEMPLATES.rglob("*.html"))
    on_controls = set(re.findall(r'data[-_]key="([^"{]+)"', markup)) | {"[", "]"}
    in_script = set(re.findall(r'case "(.)":', SCRIPT)) | {"Esc", "Enter"}
    shown = {
        keys.replace(" ", "+")
        for group in (shortcuts.EVERYWHERE, shortcuts.LISTS, shortcuts.FORMS)
        for keys, _ in group
    }
    assert shown - on_controls - in_script == set()
    assert 'event.key === "Escape"' in SCRIPT
