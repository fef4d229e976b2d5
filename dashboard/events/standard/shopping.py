"""Standard events around shopping. They are promotional: each has the way out that such messages need."""

from __future__ import annotations

from typing import Final

from dashboard.events.standard.pieces import StandardEvent, email, first_name, given, push, sms
from dashboard.message_templates.models import Category

_PRODUCT: Final = (given("product.name", "Canvas belt"), given("product.url", "https://example.com/b/118"))
_DAILY: Final = {"cap_count": 1, "cap_seconds": 86_400}

SHOPPING: Final = (
    StandardEvent(
        key="cart_abandoned",
        name="Abandoned cart",
        group="Shopping",
        description="A cart was left with something in it.",
        variables=(
            first_name(),
            given("cart.number", "C-5512"),
            given("cart.url", "https://example.com/c/5512"),
            given("cart.lines", [{"name": "Linen shirt, white, M", "quantity": 1}]),
        ),
        contents=(
            email(
                "You left something in your cart",
                "Your cart is waiting",
                "we kept what you chose. It is not reserved, so others may be faster.",
                lines="cart.lines",
                button=("Go to your cart", "{{ cart.url }}"),
                promotional=True,
            ),
            sms("Your cart is waiting with what you chose: {{ cart.url }}", promotional=True),
            push("Your cart is waiting", "What you chose is still there.", replaces="cart-{{ cart.number }}"),
        ),
        category=Category.PROMOTIONAL,
        once="cart.number",
        rules=_DAILY,
    ),
    StandardEvent(
        key="price_dropped",
        name="Price drop",
        group="Shopping",
        description="Something that a customer looked at or saved costs less.",
        variables=(
            first_name(),
            *_PRODUCT,
            given("product.price", "Rs. 620"),
            given("product.price_before", "Rs. 890"),
        ),
        contents=(
            email(
                "{{ product.name }} now costs {{ product.price }}",
                "The price went down",
                "<strong>{{ product.name }}</strong> costs <strong>{{ product.price }}</strong> in place of {{ "
                "product.price_before }}.",
                button=("Have a look", "{{ product.url }}"),
                promotional=True,
            ),
            sms(
                "{{ product.name }} now costs {{ product.price }} in place of {{ product.price_before }}: "
                "{{ product.url }}",
                promotional=True,
            ),
            push("The price went down", "{{ product.name }} now costs {{ product.price }}."),
        ),
        category=Category.PROMOTIONAL,
        rules=_DAILY,
    ),
    StandardEvent(
        key="back_in_stock",
        name="Back in stock",
        group="Shopping",
        description="Something that a customer waited for is there again.",
        variables=(first_name(), *_PRODUCT),
        contents=(
            email(
                "{{ product.name }} is back",
                "It is back",
                "you asked us to tell you: <strong>{{ product.name }}</strong> is in stock again.",
                button=("Get yours", "{{ product.url }}"),
                promotional=True,
            ),
            sms("You waited for it: {{ product.name }} is in stock again. {{ product.url }}", promotional=True),
            push("Back in stock", "{{ product.name }} is there again."),
        ),
        category=Category.PROMOTIONAL,
        rules={"dedup_seconds": 86_400},
    ),
    StandardEvent(
        key="review_requested",
        name="Review requested",
        group="Shopping",
        description="Some days after the delivery: how was it?",
        variables=(
            first_name(),
            given("order.number", "A-20418"),
            given("product.name", "Canvas belt"),
            given("review.url", "https://example.com/v/118"),
        ),
        contents=(
            email(
                "How do you like your {{ product.name }}?",
                "How do you like it?",
                "you have had your <strong>{{ product.name }}</strong> for some days. Two sentences of yours "
                "help others to choose, and us to get better.",
                button=("Write a review", "{{ review.url }}"),
                promotional=True,
            ),
            sms("How do you like your {{ product.name }}? Tell us: {{ review.url }}", promotional=True),
        ),
        category=Category.PROMOTIONAL,
        once="order.number",
    ),
)
