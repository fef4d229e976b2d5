"""Signing in: the password, the lock, the code, the recovery codes, the dialog of an ended sign-in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pyotp
import pytest
import time_machine
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from dashboard.accounts import passwords, two_factor
from dashboard.accounts.models import LoginThrottle, Role, User
from dashboard.audit.models import AuditEntry
from dashboard.extensions import db, transaction, utc_now
from tests.factories.users import PASSWORD

MakeUser = Callable[..., User]
HTMX = {"HX-Request": "true"}


def enter(client: FlaskClient, username: str, password: str = PASSWORD, **values: str) -> TestResponse:
    return client.post("/login", data={"username": username, "password": password, **values})


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/me").status_code == 200


def with_second_factor(user: User) -> list[str]:
    """Turn the second factor of a user on; returns the recovery codes."""
    two_factor.begin_set_up(user_id=user.id)
    return two_factor.confirm_set_up(user_id=user.id, code=code_of(user))


def code_of(user: User) -> str:
    return pyotp.TOTP(two_factor.secret_of(user)).now()


@pytest.fixture
def ida(make_user: MakeUser) -> User:
    return make_user(Role.EDITOR, username="ida")


@pytest.fixture
def clock() -> Iterator[time_machine.Coordinates]:
    with time_machine.travel(utc_now(), tick=False) as coordinates:
        yield coordinates


def test_the_page_asks_for_name_and_password(anonymous: FlaskClient) -> None:
    page = anonymous.get("/login").text
    assert 'autocomplete="username"' in page
    assert 'autocomplete="current-password"' in page
    assert "<h1>Sign in</h1>" in page


def test_signing_in_goes_on_and_is_written_down(anonymous: FlaskClient, ida: User) -> None:
    response = enter(anonymous, " IDA ", next="/campaigns?state=running")
    assert (response.status_code, response.location) == (303, "/campaigns?state=running")
    assert is_signed_in(anonymous)
    assert ida.last_seen_at is not None
    entry = db.session.scalars(select(AuditEntry)).one()
    assert (entry.action, entry.user_name, entry.summary) == ("account.sign_in", "ida", "Signed in with password")


@pytest.mark.parametrize(
    "target", ["https://evil.example/x", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_next_never_leaves_this_site(anonymous: FlaskClient, ida: User, target: str) -> None:
    assert enter(anonymous, "ida", next=target).location == "/"
    assert "evil" not in anonymous.get("/login", query_string={"next": target}).text


def test_who_is_signed_in_already_is_sent_on(client: FlaskClient) -> None:
    assert client.get("/login?next=/me/security").location == "/me/security"


def test_wrong_password_unknown_name_and_suspended_user_read_alike(
    anonymous: FlaskClient, ida: User, make_user: MakeUser
) -> None:
    make_user(Role.VIEWER, username="gone", suspended_at=utc_now())
    answers = [enter(anonymous, "ida", "wrong"), enter(anonymous, "nobody"), enter(anonymous, "gone")]
    assert {answer.status_code for answer in answers} == {422}
    texts = {re.sub(r'(value|content)="[^"]*"', "", answer.text) for answer in answers}
    assert len(texts) == 1
    assert "The name or the password is not right" in texts.pop()
    assert not is_signed_in(anonymous)


def test_what_was_typed_stays_but_never_the_password(anonymous: FlaskClient) -> None:
    page = enter(anonymous, "ida", "my secret words").text
    assert 'value="ida"' in page
    assert "my secret words" not in page


def test_missing_fields_are_named(anonymous: FlaskClient) -> None:
    response = enter(anonymous, "", "")
    assert response.status_code == 422
    assert "Enter your user name." in response.text
    assert "Enter your password." in response.text
    assert "<title>Error: Sign in" in response.text


@pytest.mark.parametrize("name", ["ida", "nobody"])
def test_five_failures_lock_a_name_until_a_stated_time(
    anonymous: FlaskClient, ida: User, clock: time_machine.Coordinates, name: str
) -> None:
    clock.move_to("2026-11-24T09:00:00Z")
    assert [enter(anonymous, name, "wrong").status_code for _ in range(5)] == [422, 422, 422, 422, 429]
    response = enter(anonymous, name)
    assert response.status_code == 429
    assert "24 Nov 2026, 09:15 (UTC)" in response.text
    assert 0 < int(response.headers["Retry-After"]) <= 901
    clock.shift(timedelta(minutes=15, seconds=1))
    assert enter(anonymous, name).status_code == (303 if name == "ida" else 422)


def test_only_failures_in_a_row_count(anonymous: FlaskClient, ida: User) -> None:
    for _ in range(3):
        assert [enter(anonymous, "ida", "wrong").status_code for _ in range(4)] == [422] * 4
        assert enter(anonymous, "ida").status_code == 303
        anonymous.post("/logout")


def test_other_names_are_not_locked(anonymous: FlaskClient, ida: User) -> None:
    for _ in range(6):
        enter(anonymous, "nobody", "wrong")
    assert enter(anonymous, "ida").status_code == 303


def test_counts_of_a_day_ago_are_forgotten(anonymous: FlaskClient, clock: time_machine.Coordinates) -> None:
    enter(anonymous, "somebody", "wrong")
    clock.shift(timedelta(days=1, minutes=1))
    enter(anonymous, "another", "wrong")
    assert db.session.scalar(select(func.count()).select_from(LoginThrottle)) == 1


def test_an_old_hash_is_renewed_at_sign_in(anonymous: FlaskClient, ida: User) -> None:
    with transaction():
        ida.password_hash = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash(PASSWORD)
    assert enter(anonymous, "ida").status_code == 303
    assert not passwords.needs_new_hash(ida.password_hash)
    anonymous.post("/logout")
    assert enter(anonymous, "ida").status_code == 303


def test_signing_in_begins_a_new_session(anonymous: FlaskClient, ida: User) -> None:
    with anonymous.session_transaction() as session:
        session["planted"] = "by somebody else"
        session["csrf_token"] = "known to somebody else"
    enter(anonymous, "ida")
    with anonymous.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != "known to somebody else"
        assert session.permanent


def test_the_same_user_keeps_the_token_that_other_tabs_have(
    app: Flask, ida: User, make_user: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    browser = app.test_client()
    enter(browser, "ida", csrf_token=_token(browser.get("/login").text))
    other_tab = {"X-CSRFToken": _token(browser.get("/me").text)} | HTMX
    assert browser.post("/me/sign-out-others", headers=other_tab).status_code == 204
    with transaction():
        ida.session_epoch += 1
    assert browser.post("/me", headers=other_tab).status_code == 401
    form = {"username": "ida", "password": PASSWORD}
    assert browser.post("/reauth", data=form, headers=other_tab).status_code == 200
    assert browser.post("/me/sign-out-others", headers=other_tab).status_code == 204
    make_user(Role.VIEWER, username="eve")
    browser.post("/reauth", data=form | {"username": "eve"}, headers=other_tab)
    assert browser.post("/me/sign-out-others", headers=other_tab).status_code == 400


def test_a_sign_in_ends_after_the_hours_of_the_settings(
    anonymous: FlaskClient, ida: User, clock: time_machine.Coordinates
) -> None:
    enter(anonymous, "ida")
    for _ in range(11):
        clock.shift(timedelta(hours=1))
        assert is_signed_in(anonymous)
    clock.shift(timedelta(hours=1, seconds=2))
    assert not is_signed_in(anonymous)


def test_suspending_ends_the_session(anonymous: FlaskClient, ida: User) -> None:
    enter(anonymous, "ida")
    with transaction():
        ida.suspended_at = utc_now()
    assert not is_signed_in(anonymous)


def test_a_late_answer_brings_no_ended_sign_in_back(anonymous: FlaskClient, ida: User) -> None:
    """A poll that was asked before signing out and answered after it would set the old cookie again."""
    enter(anonymous, ida.username)
    anonymous.get("/")

    assert "Set-Cookie" not in anonymous.get("/jobs/tray", headers=HTMX).headers


def test_signing_out(anonymous: FlaskClient, ida: User) -> None:
    enter(anonymous, "ida")
    response = anonymous.post("/logout")
    assert (response.status_code, response.location) == (303, "/login")
    assert "You are signed out." in anonymous.get("/login").text
    assert not is_signed_in(anonymous)


def test_the_code_is_asked_after_the_password(
    anonymous: FlaskClient, ida: User, clock: time_machine.Coordinates
) -> None:
    with_second_factor(ida)
    clock.shift(30)
    assert enter(anonymous, "ida", next="/templates").location == "/login/2fa"
    assert not is_signed_in(anonymous)
    assert 'autocomplete="one-time-code"' in anonymous.get("/login/2fa").text
    wrong = anonymous.post("/login/2fa", data={"code": "000000"})
    assert wrong.status_code == 422
    assert "That code is not right" in wrong.text
    code = code_of(ida)
    right = anonymous.post("/login/2fa", data={"code": f"{code[:3]} {code[3:]}"})
    assert (right.status_code, right.location) == (303, "/templates")
    assert is_signed_in(anonymous)


def test_a_code_works_once(anonymous: FlaskClient, ida: User, clock: time_machine.Coordinates) -> None:
    with_second_factor(ida)
    clock.shift(30)
    code = code_of(ida)
    for status in (303, 422):
        enter(anonymous, "ida")
        assert anonymous.post("/login/2fa", data={"code": code}).status_code == status
        anonymous.post("/logout")


@pytest.mark.parametrize(("seconds", "status"), [(-30, 303), (30, 303), (-90, 422), (90, 422)])
def test_a_clock_may_be_half_a_minute_off(
    anonymous: FlaskClient, ida: User, clock: time_machine.Coordinates, seconds: int, status: int
) -> None:
    with_second_factor(ida)
    clock.shift(300)
    enter(anonymous, "ida")
    code = pyotp.TOTP(two_factor.secret_of(ida)).at(utc_now() + timedelta(seconds=seconds))
    assert anonymous.post("/login/2fa", data={"code": code}).status_code == status


def test_wrong_codes_lock_too(anonymous: FlaskClient, ida: User) -> None:
    with_second_factor(ida)
    statuses = []
    for _ in range(5):
        enter(anonymous, "ida")
        statuses.append(anonymous.post("/login/2fa", data={"code": "000000"}).status_code)
    assert statuses == [422, 422, 422, 422, 429]
    assert enter(anonymous, "ida").status_code == 429


def test_the_second_step_needs_the_first_and_ends_after_ten_minutes(
    anonymous: FlaskClient, ida: User, clock: time_machine.Coordinates
) -> None:
    for path in ("/login/2fa", "/login/recovery"):
        assert anonymous.get(path).location == "/login"
        assert anonymous.post(path, data={"code": "000000"}).location == "/login"
    with_second_factor(ida)
    enter(anonymous, "ida")
    clock.shift(601)
    assert anonymous.post("/login/2fa", data={"code": code_of(ida)}).location == "/login"


def test_each_recovery_code_works_once(anonymous: FlaskClient, ida: User) -> None:
    codes = with_second_factor(ida)
    enter(anonymous, "ida")
    assert anonymous.get("/login/recovery").status_code == 200
    assert anonymous.post("/login/recovery", data={"code": codes[0].upper().replace("-", " ")}).status_code == 303
    assert is_signed_in(anonymous)
    assert len(ida.recovery_hashes) == 9
    anonymous.post("/logout")
    enter(anonymous, "ida")
    used = anonymous.post("/login/recovery", data={"code": codes[0]})
    assert used.status_code == 422
    assert "not one of your unused recovery codes" in used.text
    assert anonymous.post("/login/recovery", data={"code": ""}).status_code == 422


def test_the_dialog_signs_in_again_and_renews_the_token(anonymous: FlaskClient, ida: User) -> None:
    asked = anonymous.post("/me", data={"full_name": "New name"}, headers=HTMX)
    assert asked.status_code == 401
    assert asked.headers["HX-Retarget"] == "#dialog"
    assert 'hx-post="/reauth"' in asked.text
    wrong = anonymous.post("/reauth", data={"username": "ida", "password": "wrong"}, headers=HTMX)
    assert wrong.status_code == 422
    assert "<html" not in wrong.text
    assert anonymous.post("/reauth", data={"username": "ida"}, headers=HTMX).status_code == 422
    done = anonymous.post("/reauth", data={"username": "ida", "password": PASSWORD}, headers=HTMX)
    assert done.status_code == 200
    assert done.headers["HX-Trigger"] == "app:dialog-close"
    assert 'id="csrf"' in done.text
    assert is_signed_in(anonymous)


def test_the_dialog_asks_for_the_code(anonymous: FlaskClient, ida: User, clock: time_machine.Coordinates) -> None:
    with_second_factor(ida)
    clock.shift(30)
    assert anonymous.post("/reauth/code", data={"code": "1"}, headers=HTMX).status_code == 422
    step = anonymous.post("/reauth", data={"username": "ida", "password": PASSWORD}, headers=HTMX)
    assert step.status_code == 200
    assert 'hx-post="/reauth/code"' in step.text
    for code in ("", "000000"):
        wrong = anonymous.post("/reauth/code", data={"code": code}, headers=HTMX)
        assert wrong.status_code == 422
        assert 'hx-post="/reauth/code"' in wrong.text
    done = anonymous.post("/reauth/code", data={"code": code_of(ida)}, headers=HTMX)
    assert done.headers["HX-Trigger"] == "app:dialog-close"
    assert is_signed_in(anonymous)


def test_the_dialog_says_that_a_name_is_locked(anonymous: FlaskClient, ida: User) -> None:
    answers = [anonymous.post("/reauth", data={"username": "ida", "password": "wrong"}, headers=HTMX) for _ in range(5)]
    assert answers[-1].status_code == 422
    assert "locked for a while" in answers[-1].text


def test_the_dialog_without_javascript_goes_home(anonymous: FlaskClient, ida: User) -> None:
    assert anonymous.post("/reauth", data={"username": "ida", "password": PASSWORD}).location == "/"


def _token(page: str) -> str:
    found = re.search(r'<meta id="csrf" name="csrf-token" content="([^"]+)"', page)
    assert found is not None
    return found[1]


def test_with_csrf_on_an_ended_sign_in_is_taken_up_again(
    app: Flask, ida: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)
    browser = app.test_client()
    assert enter(browser, "ida").status_code == 400
    token = _token(browser.get("/login").text)
    assert enter(browser, "ida", csrf_token=token).status_code == 303
    token = _token(browser.get("/me").text)
    form = {"full_name": "Ida L.", "time_zone": "", "email": ""}
    browser.delete_cookie("session")  # the cookie has run out; the page is still open with its old token
    asked = browser.post("/me", data=form, headers=HTMX | {"X-CSRFToken": token})
    assert asked.status_code == 401
    # app.js sends the token of the page's meta element, also in place of the form's own field.
    form_token = {"csrf_token": _token(asked.text)}
    wrong = browser.post("/reauth", data={"username": "ida", "password": "wrong"} | form_token, headers=HTMX)
    assert wrong.status_code == 422
    form_token = {"csrf_token": _token(wrong.text)}
    done = browser.post("/reauth", data={"username": "ida", "password": PASSWORD} | form_token, headers=HTMX)
    assert done.status_code == 200
    saved = browser.post("/me", data=form, headers=HTMX | {"X-CSRFToken": _token(done.text)})
    assert saved.headers["HX-Redirect"] == "/me"
    assert ida.full_name == "Ida L."
