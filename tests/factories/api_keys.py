"""API keys for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.api_keys.models import ApiKey, Scope
from dashboard.api_keys.services import create_key


def new_key(scopes: Sequence[Scope] = (Scope.ADMIN,), name: str = "Shop", **values: Any) -> tuple[ApiKey, str]:
    """A key and its token."""
    return create_key(name=name, scopes=scopes, **values)


def bearer(token: str, **headers: str) -> dict[str, str]:
    """The headers of a request with that key; underscores in names stand for hyphens."""
    return {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}
