"""One's own pages: profile, password, the second factor, other browsers."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from dashboard.accounts import services, two_factor
from dashboard.accounts.models import Role, User
from dashboard.audit.models import AuditEntry
from dashboard.extensions import db, transaction
from tests.factories.users import PASSWORD

HTMX = {"HX-Request": "true"}
PROFILE = {"full_name": "Ida Lovelace", "email": "ida@example.com", "time_zone": "Asia/Kolkata", "version": "1"}
NEW = "four ordinary words here"


@pytest.fixture
def ida(make_user: Callable[..., User]) -> User:
    return make_user(Role.EDITOR, username="ida")


@pytest.fixture
def browser(anonymous: FlaskClient, ida: User) -> FlaskClient:
    """A browser in which ida is signed in."""
    anonymous.post("/login", data={"username": "ida", "password": PASSWORD})
    return anonymous


def actions() -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))


def codes_on(page: TestResponse) -> list[str]:
    """The recovery codes that a page shows."""
    shown = re.search(r"<code>([^<]+)</code>", page.text)
    assert shown is not None
    return shown[1].split()


def turn_on(browser: FlaskClient, user: User) -> list[str]:
    """Walk through the set-up; returns the recovery codes on the page."""
    assert browser.post("/me/two-factor/start").location == "/me/two-factor"
    page = browser.post("/me/two-factor", data={"code": pyotp.TOTP(two_factor.secret_of(user)).now()})
    assert page.status_code == 200
    return codes_on(page)


def test_the_profile_is_saved_and_written_down(browser: FlaskClient, ida: User) -> None:
    assert 'value="Africa/Nairobi"' in browser.get("/me").text
    response = browser.post("/me", data=PROFILE)
    assert (response.status_code, response.location) == (303, "/me")
    assert (ida.full_name, ida.email, ida.time_zone, ida.single_key_shortcuts) == (
        "Ida Lovelace",
        "ida@example.com",
        "Asia/Kolkata",
        False,
    )
    assert 'data-single-keys="off"' in browser.get("/me").text
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "account.profile")).one()
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["time_zone"], entry.after["time_zone"]) == ("", "Asia/Kolkata")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("time_zone", "Mars/Phobos", "is not a time zone"),
        ("email", "ida@", "That is not an email address"),
        ("full_name", "x" * 161, "Field cannot be longer than 160 characters."),
    ],
)
def test_a_wrong_value_is_named_and_kept(browser: FlaskClient, field: str, value: str, words: str) -> None:
    response = browser.post("/me", data=PROFILE | {field: value})
    assert response.status_code == 422
    assert words in response.text
    assert value in response.text


def test_a_stale_profile_shows_both(browser: FlaskClient, ida: User) -> None:
    browser.post("/me", data=PROFILE)
    stale = browser.post("/me", data=PROFILE | {"full_name": "Ida Byron"})
    assert stale.status_code == 409
    assert "Ida Byron" in stale.text
    assert "Ida Lovelace" in stale.text
    version = re.search(r'name="version" type="hidden" value="(\d+)"', stale.text)
    assert version is not None
    assert browser.post("/me", data=PROFILE | {"full_name": "Ida Byron", "version": version[1]}).status_code == 303
    assert ida.full_name == "Ida Byron"


def test_changing_the_password_signs_out_other_browsers(browser: FlaskClient, ida: User) -> None:
    other = browser.application.test_client()
    other.post("/login", data={"username": "ida", "password": PASSWORD})
    form = {"current_password": PASSWORD, "new_password": NEW, "again": NEW}
    response = browser.post("/me/password", data=form)
    assert (response.status_code, response.location) == (303, "/me/security")
    assert browser.get("/me").status_code == 200
    assert other.get("/me").status_code == 303
    assert other.post("/login", data={"username": "ida", "password": PASSWORD}).status_code == 422
    assert other.post("/login", data={"username": "ida", "password": NEW}).status_code == 303
    assert "account.password_change" in actions()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"current_password": "wrong"}, "That is not your present password."),
        ({"new_password": "short", "again": "short"}, "Use at least 12 characters."),
        ({"again": "something else here"}, "The two do not match."),
        ({"new_password": PASSWORD, "again": PASSWORD}, "Choose a password that differs"),
        ({"current_password": "", "new_password": "", "again": ""}, "Enter a new password."),
    ],
)
def test_a_refused_password_says_why(browser: FlaskClient, changes: dict[str, str], words: str) -> None:
    form = {"current_password": PASSWORD, "new_password": NEW, "again": NEW} | changes
    response = browser.post("/me/password", data=form)
    assert response.status_code == 422
    assert words in response.text
    assert "data-error-summary" in response.text
    assert browser.get("/me").status_code == 200


def test_guessing_the_present_password_locks(browser: FlaskClient) -> None:
    form = {"current_password": "wrong", "new_password": NEW, "again": NEW}
    answers = [browser.post("/me/password", data=form).text for _ in range(5)]
    assert "locked for a while" in answers[-1]
    assert "locked for a while" not in answers[-2]


def test_a_made_password_must_be_changed_first(browser: FlaskClient, ida: User) -> None:
    with transaction():
        ida.must_change_password = True
    assert browser.get("/me").location == "/me/password"
    assert browser.get("/me", headers=HTMX).headers["HX-Redirect"] == "/me/password"
    page = browser.get("/me/password").text
    assert "Choose your own password" in page
    assert 'aria-label="Main"' not in page
    form = {"current_password": PASSWORD, "new_password": NEW, "again": NEW}
    assert browser.post("/me/password", data=form).location == "/"
    assert browser.get("/me").status_code == 200


def test_who_must_change_the_password_may_sign_out(browser: FlaskClient, ida: User) -> None:
    with transaction():
        ida.must_change_password = True
    assert browser.post("/logout").location == "/login"


def test_signing_out_other_browsers_keeps_this_one(browser: FlaskClient) -> None:
    other = browser.application.test_client()
    other.post("/login", data={"username": "ida", "password": PASSWORD})
    assert browser.post("/me/sign-out-others").location == "/me/security"
    assert browser.get("/me").status_code == 200
    assert other.get("/me").status_code == 303


def test_setting_up_the_second_factor(browser: FlaskClient, ida: User) -> None:
    browser.post("/me/two-factor/start")
    assert not ida.totp_enabled
    secret = two_factor.secret_of(ida)
    assert secret not in ida.totp_secret
    page = browser.get("/me/two-factor").text
    assert " ".join(secret[at : at + 4] for at in range(0, 32, 4)) in page
    picture = re.search(r'src="(data:image/svg[^"]+)"', page)
    assert picture is not None
    assert "%3Csvg" in picture[1] or "<svg" in unquote(picture[1])
    wrong = browser.post("/me/two-factor", data={"code": "000000"})
    assert wrong.status_code == 422
    assert not ida.totp_enabled
    codes = turn_on(browser, ida)
    assert len(set(codes)) == 10
    assert ida.totp_enabled
    assert not any(code in str(ida.recovery_hashes) for code in codes)
    assert browser.get("/me/two-factor").location == "/me/security"
    assert "10 unused recovery codes" in browser.get("/me/security").text


def test_the_recovery_codes_can_be_saved_as_a_file(browser: FlaskClient, ida: User) -> None:
    browser.post("/me/two-factor/start")
    page = browser.post("/me/two-factor", data={"code": pyotp.TOTP(two_factor.secret_of(ida)).now()}).text
    link = re.search(r'download="carillon-recovery-codes.txt" href="data:text/plain;charset=utf-8,([^"]+)"', page)
    assert link is not None
    lines = unquote(link[1]).split("\n")
    assert lines[0] == "Carillon recovery codes of ida"
    assert len([line for line in lines if re.fullmatch(r"[a-z0-9]{5}-[a-z0-9]{5}", line)]) == 10


def test_a_set_up_needs_a_start_and_starts_once(browser: FlaskClient, ida: User) -> None:
    assert browser.get("/me/two-factor").location == "/me/security"
    assert browser.post("/me/two-factor", data={"code": "000000"}).location == "/me/security"
    turn_on(browser, ida)
    assert browser.post("/me/two-factor/start").status_code == 422
    assert browser.post("/me/two-factor", data={"code": "000000"}).location == "/me/security"


def test_turning_the_second_factor_off_asks_for_the_password(browser: FlaskClient, ida: User) -> None:
    turn_on(browser, ida)
    dialog = browser.get("/me/two-factor/turn-off", headers=HTMX).text
    assert "<html" not in dialog
    assert "<h1" in browser.get("/me/two-factor/turn-off").text
    for password in ("", "wrong"):
        assert browser.post("/me/two-factor/turn-off", data={"password": password}, headers=HTMX).status_code == 422
    assert ida.totp_enabled
    done = browser.post("/me/two-factor/turn-off", data={"password": PASSWORD}, headers=HTMX)
    assert done.headers["HX-Redirect"] == "/me/security"
    assert (ida.totp_enabled, ida.totp_secret, ida.recovery_hashes) == (False, "", [])
    assert actions()[-1] == "account.two_factor_off"


def test_new_recovery_codes_void_the_old(browser: FlaskClient, ida: User) -> None:
    old = turn_on(browser, ida)
    assert "10 unused codes" in browser.get("/me/two-factor/recovery-codes").text
    wrong = browser.post("/me/two-factor/recovery-codes", data={"password": "wrong"}, headers=HTMX)
    assert wrong.status_code == 422
    page = browser.post("/me/two-factor/recovery-codes", data={"password": PASSWORD}, headers=HTMX)
    assert page.status_code == 200
    assert "<html" not in page.text
    with pytest.raises(Exception, match="not one of your unused"):
        two_factor.use_recovery_code(user_id=ida.id, code=old[0])
    assert two_factor.use_recovery_code(user_id=ida.id, code=codes_on(page)[0]) == 9


def test_few_codes_left_are_said(browser: FlaskClient, ida: User) -> None:
    codes = turn_on(browser, ida)
    for code in codes[:7]:
        two_factor.use_recovery_code(user_id=ida.id, code=code)
    assert "Few recovery codes left: 3" in browser.get("/me/security").text


def test_the_first_admin_gets_a_printed_password_once(app: object) -> None:
    printed = services.ensure_first_admin()
    assert printed is not None
    assert len(printed) >= 16
    admin = db.session.scalars(select(User)).one()
    assert (admin.username, admin.role, admin.must_change_password) == ("admin", Role.ADMIN, True)
    assert services.ensure_first_admin() is None
    assert services.check_password(username="admin", password=printed) is admin


def test_a_given_first_password_need_not_be_changed(app: object) -> None:
    assert services.ensure_first_admin("from the environment") is None
    admin = services.check_password(username="admin", password="from the environment")
    assert not admin.must_change_password


def test_no_admin_is_made_where_users_exist(app: object, ida: User) -> None:
    assert services.ensure_first_admin() is None
    assert list(db.session.scalars(select(User.username))) == ["ida"]


def test_last_seen_is_written_once_in_five_minutes(client: FlaskClient) -> None:
    client.get("/me")
    user = db.session.scalars(select(User)).one()
    seen = user.last_seen_at
    assert seen is not None
    client.get("/me")
    db.session.expire_all()
    assert user.last_seen_at == seen


def test_the_command_line_lets_a_locked_out_administrator_in(
    app: Flask, make_user: Callable[..., User], anonymous: FlaskClient
) -> None:
    admin = make_user(Role.ADMIN, username="admin")
    two_factor.begin_set_up(user_id=admin.id)
    two_factor.confirm_set_up(user_id=admin.id, code=pyotp.TOTP(two_factor.secret_of(admin)).now())
    for _ in range(5):
        anonymous.post("/login", data={"username": "admin", "password": "wrong"})
    run = app.test_cli_runner().invoke
    printed = run(args=["carillon", "reset-password", "Admin", "--second-factor"])
    assert printed.exit_code == 0
    password = printed.output.strip().rpartition(" ")[2]
    assert anonymous.post("/login", data={"username": "admin", "password": password}).location == "/"
    assert not admin.totp_enabled
    assert {"user.reset_password", "user.reset_second_factor"} <= set(actions())
    unknown = run(args=["carillon", "reset-password", "nobody"])
    assert (unknown.exit_code, "There is no user “nobody”" in unknown.output) == (1, True)
