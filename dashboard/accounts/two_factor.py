"""The second factor: time-based codes (TOTP, RFC 6238) and recovery codes, each good once."""

from __future__ import annotations

import secrets
import time
from typing import Final

import pyotp
import segno

from dashboard.accounts.models import User
from dashboard.audit.services import record
from dashboard.crypto import CannotDecrypt, decrypt, encrypt, keyed_hash
from dashboard.current import current_settings
from dashboard.extensions import db, transaction
from dashboard.problems import DomainError, NotFound

RECOVERY_CODES: Final = 10
_STEP_SECONDS: Final = 30
#: Steps before and after the present one whose code is taken too: clocks of phones differ.
_WINDOW: Final = 1
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"  # no look-alikes: these codes are read from paper


def begin_set_up(*, user_id: int) -> None:
    """Make a new secret for a user whose two-factor sign-in is off; it counts only after `confirm_set_up`."""
    with transaction():
        user = _locked(user_id)
        if user.totp_enabled:
            raise DomainError("Two-factor sign-in is on. Turn it off before you set up another device.", code="on")
        user.totp_secret = encrypt(current_settings().key, {"secret": pyotp.random_base32()})
        user.totp_last_step = 0


def confirm_set_up(*, user_id: int, code: str) -> list[str]:
    """Switch it on with a first code of the device. Returns the recovery codes, which are not shown again."""
    with transaction():
        user = _locked(user_id)
        if user.totp_enabled:
            raise DomainError("Two-factor sign-in is on already.", code="on")
        if not user.totp_secret:
            raise DomainError("Start the set-up first.", code="not_started")
        _take_code(user, code)
        user.totp_enabled = True
        codes = _new_recovery_codes(user)
        record("account.two_factor_on", user, summary="Two-factor sign-in turned on")
    return codes


def check_code(*, user_id: int, code: str) -> None:
    """Take a code of the user's device, each one once; raises DomainError(field "code")."""
    with transaction():
        _take_code(_locked(user_id), code)


def use_recovery_code(*, user_id: int, code: str) -> int:
    """Take a recovery code, each one once; returns how many are left. Raises DomainError(field "code")."""
    with transaction():
        user = _locked(user_id)
        digest = _digest(code)
        if digest not in user.recovery_hashes:
            raise DomainError("That is not one of your unused recovery codes.", field="code", code="wrong_code")
        user.recovery_hashes = [kept for kept in user.recovery_hashes if kept != digest]
        left = len(user.recovery_hashes)
        entry = record("account.recovery_code_used", user, summary=f"Recovery code used, {left} left")
        entry.user_id, entry.user_name = user.id, user.username
    return left


def renew_recovery_codes(*, user_id: int) -> list[str]:
    """Replace all recovery codes. Returns the new ones, which are not shown again."""
    with transaction():
        user = _locked(user_id)
        if not user.totp_enabled:
            raise DomainError("Turn on two-factor sign-in first.", code="off")
        codes = _new_recovery_codes(user)
        record("account.recovery_codes_renewed", user, summary="New recovery codes made, the old ones are void")
    return codes


def turn_off(*, user_id: int, action: str = "account.two_factor_off") -> None:
    """Remove the second factor, its secret and the recovery codes. Joins the transaction around it."""
    with transaction():
        user = _locked(user_id)
        user.totp_enabled, user.totp_secret, user.totp_last_step, user.recovery_hashes = False, "", 0, []
        record(action, user, summary=f"Two-factor sign-in of {user.username} turned off")


def secret_of(user: User) -> str:
    """The user's TOTP secret in base32, "" where none is set or where it belongs to another SECRET_KEY."""
    try:
        return str(decrypt(current_settings().key, user.totp_secret).get("secret", ""))
    except CannotDecrypt:
        return ""


def secret_in_groups(user: User) -> str:
    """The secret as people type it: groups of four."""
    secret = secret_of(user)
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def qr_code(user: User) -> str:
    """The set-up as a QR code: an SVG in a `data:` address for an <img>, dark on white in every theme."""
    uri = pyotp.TOTP(secret_of(user)).provisioning_uri(name=user.username, issuer_name="Carillon")
    return segno.make(uri, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff")


def _take_code(user: User, code: str) -> None:
    """Accept a code whose time step is newer than the last one taken: pyotp has no guard against replay."""
    digits = "".join(code.split())
    totp, now = pyotp.TOTP(secret_of(user)), int(time.time()) // _STEP_SECONDS
    for step in range(now - _WINDOW, now + _WINDOW + 1):
        if step > user.totp_last_step and pyotp.utils.strings_equal(totp.generate_otp(step), digits):
            user.totp_last_step = step
            return
    raise DomainError(
        "That code is not right or was used already. Wait for the next one and check that the clock of your device "
        "is set automatically.",
        field="code",
        code="wrong_code",
    )


def _new_recovery_codes(user: User) -> list[str]:
    codes = ["-".join(_letters() for _ in range(2)) for _ in range(RECOVERY_CODES)]
    user.recovery_hashes = [_digest(code) for code in codes]
    return codes


def _letters() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(5))


def _digest(code: str) -> str:
    """Keyed hash; ten random letters (49 bits) need no slow one."""
    plain = "".join(character for character in code.casefold() if character.isalnum())
    return keyed_hash(current_settings().key, "recovery-code", plain)


def _locked(user_id: int) -> User:
    user = db.session.get(User, user_id, with_for_update=True)
    if user is None:
        raise NotFound("There is no such user.")
    return user
