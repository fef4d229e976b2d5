"""What the sign-in page and the sign-in dialog share: the password step, the code step, and the answer of a lock."""

from __future__ import annotations

from flask import Response, flash, url_for

from dashboard.accounts import services, sessions
from dashboard.accounts.models import User
from dashboard.accounts.throttle import Locked
from dashboard.security import safe_next

SECOND_STEP = "accounts.second_step.show"


def sign_in_with_password(username: str, password: str, next_url: str | None = None) -> str:
    """Check them and return where to go: on, or to the code where the user has a second factor.

    Raises Locked or DomainError.
    """
    user = services.check_password(username=username, password=password)
    if user.totp_enabled:
        sessions.remember_second_step(user, next_url)
        return url_for(SECOND_STEP)
    sessions.begin_session(services.complete_sign_in(user_id=user.id, method="password"))
    return safe_next(next_url) or "/"


def sign_in_with_code(user: User, code: str, *, recovery: bool = False) -> None:
    """Take the code of a user whose password was right and begin the session. Raises Locked or DomainError."""
    left = services.check_second_factor(user=user, code=code, recovery=recovery)
    method = "password and recovery code" if recovery else "password and code"
    sessions.begin_session(services.complete_sign_in(user_id=user.id, method=method))
    if left is not None:
        flash(f"Recovery code used: {left} left. You can make new ones under Password and two-factor.", "warn")


def locked_answer(response: Response, problem: Locked) -> Response:
    """The answer of a locked name: 429, and after how many seconds to come back."""
    response.status_code = 429
    response.headers["Retry-After"] = str(problem.retry_after)
    return response
