"""Signing in, one's own profile and password, and the first administrator."""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import func, select

from dashboard.accounts import passwords, throttle, two_factor
from dashboard.accounts.models import Role, User
from dashboard.audit.services import record
from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.problems import DomainError, NotFound, check_version

FIRST_ADMIN = "admin"


def plain_name(username: str) -> str:
    """User names are compared without spaces around them and in lower case."""
    return username.strip().casefold()


def find_user(username: str) -> User | None:
    """The user of that name, as it may be typed."""
    user: User | None = db.session.scalar(select(User).where(User.username == plain_name(username)))
    return user


def check_password(*, username: str, password: str) -> User:
    """The active user of that name and password; otherwise `Locked` or one neutral DomainError.

    A wrong password, an unknown name and a suspended user get the same words after the same work (one hash).
    """
    name = plain_name(username)
    throttle.reserve_attempt(name)
    user = find_user(name)
    if not passwords.matches(user.password_hash if user else None, password) or user is None or not user.is_active:
        _refuse(user, name)
    throttle.give_back(name)
    if passwords.needs_new_hash(user.password_hash):
        stored = passwords.hash_password(password)
        with transaction():
            user.password_hash = stored
    return user


def check_second_factor(*, user: User, code: str, recovery: bool = False) -> int | None:
    """Take the code of a device or a recovery code (then how many are left); raises Locked or DomainError."""
    throttle.reserve_attempt(user.username)
    try:
        if recovery:
            return two_factor.use_recovery_code(user_id=user.id, code=code)
        two_factor.check_code(user_id=user.id, code=code)
    except DomainError:
        if until := throttle.lock_if_spent(user.username):
            raise throttle.Locked(until) from None
        raise
    return None


def complete_sign_in(*, user_id: int, method: str) -> User:
    """Everything asked for was right: write it down and forget the failures. `method` is what was used, in words."""
    with transaction():
        user = _own(user_id)
        user.last_seen_at = utc_now()
        throttle.forget_failures(user.username)
        entry = record("account.sign_in", user, summary=f"Signed in with {method}")
        entry.user_id, entry.user_name = user.id, user.username
    return user


def note_sign_out(*, user_id: int) -> None:
    """Write down that somebody signed out."""
    with transaction():
        record("account.sign_out", _own(user_id), summary="Signed out")


def note_seen(*, user_id: int) -> None:
    """Remember when the user was last at work."""
    with transaction():
        _own(user_id).last_seen_at = utc_now()


def confirm_password(*, user_id: int, password: str, field: str = "password") -> None:
    """Ask a signed-in user for the password again before something that matters; raises DomainError or Locked."""
    user = _own(user_id)
    throttle.reserve_attempt(user.username)
    if not passwords.matches(user.password_hash, password):
        if until := throttle.lock_if_spent(user.username):
            raise throttle.Locked(until)
        raise DomainError("That is not your present password.", field=field, code="wrong_password")
    throttle.forget_failures(user.username)


def change_password(*, user_id: int, current: str, new: str) -> User:
    """Replace one's own password; every other browser that is signed in as this user is signed out."""
    confirm_password(user_id=user_id, password=current, field="current_password")
    user = _own(user_id)
    passwords.check_new_password(new, own_words=_own_words(user))
    if passwords.matches(user.password_hash, new):
        raise DomainError("Choose a password that differs from the present one.", field="new_password", code="same")
    stored = passwords.hash_password(new)
    with transaction():
        user = _own(user_id, lock=True)
        user.password_hash, user.must_change_password = stored, False
        user.session_epoch += 1
        record("account.password_change", user, summary="Password changed, other sessions signed out")
    return user


def turn_off_second_factor(*, user_id: int, password: str) -> None:
    """Turn one's own second factor off; asks for the password. Raises DomainError or Locked."""
    confirm_password(user_id=user_id, password=password)
    two_factor.turn_off(user_id=user_id)


def renew_recovery_codes(*, user_id: int, password: str) -> list[str]:
    """Make new recovery codes for oneself; asks for the password. Raises DomainError or Locked."""
    confirm_password(user_id=user_id, password=password)
    return two_factor.renew_recovery_codes(user_id=user_id)


def sign_out_others(*, user_id: int) -> User:
    """End every session of the user; the caller begins the present one again."""
    with transaction():
        user = _own(user_id, lock=True)
        user.session_epoch += 1
        record("account.sign_out_others", user, summary="Signed out everywhere else")
    return user


def update_profile(
    *,
    user_id: int,
    version: int | None,
    full_name: str,
    email: str,
    time_zone: str,
    single_key_shortcuts: bool,
    phone: str = "",
    push_token: str = "",
) -> User:
    """Save what users say about themselves. `time_zone` is an IANA name or "" for the installation's, `phone` E.164."""
    with transaction():
        user = _own(user_id, lock=True)
        check_version(user, version)
        before = _profile(user)
        user.full_name, user.email, user.time_zone = full_name.strip(), email.strip(), time_zone
        user.single_key_shortcuts = single_key_shortcuts
        user.phone, user.push_token = phone, push_token
        record("account.profile", user, summary="Profile changed", before=before, after=_profile(user))
    return user


def ensure_first_admin(password: str | None = None) -> str | None:
    """Make the user `admin` where there is no user at all.

    Returns the password to print once where one was made here; None where users exist or `password` (the setting
    ADMIN_PASSWORD) was given, which then is kept and need not be changed at the first sign-in.
    """
    if db.session.scalar(select(func.count()).select_from(User)):
        return None
    made = None if password else passwords.readable_password()
    stored = passwords.hash_password(password or made or "")
    with transaction():
        if db.session.scalar(select(func.count()).select_from(User)):
            return None  # another process was quicker
        user = User(
            username=FIRST_ADMIN,
            full_name="Administrator",
            role=Role.ADMIN,
            password_hash=stored,
            must_change_password=made is not None,
        )
        db.session.add(user)
        db.session.flush()
        record("user.create", user, summary="First administrator made")
    return made


def _refuse(user: User | None, name: str) -> NoReturn:
    """Never returns: raises the neutral refusal, or the lock where this was the last try."""
    until = throttle.lock_if_spent(name)
    if until is not None:
        if user is not None:
            with transaction():
                record("account.locked", user, summary="Sign-in locked after wrong passwords")
        raise throttle.Locked(until)
    settings = current_settings()
    raise DomainError(
        f"The name or the password is not right. After {settings.login_attempts} failures in a row a name is locked "
        f"for {settings.login_lock_minutes} minutes.",
        code="refused",
    )


def _own(user_id: int, *, lock: bool = False) -> User:
    user = db.session.get(User, user_id, with_for_update=lock or None)
    if user is None:
        raise NotFound("There is no such user.")
    return user


def _own_words(user: User) -> tuple[str, ...]:
    return (user.username, user.email, user.full_name, f"{user.username}{user.username}")


def _profile(user: User) -> dict[str, object]:
    return {
        "full_name": user.full_name,
        "email": user.email,
        "phone": user.phone,
        "push_token": f"{user.push_token[:8]}…" if user.push_token else "",
        "time_zone": user.time_zone,
        "single_key_shortcuts": user.single_key_shortcuts,
    }
