"""Ready text messages and notifications, and what a starter is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.message_templates.models import Category
from worker.rendering.content import Content
from worker.rendering.push import DataSource, PushContent
from worker.rendering.sms import SmsContent


@dataclass(frozen=True, slots=True)
class Starter:
    """One ready template: `sample` maps variable names to example values (JSON shapes)."""

    key: str
    name: str
    description: str
    category: Category
    content: Content
    sample: Mapping[str, Any] = field(default_factory=dict)


TEXT_MESSAGES: tuple[Starter, ...] = (
    Starter(
        key="sms_order_shipped",
        name="Order shipped, SMS",
        description="One segment that says where the parcel is.",
        category=Category.TRANSACTIONAL,
        content=SmsContent("Hi {{ first_name|default('there') }}, order {{ order_number }} left us. Track: {{ link }}"),
        sample={"first_name": "Asha", "order_number": "A-20418", "link": "https://parcels.example.com/44719920"},
    ),
    Starter(
        key="sms_sale",
        name="Spring sale, SMS",
        description="A promotional text with a code and a way to stop.",
        category=Category.PROMOTIONAL,
        content=SmsContent(
            "{{ first_name|default('Hello') }}, {{ discount }} off until {{ ends_on }} with {{ code }}. "
            "Stop: {{ unsubscribe_url }}"
        ),
        sample={"first_name": "Asha", "discount": "25 %", "ends_on": "Sunday", "code": "SPRING-7Q4K"},
    ),
    Starter(
        key="sms_code",
        name="Sign-in code, SMS",
        description="A one-time password in few words.",
        category=Category.OTP,
        content=SmsContent("{{ code }} is your code. It works for {{ minutes }} minutes. Tell it nobody."),
        sample={"code": "482 913", "minutes": 5},
    ),
)

NOTIFICATIONS: tuple[Starter, ...] = (
    Starter(
        key="push_order_shipped",
        name="Order shipped, push",
        description="A title, a line and a link into the app.",
        category=Category.TRANSACTIONAL,
        content=PushContent(
            title="Your order is on its way",
            body="{{ first_name|default('Hello') }}, order {{ order_number }} arrives on {{ arrives }}.",
            link="app://orders/{{ order_number }}",
            collapse_key="order-{{ order_number }}",
            data=(DataSource("order", "{{ order_number }}"),),
        ),
        sample={"first_name": "Asha", "order_number": "A-20418", "arrives": "Friday"},
    ),
    Starter(
        key="push_sale",
        name="Spring sale, push",
        description="A promotional notification with a picture.",
        category=Category.PROMOTIONAL,
        content=PushContent(
            title="{{ discount }} off until {{ ends_on }}",
            body="{{ first_name|default('Hello') }}, your code is {{ code }}.",
            image="https://www.example.com/spring.png",
            link="https://www.example.com/sale",
        ),
        sample={"first_name": "Asha", "discount": "25 %", "ends_on": "Sunday", "code": "SPRING-7Q4K"},
    ),
)
