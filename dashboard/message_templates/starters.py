"""Ready templates: what "New template" starts from, and the content of the demonstration.

Every starter renders with its own sample values alone: global variables are guarded, so a new installation without
settings shows no gap. The HTML bodies lie in
`starter_bodies/`, SMS and push stand in `phone_starters.py`.
"""

from __future__ import annotations

from pathlib import Path

from dashboard.message_templates.models import Category
from dashboard.message_templates.phone_starters import NOTIFICATIONS, TEXT_MESSAGES, Starter
from worker.rendering.content import EmailContent

_BODIES = Path(__file__).parent / "starter_bodies"


def _email(key: str, subject: str, text: str = "") -> EmailContent:
    html = (_BODIES / f"{key}.html").read_text(encoding="utf-8")
    return EmailContent(subject=subject, html=html, text=text)


_RESET_TEXT = """\
Choose a new password

Somebody, we hope you, asked to reset the password of {{ account_email }}.
The link works once, for {{ valid_minutes }} minutes:

{{ reset_url }}

If it was not you, ignore this mail: nothing changes.
"""

_EMAILS: tuple[Starter, ...] = (
    Starter(
        key="short_message",
        name="Short message",
        description="A greeting, a paragraph and one button: the usual start.",
        category=Category.TRANSACTIONAL,
        content=_email("short_message", 'A note for {{ first_name|default("you") }}'),
        sample={"first_name": "Asha"},
    ),
    Starter(
        key="order_shipped",
        name="Order shipped",
        description="Tells a customer that the parcel left, with its lines and a tracking link.",
        category=Category.TRANSACTIONAL,
        content=_email("order_shipped", "Order {{ order.number }} is on its way"),
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
        content=_email("spring_sale", "{{ first_name|default('Good news') }}, {{ discount }} off until {{ ends_on }}"),
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
        content=_email("password_reset", "Choose a new password", _RESET_TEXT),
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
        content=_email("receipt", "Receipt {{ receipt.number }}: {{ receipt.total }}"),
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


STARTERS: tuple[Starter, ...] = (*_EMAILS, *TEXT_MESSAGES, *NOTIFICATIONS)


def starters(channel: str) -> tuple[Starter, ...]:
    """Those of one channel."""
    return tuple(entry for entry in STARTERS if entry.content.channel == channel)


def starter(key: str, channel: str = "email") -> Starter:
    """The starter of that key; where there is none the first one of the channel, else of all."""
    found = [entry for entry in STARTERS if entry.key == key] or starters(channel) or STARTERS
    return found[0]
