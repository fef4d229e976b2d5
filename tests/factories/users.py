"""Users for tests."""

from __future__ import annotations

from functools import cache
from typing import Any

from argon2 import PasswordHasher

from dashboard.accounts.models import Role, User

PASSWORD = "correct horse"


def cheap_hasher() -> PasswordHasher:
    """Argon2 with the least work that it allows."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@cache
def password_hash() -> str:
    return cheap_hasher().hash(PASSWORD)


def new_user(role: Role = Role.ADMIN, username: str = "somebody", **values: Any) -> User:
    """A user that is not saved yet, with the password above."""
    defaults: dict[str, Any] = {"full_name": f"The {role.value}", "email": f"{username}@example.com"}
    return User(username=username, role=role, password_hash=password_hash(), **(defaults | values))
