from __future__ import annotations

from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts.models import Role
from dashboard.extensions import db
from dashboard.suppressions.models import Suppression, SuppressionReason
from dashboard.suppressions.services import suppress

SignIn = Callable[[Role], FlaskClient]
HTMX = {"HX-Request": "true"}


def one() -> Suppression:
    db.session.rollback()
    return db.session.scalars(select(Suppression)).one()


def test_an_empty_list_says_what_happens(client: FlaskClient) -> None:
    assert "appears here by themselves" in client.get("/suppressions/").text


def test_add_look_lift(client: FlaskClient) -> None:
    answer = client.post(
        "/suppressions/", data={"addresses": "ada@example.com", "scope": "promotional", "note": "phone"}
    )
    assert answer.status_code == 303
    page = client.get("/suppressions/").text
    assert "ada@example.com" in page
    row = one()
    dialog = client.get(f"/suppressions/{row.public_id}/lift", headers=HTMX)
    assert "<html" not in dialog.text
    assert client.post(f"/suppressions/{row.public_id}/lift", data={"reason": ""}).status_code == 422
    answer = client.post(f"/suppressions/{row.public_id}/lift", data={"reason": "asked again"}, headers=HTMX)
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"].endswith("/suppressions/")
    assert client.get(f"/suppressions/{row.public_id}/lift").status_code == 404


def test_bad_lines_stay_for_repair(client: FlaskClient) -> None:
    answer = client.post("/suppressions/", data={"addresses": "ada@example.com\nnonsense", "scope": "all", "note": ""})
    assert answer.status_code == 422
    assert "nonsense" in answer.text
    assert one().address == "ada@example.com"


def test_an_address_never_stands_in_the_url(client: FlaskClient) -> None:
    suppress(address="ada@example.com")
    suppress(address="grace@example.com")
    answer = client.post("/suppressions/find", data={"address": "ada@"})
    assert "ada" not in answer.location
    page = client.get(answer.location).text
    assert "ada@example.com" in page
    assert "grace@example.com" not in page


def test_filters_page_and_fragment(client: FlaskClient) -> None:
    for number in range(60):
        suppress(address=f"person{number:02}@example.com")
    first = client.get("/suppressions/?scope=promotional", headers=HTMX)
    assert "<html" not in first.text
    assert first.headers["HX-Push-Url"] == "/suppressions/?scope=promotional"
    assert "person59@" in first.text
    assert "person05@" not in first.text
    older = first.text.split('id="pager-older" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(older).text
    assert "person05@" in second
    assert "person59@" not in second
    assert "Nothing matches" in client.get("/suppressions/?reason=bounced").text


def test_check_one_address(client: FlaskClient) -> None:
    suppress(address="ada@example.com")
    page = client.post("/suppressions/check", data={"address": "Ada@example.com"}).text
    assert "No promotional mail" in page
    assert "Other mail (orders, codes) goes through" in page
    assert client.post("/suppressions/check", data={"address": "nonsense"}).status_code == 422


def test_export(client: FlaskClient) -> None:
    suppress(address="ada@example.com", note="=cmd()")
    answer = client.get("/suppressions/export.csv")
    assert answer.mimetype == "text/csv"
    assert "ada@example.com,promotional,manual,'=cmd()" in answer.text


def test_a_complaint_takes_an_administrator(sign_in: SignIn) -> None:
    suppress(address="ada@example.com", reason=SuppressionReason.COMPLAINED)
    sender = sign_in(Role.SENDER)
    answer = sender.post(f"/suppressions/{one().public_id}/lift", data={"reason": "please"})
    assert answer.status_code == 403
    assert one().address == "ada@example.com"


def test_an_editor_looks_but_does_not_add(sign_in: SignIn) -> None:
    editor = sign_in(Role.EDITOR)
    assert editor.get("/suppressions/").status_code == 200
    assert editor.get("/suppressions/new").status_code == 403
