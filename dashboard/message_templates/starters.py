"""Ready email templates: what "New template" starts from, and the content of the demonstration.

Every starter renders with its own sample values alone: global variables are guarded, so a new installation without
settings shows no gap. The HTML bodies lie in `starter_bodies/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.message_templates.models import Category
from worker.rendering.content import EmailContent

_BODIES = Path(__file__).parent / "starter_bodies"


@dataclass(frozen=True, slots=True)
class Starter:
    """One ready template: `sample` maps variable names to example values (JSON shapes)."""

    key: str
    name: str
    description: str
    category: Category
    subject: str
    sample: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""

    @property
    def content(self) -> EmailContent:
        return EmailContent(subject=self.subject, html=body_of(self.key), text=self.text)


@cache
def body_of(key: str) -> str:
    """The HTML source of a starter."""
    return (_BODIES / f"{key}.html").read_text(encoding="utf-8")


_RESET_TEXT = """\
Choose a new password

Somebody, we hope you, asked to reset the password of {{ account_email }}.
The link works once, for {{ valid_minutes }} minutes:

{{ reset_url }}

If it was not you, ignore this mail: nothing changes.
"""

STARTERS: tuple[Starter, ...] = (
    Starter(
        key="short_message",
        name="Short message",
        description="A greeting, a paragraph and one button: the usual start.",
        category=Category.TRANSACTIONAL,
        subject='A note for {{ first_name|default("you") }}',
        sample={"first_name": "Asha"},
    ),
    Starter(
        key="order_shipped",
        name="Order shipped",
        description="Tells a customer that the parcel left, with its lines and a tracking link.",
        category=Category.TRANSACTIONAL,
        subject="Order {{ order.number }} is on its way",
        sample={
            "first_name": "Asha",
            "order": {
                "number": "A-20418",
                "carrier": "Bluebird Parcels",
                "arrives": "Friday, 27 November",
                "tracking_number": "BB 4471 9920 18",
                "tracking_url": "https://parcels.example.com/track/44719920",
                "lines": [
                    {"name": "Linen shirt, white, M", "quantity": 1},
                    {"name": "Canvas belt", "quantity": 2},
                ],
            },
        },
    ),
    Starter(
        key="spring_sale",
        name="Spring sale",
        description="A promotional mail with a personal code and the unsubscribe link that such mail needs.",
        category=Category.PROMOTIONAL,
        subject="{{ first_name|default('Good news') }}, {{ discount }} off until {{ ends_on }}",
        sample={
            "first_name": "Asha",
            "city": "Pune",
            "discount": "25 %",
            "ends_on": "Sunday",
            "code": "SPRING-7Q4K",
            "points": 320,
        },
    ),
    Starter(
        key="password_reset",
        name="Password reset",
        description="A link that works once, in few words, with a written text part.",
        category=Category.TRANSACTIONAL,
        subject="Choose a new password",
        text=_RESET_TEXT,
        sample={
            "account_email": "asha@example.com",
            "reset_url": "https://www.example.com/reset/3f9c",
            "valid_minutes": 30,
            "device": "Firefox on Linux",
        },
    ),
    Starter(
        key="receipt",
        name="Receipt",
        description="A table made by a loop over the lines of a payment.",
        category=Category.TRANSACTIONAL,
        subject="Receipt {{ receipt.number }}: {{ receipt.total }}",
        sample={
            "first_name": "Asha",
            "receipt": {
                "number": "R-7731",
                "date": "24 November 2026",
                "payment": "card ending in 4242",
                "tax": "€ 9.91",
                "total": "€ 62.00",
                "lines": [
                    {"name": "Linen shirt, white, M", "quantity": 1, "price": "€ 44.00"},
                    {"name": "Canvas belt", "quantity": 2, "price": "€ 18.00"},
                ],
            },
        },
    ),
)


def starter(key: str) -> Starter:
    """The starter of that key, or the first one where there is none."""
    return next((entry for entry in STARTERS if entry.key == key), STARTERS[0])
