"""Events of the API case: one condition, one channel, a template with the event's variables."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count

import httpx

from dashboard.events import services
from dashboard.events.conditions import Conditions, Group, Row
from dashboard.events.schema import infer
from dashboard.events.services import Delivery, Names, Rules
from dashboard.message_templates.models import Category
from tests.factories.sending import new_template
from worker.rendering.content import EmailContent

_ORDER = {"order": {"number": "A-1815", "total": 620, "items": [{"sku": "S-1"}, {"sku": "S-2"}]}, "country": "IN"}
_CONTENT = EmailContent(subject="Order {{ order.number }}", html="<p>On its way to {{ country }}</p>", text="Sent")


def event_call(client: httpx.Client) -> Callable[[], None]:
    """Reports one order after the other, each with a number of its own by which a repetition would be noticed."""
    event = services.create_event(names=Names("Order shipped", "bench-order"), variables=infer(_ORDER))
    template = new_template(_CONTENT, Category.TRANSACTIONAL)[0]
    services.save_deliveries(
        event_id=event.id, deliveries={"email": Delivery(subscribed=True, template_id=template.id)}
    )
    condition = Group((Row("country", "is", "IN"),))
    services.save_conditions(event_id=event.id, conditions=Conditions((condition,)))
    services.save_rules(event_id=event.id, rules=Rules(idempotency_path="order.number"))
    services.switch_event(event_id=event.id, enabled=True)
    numbers = count()

    def report() -> None:
        order = {**_ORDER, "order": {**_ORDER["order"], "number": f"A-{next(numbers)}"}}  # type: ignore[dict-item]
        body = {"payload": order, "recipient": {"email": "ada@example.com"}}
        answer = client.post("/api/v1/events/bench-order", content=json.dumps(body).encode())
        if answer.status_code != 202 or [one["state"] for one in answer.json()["messages"]] != ["sent"]:
            raise SystemExit(f"{answer.status_code}: {answer.text}")

    return report
