"""What a key is told about itself: the first call of every integration."""

from __future__ import annotations

from pydantic import Field

from dashboard.api.resource import Output, Reply, caller, needs, resource
from dashboard.ids import public_id

api = resource("Key", "The key that a request is made with.")


class KeyOut(Output):
    """An API key, without its secret."""

    id: str
    name: str
    scopes: list[str]
    templates: list[str] = Field(description="Ids of the templates that it may send; empty: every template.")
    requests_per_minute: int = Field(description="0: no limit.")


@api.get("/key", responses={200: KeyOut})
@needs()
def show() -> Reply:
    """Which key is this"""
    found = caller()
    return KeyOut(
        id=public_id("key", found.id),
        name=found.name,
        scopes=sorted(found.scopes),
        templates=[public_id("tpl", number) for number in sorted(found.template_ids)],
        requests_per_minute=found.requests_per_minute,
    )
