"""Keys: made once, kept as a hash, recognised, rotated, revoked."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.api_keys.models import ApiKey, Scope
from dashboard.api_keys.services import BadKey, Caller, recognise, revoke_key, rotate_key
from dashboard.audit.models import AuditEntry
from dashboard.extensions import db, transaction, utc_now
from dashboard.problems import DomainError
from tests.factories.api_keys import new_key


def test_a_key_is_recognised_and_kept_as_a_hash_alone(app: Flask) -> None:
    key, token = new_key([Scope.SEND, Scope.REPORTS], template_ids=[5])
    caller = recognise(token, "192.0.2.7")
    assert (caller.id, caller.name, caller.scopes) == (key.id, "Shop", {"send", "reports"})
    assert caller.may(Scope.SEND)
    assert not caller.may(Scope.CAMPAIGNS)
    assert caller.may_send(5)
    assert not caller.may_send(6)
    stored = db.session.execute(select(ApiKey.__table__)).mappings().one()
    secret = token.rpartition("_")[2]
    assert all(secret not in str(value) for value in stored.values())
    assert stored["last_used_from"] == "192.0.2.7"


def test_admin_may_everything() -> None:
    caller = Caller(1, "Ops", frozenset({"admin"}), frozenset(), 0, None)
    assert all(caller.may(scope) for scope in Scope)


@pytest.mark.parametrize("token", ["", "car", "car_a_b", "car__", "car_abcdefgh_" + "x" * 32, "ключ", "x" * 5000])
def test_what_is_no_key_is_refused(app: Flask, token: str) -> None:
    new_key()
    with pytest.raises(BadKey) as caught:
        recognise(token)
    assert caught.value.code == "invalid_key"


def test_another_secret_under_a_known_prefix_is_refused(app: Flask) -> None:
    _, token = new_key()
    with pytest.raises(BadKey):
        recognise(token[:-1] + ("a" if token[-1] != "a" else "b"))


def test_an_expired_key_is_refused(app: Flask) -> None:
    key, token = new_key(expires_at=utc_now() + timedelta(days=1))
    recognise(token)
    with transaction():
        db.session.get_one(ApiKey, key.id).expires_at = utc_now() - timedelta(seconds=1)
    with pytest.raises(BadKey) as caught:
        recognise(token)
    assert caught.value.code == "expired_key"


def test_an_expiry_in_the_past_is_refused(app: Flask) -> None:
    with pytest.raises(DomainError) as caught:
        new_key(expires_at=utc_now() - timedelta(days=1))
    assert caught.value.field == "expires_on"


def test_a_revoked_key_is_refused_at_once(app: Flask) -> None:
    key, token = new_key()
    revoke_key(key_id=key.id)
    with pytest.raises(BadKey) as caught:
        recognise(token)
    assert caught.value.code == "revoked_key"
    with pytest.raises(DomainError):
        rotate_key(key_id=key.id, overlap=True)


@pytest.mark.parametrize("overlap", [True, False])
def test_rotating_gives_a_new_secret_and_the_old_one_a_day_or_nothing(app: Flask, overlap: bool) -> None:
    key, old = new_key()
    _, new = rotate_key(key_id=key.id, overlap=overlap)
    assert recognise(new).id == key.id
    if overlap:
        assert recognise(old).id == key.id
        with transaction():
            db.session.get_one(ApiKey, key.id).old_secret_until = utc_now() - timedelta(seconds=1)
    with pytest.raises(BadKey):
        recognise(old)


def test_the_last_use_is_written_once_a_minute(app: Flask) -> None:
    key, token = new_key()
    recognise(token, "192.0.2.1")
    recognise(token, "192.0.2.2")
    assert db.session.get_one(ApiKey, key.id, populate_existing=True).last_used_from == "192.0.2.1"
    with transaction():
        db.session.get_one(ApiKey, key.id).last_used_at = utc_now() - timedelta(minutes=2)
    recognise(token, "192.0.2.3")
    assert db.session.get_one(ApiKey, key.id, populate_existing=True).last_used_from == "192.0.2.3"


def test_what_happens_to_keys_is_in_the_audit_log(app: Flask) -> None:
    key, token = new_key()
    _, other = rotate_key(key_id=key.id, overlap=False)
    revoke_key(key_id=key.id)
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert sorted(entry.action for entry in entries) == ["api_key.create", "api_key.revoke", "api_key.rotate"]
    words = str([(entry.summary, entry.before, entry.after) for entry in entries])
    assert token.rpartition("_")[2] not in words
    assert other.rpartition("_")[2] not in words
