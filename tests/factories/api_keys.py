"""API keys for tests, and what it takes to send with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboard.api_keys.models import ApiKey, Scope
from dashboard.api_keys.services import create_key
from dashboard.extensions import transaction
from dashboard.message_templates.models import Category
from dashboard.providers.models import Provider, Route
from tests.factories.sending import CONTENT, new_provider, new_template
from worker.rendering.content import EmailContent


def new_key(scopes: Sequence[Scope] = (Scope.ADMIN,), name: str = "Shop", **values: Any) -> tuple[ApiKey, str]:
    """A key and its token."""
    return create_key(name=name, scopes=scopes, **values)


def bearer(token: str, **headers: str) -> dict[str, str]:
    """The headers of a request with that key; underscores in names stand for hyphens."""
    return {"Authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in headers.items()}}


def new_route(category: Category = Category.TRANSACTIONAL, provider: Provider | None = None) -> Provider:
    """A provider as the default of a category."""
    provider = provider or new_provider()
    with transaction() as session:
        session.add(Route(channel=provider.channel, category=category.value, position=0, provider_id=provider.id))
    return provider


def new_slug(category: Category = Category.TRANSACTIONAL, content: EmailContent = CONTENT) -> str:
    """The slug of a published template that greets `name`."""
    return new_template(content, category)[0].slug
