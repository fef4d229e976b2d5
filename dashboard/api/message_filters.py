"""Which messages a list or an export holds."""

from __future__ import annotations

from pydantic import Field

from dashboard.api.identifiers import Moment, named_event, named_id
from dashboard.api.paging import limit_field
from dashboard.api.resource import Input
from dashboard.messages.filters import OBJECTS, MessageFilters


class FiltersIn(Input):
    """What narrows messages down."""

    channel: str | None = Field(None, pattern="^(email|sms|push)$")
    state: str | None = Field(None, max_length=12, description="A state, or success, or error.")
    code: str | None = Field(None, max_length=60)
    recipient: str | None = Field(None, max_length=320, description="The address begins with it.")
    template: str | None = Field(None, max_length=40)
    campaign: str | None = Field(None, max_length=40)
    event: str | None = Field(None, max_length=80, description="Slug or id (evt_…) of an event.")
    job: str | None = Field(None, max_length=40)
    provider: str | None = Field(None, max_length=40)
    since: Moment | None = None
    until: Moment | None = None
    tests: bool = Field(False, description="Test sends too.")

    def filters(self) -> MessageFilters:
        """The same for the queries. Raises Refused (422) for what is no id."""
        found = {
            name: named_id(prefix, getattr(self, name) or None, name)
            for name, prefix in OBJECTS.items()
            if name != "event"
        }
        found["event"] = named_event(self.event or None)
        objects = {name: number for name, number in found.items() if number is not None}
        return MessageFilters(
            channel=self.channel or "",
            state=self.state or "",
            code=self.code or "",
            address=(self.recipient or "").lower(),
            range="all",
            first=self.since,
            last=self.until,
            with_tests=self.tests,
            objects=objects,
        )


class MessagesIn(FiltersIn):
    reference: str | None = Field(None, max_length=200, description="Your own reference; the other filters are unused.")
    after: str | None = Field(None, max_length=40, description="`next` of the page before.")
    limit: int = limit_field()
