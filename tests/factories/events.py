"""Events for tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.events import services
from dashboard.events.conditions import Conditions, Group, Row
from dashboard.events.models import Event
from dashboard.events.receiving import Incoming
from dashboard.events.schema import EventVariable, infer
from dashboard.events.services import Delivery, Names
from dashboard.ids import new_id
from dashboard.message_templates.models import Category
from tests.factories.api_keys import new_route
from tests.factories.sending import SANDBOXES, new_provider, new_template
from worker.rendering.content import Content, EmailContent
from worker.rendering.push import PushContent
from worker.rendering.sms import SmsContent

PAYLOAD = {"order": {"number": "A-1815", "total": 620, "items": [{"sku": "S-1"}, {"sku": "S-2"}]}, "country": "IN"}
ADA = {"email": "ada@example.com", "phone": "+919876543210", "push_token": "t" * 40}
CONTENTS: Mapping[str, Content] = {
    "email": EmailContent(subject="Order {{ order.number }}", html="<p>{{ country }}</p>"),
    "sms": SmsContent("Order {{ order.number }} is on its way"),
    "push": PushContent(title="Order {{ order.number }}", body="It is on its way"),
}


def new_event(
    *channels: str, rows: tuple[tuple[str, str, str], ...] = (), on: bool = True, deliveries: Any = None, **rules: Any
) -> Event:
    """An event with PAYLOAD's variables, the channels subscribed, and rows of conditions of which all have to hold.

    `deliveries` maps channels to what differs in their Delivery; `rules` go to Rules.
    """
    slug = f"order-{new_id()}"
    variables: list[EventVariable] = infer(PAYLOAD)
    event = services.create_event(names=Names("Order shipped", slug, group="Orders"), variables=variables)
    wanted = {}
    for channel in channels:
        new_route(Category.TRANSACTIONAL, new_provider(SANDBOXES[channel]))
        template = new_template(CONTENTS[channel], Category.TRANSACTIONAL)[0]
        more = (deliveries or {}).get(channel, {})
        wanted[channel] = Delivery(**{"subscribed": True, "template_id": template.id, **more})
    services.save_deliveries(event_id=event.id, deliveries=wanted)
    group = Group(tuple(Row(*row) for row in rows))
    services.save_conditions(event_id=event.id, conditions=Conditions((group,) if rows else ()))
    services.save_rules(event_id=event.id, rules=services.Rules(**rules))
    return services.switch_event(event_id=event.id, enabled=on)


def incoming(payload: Mapping[str, Any] = PAYLOAD, recipient: Mapping[str, str] = ADA, **values: Any) -> Incoming:
    """What an application tells."""
    return Incoming(payload, recipient, **values)
