"""Users, as administrators see and change them."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.accounts import two_factor
from dashboard.accounts.models import Role, User
from dashboard.audit.models import AuditEntry
from dashboard.extensions import db, transaction
from dashboard.problems import DomainError
from dashboard.users import services
from tests.factories.users import PASSWORD

HTMX = {"HX-Request": "true"}
MakeUser = Callable[..., User]
NEW = {"username": "Ida", "full_name": "Ida Lovelace", "email": "ida@example.com", "role": "editor"}


@pytest.fixture
def ida(make_user: MakeUser) -> User:
    return make_user(Role.EDITOR, username="ida", full_name="Ida Lovelace")


def url(user: User, action: str = "") -> str:
    return f"/users/{user.public_id}{action}"


def named(username: str) -> User:
    return db.session.scalars(select(User).where(User.username == username)).one()


def last_action() -> AuditEntry:
    return db.session.scalars(select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


def one_time_password(page: str) -> str:
    found = re.search(r"\b[a-z0-9]{5}(?:-[a-z0-9]{5}){3}\b", page)
    assert found is not None
    return found[0]


def test_the_list_shows_and_narrows(client: FlaskClient, ida: User, make_user: MakeUser) -> None:
    make_user(Role.SENDER, username="grace", suspended_at=ida.created_at)
    page = client.get("/users").text
    assert page.count("<tr>") == 4
    for query, names in [
        ("q=LOVE", {"ida"}),
        ("q=%25", set()),
        ("role=sender", {"grace"}),
        ("state=suspended", {"grace"}),
        ("state=no_second_factor&role=editor", {"ida"}),
        ("state=active", {"ida", "admin-person"}),
    ]:
        fragment = client.get(f"/users?{query}", headers=HTMX)
        assert "<html" not in fragment.text
        found = {name for name in ("ida", "grace", "admin-person") if f">{name}<" in fragment.text}
        assert found == names, query
    assert "Nobody matches these filters" in client.get("/users?q=zzz").text


def test_a_new_user_signs_in_with_the_password_shown_once(client: FlaskClient, anonymous: FlaskClient) -> None:
    page = client.post("/users", data=NEW)
    assert page.status_code == 201
    password = one_time_password(page.text)
    ida = named("ida")
    assert (ida.role, ida.must_change_password, ida.email) == (Role.EDITOR, True, "ida@example.com")
    assert password not in client.get(url(ida)).text
    assert anonymous.post("/login", data={"username": "ida", "password": password}).status_code == 303
    assert anonymous.get("/me").location == "/me/password"
    entry = last_action()
    created = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "user.create")).one()
    assert (created.user_name, created.object_id) == ("admin-person", ida.id)
    assert password not in str([created.summary, created.after, entry.summary])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": ""}, "Enter a user name."),
        ({"username": "a b"}, "Use 2 to 80 small letters"),
        ({"username": "<script>"}, "Use 2 to 80 small letters"),
        ({"username": "ADMIN-person "}, "There is a user “admin-person” already"),
        ({"email": "nowhere"}, "That is not an email address"),
        ({"role": "king"}, "Not a valid choice."),
    ],
)
def test_a_wrong_new_user_is_refused_with_words(client: FlaskClient, changes: dict[str, str], words: str) -> None:
    response = client.post("/users", data=NEW | changes)
    assert response.status_code == 422
    assert words in response.text
    assert 'value="Ida Lovelace"' in response.text
    assert len(db.session.scalars(select(User)).all()) == 1


def test_changing_a_role_counts_at_once(client: FlaskClient, ida: User, anonymous: FlaskClient) -> None:
    anonymous.post("/login", data={"username": "ida", "password": PASSWORD})
    assert anonymous.get("/users").status_code == 403
    form = {"version": "1", "full_name": "Ida", "email": "", "role": "admin"}
    assert client.post(url(ida), data=form).status_code == 303
    assert anonymous.get("/users").status_code == 200
    entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "user.update")).one()
    assert entry.before == {"full_name": "Ida Lovelace", "email": "ida@example.com", "role": "editor"}
    assert entry.after == {"full_name": "Ida", "email": "", "role": "admin"}


def test_a_stale_form_shows_both(client: FlaskClient, ida: User) -> None:
    form = {"version": "1", "full_name": "Ida B.", "email": "", "role": "sender"}
    client.post(url(ida), data=form)
    stale = client.post(url(ida), data=form | {"full_name": "Ida C."})
    assert stale.status_code == 409
    assert "Ida B." in stale.text
    assert "Ida C." in stale.text
    assert client.post(url(ida), data=form | {"email": "no"}).status_code == 422


def test_the_last_active_admin_stays_one(client: FlaskClient, make_user: MakeUser) -> None:
    admin = named("admin-person")
    form = {"version": "1", "full_name": "", "email": "", "role": "viewer"}
    refused = client.post(url(admin), data=form)
    assert refused.status_code == 422
    assert "last active administrator" in refused.text
    make_user(Role.ADMIN, username="gone", suspended_at=admin.created_at)
    assert client.post(url(admin), data=form).status_code == 422
    make_user(Role.ADMIN, username="second")
    assert client.post(url(admin), data=form).status_code == 303
    assert client.get("/users").status_code == 403


def test_the_last_active_admin_is_not_suspended_by_anybody(app: Flask, make_user: MakeUser) -> None:
    admin = make_user(Role.ADMIN, username="only")
    with pytest.raises(DomainError) as refusal:
        services.suspend_user(user_id=admin.id)
    assert refusal.value.code == "last_admin"
    assert admin.is_active


def test_suspending_asks_signs_out_and_can_be_taken_back(
    client: FlaskClient, ida: User, anonymous: FlaskClient
) -> None:
    anonymous.post("/login", data={"username": "ida", "password": PASSWORD})
    dialog = client.get(url(ida, "/suspend"), headers=HTMX).text
    assert "Suspend ida?" in dialog
    assert "<html" not in dialog
    assert client.get(url(ida, "/suspend")).text.count("<h1") == 1
    done = client.post(url(ida, "/suspend"), headers=HTMX)
    assert done.headers["HX-Redirect"] == url(ida)
    assert anonymous.get("/me").status_code == 303
    assert anonymous.post("/login", data={"username": "ida", "password": PASSWORD}).status_code == 422
    assert client.post(url(ida, "/reactivate")).status_code == 303
    assert anonymous.post("/login", data={"username": "ida", "password": PASSWORD}).status_code == 303


def test_nobody_suspends_themselves(client: FlaskClient, make_user: MakeUser) -> None:
    make_user(Role.ADMIN, username="second")
    own = named("admin-person")
    response = client.post(url(own, "/suspend"), headers=HTMX)
    assert response.status_code == 422
    assert "Nobody suspends themselves" in response.text
    assert own.is_active
    assert 'aria-disabled="true"' in client.get(url(own)).text


def test_a_new_password_is_shown_once_and_ends_sessions(client: FlaskClient, ida: User, anonymous: FlaskClient) -> None:
    anonymous.post("/login", data={"username": "ida", "password": PASSWORD})
    assert "Make a new password for ida?" in client.get(url(ida, "/reset-password"), headers=HTMX).text
    password = one_time_password(client.post(url(ida, "/reset-password"), headers=HTMX).text)
    assert anonymous.get("/me").status_code == 303
    assert anonymous.post("/login", data={"username": "ida", "password": PASSWORD}).status_code == 422
    assert anonymous.post("/login", data={"username": "ida", "password": password}).status_code == 303
    assert ida.must_change_password


def test_the_own_password_is_changed_elsewhere(client: FlaskClient) -> None:
    own = named("admin-person")
    response = client.post(url(own, "/reset-password"), headers=HTMX)
    assert response.status_code == 422
    assert "Change your own password" in response.text


def test_resetting_the_second_factor_takes_the_typed_name(client: FlaskClient, ida: User) -> None:
    import pyotp

    two_factor.begin_set_up(user_id=ida.id)
    two_factor.confirm_set_up(user_id=ida.id, code=pyotp.TOTP(two_factor.secret_of(ida)).now())
    assert "Reset two-factor" in client.get(url(ida)).text
    assert "Type “ida” to confirm" in client.get(url(ida, "/reset-second-factor")).text
    for typed in ("", "grace"):
        refused = client.post(url(ida, "/reset-second-factor"), data={"typed_name": typed}, headers=HTMX)
        assert refused.status_code == 422
        assert ida.totp_enabled
    epoch = ida.session_epoch
    done = client.post(url(ida, "/reset-second-factor"), data={"typed_name": " Ida"}, headers=HTMX)
    assert done.headers["HX-Redirect"] == url(ida)
    assert (ida.totp_enabled, ida.recovery_hashes, ida.session_epoch) == (False, [], epoch + 1)
    assert last_action().action == "user.reset_second_factor"
    again = client.post(url(ida, "/reset-second-factor"), data={"typed_name": "ida"}, headers=HTMX)
    assert "off already" in again.text


def test_a_lock_is_shown_and_ended(client: FlaskClient, ida: User, anonymous: FlaskClient) -> None:
    for _ in range(5):
        anonymous.post("/login", data={"username": "ida", "password": "wrong"})
    assert "Unlock now" in client.get(url(ida)).text
    assert client.post(url(ida, "/unlock")).status_code == 303
    assert "Unlock now" not in client.get(url(ida)).text
    assert anonymous.post("/login", data={"username": "ida", "password": PASSWORD}).status_code == 303


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR, Role.SENDER])
def test_only_administrators_come_here(sign_in: Callable[..., FlaskClient], ida: User, role: Role) -> None:
    client = sign_in(role)
    assert client.get("/users").status_code == 403
    assert client.post("/users", data=NEW).status_code == 403
    assert client.post(url(ida, "/suspend")).status_code == 403


def test_an_unknown_user_is_not_found(client: FlaskClient, ida: User) -> None:
    with transaction():
        db.session.delete(ida)
    address = "/users/usr_0000000000000"
    assert client.get(address).status_code == 404
    assert client.post(f"{address}/suspend").status_code == 404
    assert client.post(f"{address}/unlock").status_code == 404
