"""Making, rotating, revoking and recognising API keys; every change is written to the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from flask_login import current_user
from sqlalchemy import bindparam, or_, select, update

from dashboard.api_keys.models import ApiKey, Scope
from dashboard.api_keys.secrets import hash_of, matches, new_prefix, new_token, prefix_of
from dashboard.audit.services import record
from dashboard.current import current_settings
from dashboard.direct import Look
from dashboard.extensions import db, single_reads, transaction, utc_now
from dashboard.problems import DomainError, NotFound

#: Writing down the last use costs a transaction, so it is done once a minute and not with every request.
_USE_EVERY: Final = timedelta(minutes=1)
#: How long the old secret goes on working after a rotation that asks for it.
OVERLAP: Final = timedelta(hours=24)


class _Known(NamedTuple):
    """What recognition reads of a key: no object, since this is done with every request."""

    id: int
    name: str
    secret_hash: str
    old_secret_hash: str
    old_secret_until: datetime | None
    scopes: list[str]
    template_ids: list[int]
    requests_per_minute: int
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_by: int | None


_FOR_RECOGNITION: Final = Look(
    select(*(getattr(ApiKey, name) for name in _Known._fields)).where(
        ApiKey.prefix == bindparam("prefix", type_=ApiKey.prefix.type)
    )
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: a key that was recognised, apart from any session of the database."""

    id: int
    name: str
    scopes: frozenset[str]
    template_ids: frozenset[int]
    requests_per_minute: int
    created_by: int | None

    def may(self, *scopes: Scope) -> bool:
        """Whether the key has one of the scopes; admin has them all."""
        return Scope.ADMIN in self.scopes or not self.scopes.isdisjoint(scopes)

    def may_send(self, template_id: int) -> bool:
        """Whether the key is not narrowed to other templates."""
        return not self.template_ids or template_id in self.template_ids


class BadKey(Exception):
    """Not a key that works now: `code` is invalid_key, expired_key or revoked_key, `words` say what to do."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


def create_key(
    *,
    name: str,
    scopes: Sequence[Scope],
    template_ids: Sequence[int] = (),
    requests_per_minute: int = 0,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Make a key. Returns it with the token, which is kept nowhere.

    Raises DomainError for no name, no scope, or an expiry in the past.
    """
    if not name.strip():
        raise DomainError("Name the application that will use the key.", field="name")
    if not scopes:
        raise DomainError("Choose at least one thing that the key may do.", field="scopes")
    if expires_at is not None and expires_at <= utc_now():
        raise DomainError("That day is over. Choose a later one, or leave it empty.", field="expires_on")
    token = new_token(new_prefix())
    with transaction():
        key = ApiKey(
            name=name.strip(),
            prefix=prefix_of(token),
            secret_hash=hash_of(token, current_settings().key),
            scopes=sorted(scope.value for scope in scopes),
            template_ids=sorted(template_ids),
            requests_per_minute=requests_per_minute,
            expires_at=expires_at,
            created_by=getattr(current_user, "id", None),
        )
        db.session.add(key)
        db.session.flush()
        record("api_key.create", key, summary=f"API key {key.name} made", after=_facts(key))
    return key, token


def rotate_key(*, key_id: int, overlap: bool) -> tuple[ApiKey, str]:
    """Give a key a new secret; the old one works for OVERLAP more, or ends now. Returns the key and its token.

    Raises NotFound, or DomainError where the key is revoked.
    """
    with transaction():
        key = _locked(key_id)
        if key.revoked_at is not None:
            raise DomainError("A revoked key gets no new secret. Make a new key.", code="revoked")
        token = new_token(key.prefix)
        key.old_secret_hash = key.secret_hash if overlap else ""
        key.old_secret_until = utc_now() + OVERLAP if overlap else None
        key.secret_hash = hash_of(token, current_settings().key)
        record("api_key.rotate", key, summary=f"API key {key.name} has a new secret", after={"overlap": overlap})
    return key, token


def revoke_key(*, key_id: int) -> ApiKey:
    """End a key at once; revoking it again changes nothing. Raises NotFound."""
    with transaction():
        key = _locked(key_id)
        if key.revoked_at is None:
            key.revoked_at = utc_now()
            key.old_secret_hash, key.old_secret_until = "", None
            record("api_key.revoke", key, summary=f"API key {key.name} revoked")
    return key


def recognise(token: str, remote_address: str = "") -> Caller:
    """The caller behind a token. Raises BadKey; takes the same steps for a key that does not exist."""
    now, secret = utc_now(), current_settings().key
    with single_reads() as connection:
        row = _FOR_RECOGNITION.first(connection, {"prefix": prefix_of(token)})
    key = None if row is None else _Known._make(row)
    current = matches(token, key.secret_hash if key else "", secret)
    old = matches(token, key.old_secret_hash if key else "", secret)
    if key is None or not (current or (old and key.old_secret_until is not None and key.old_secret_until > now)):
        raise BadKey("invalid_key", "This API key is not known here. Check it, or ask an administrator for one.")
    if key.revoked_at is not None:
        raise BadKey("revoked_key", "This API key was revoked. Ask an administrator for another one.")
    if key.expires_at is not None and key.expires_at <= now:
        raise BadKey("expired_key", "This API key has expired. Ask an administrator for another one.")
    caller = Caller(
        id=key.id,
        name=key.name,
        scopes=frozenset(key.scopes),
        template_ids=frozenset(key.template_ids),
        requests_per_minute=key.requests_per_minute,
        created_by=key.created_by,
    )
    if key.last_used_at is None or key.last_used_at <= now - _USE_EVERY:
        _write_down_use(key.id, now, remote_address)
    return caller


def _write_down_use(key_id: int, now: datetime, remote_address: str) -> None:
    long_ago = or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at <= now - _USE_EVERY)
    with transaction() as session:
        session.execute(
            update(ApiKey)
            .where(ApiKey.id == key_id, long_ago)
            .values(last_used_at=now, last_used_from=remote_address[:64])
        )


def _locked(key_id: int) -> ApiKey:
    key = db.session.get(ApiKey, key_id, with_for_update=True)
    if key is None:
        raise NotFound("There is no such API key.")
    return key


def _facts(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "template_ids": [str(number) for number in key.template_ids],
        "requests_per_minute": key.requests_per_minute,
        "expires_at": key.expires_at.isoformat() if key.expires_at else None,
    }
