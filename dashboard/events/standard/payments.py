"""Standard events of payments, returns and refunds."""

from __future__ import annotations

from typing import Final

from dashboard.events.standard.pieces import StandardEvent, email, first_name, given, push, sms

_NUMBER: Final = given("order.number", "A-20418")
_REFUND: Final = (given("refund.number", "R-7731"), given("refund.amount", "Rs. 1,240"))

PAYMENTS: Final = (
    StandardEvent(
        key="payment_failed",
        name="Payment failed",
        group="Payments",
        description="The bank or the card refused, and the order waits for a payment.",
        variables=(
            first_name(),
            _NUMBER,
            given("payment.number", "P-90112"),
            given("payment.amount", "Rs. 2,480"),
            given("payment.url", "https://example.com/p/90112"),
        ),
        contents=(
            email(
                "Your payment for order {{ order.number }} did not go through",
                "Your payment did not go through",
                "your bank or card did not accept the payment of <strong>{{ payment.amount }}</strong> for order "
                "{{ order.number }}. Nothing was charged.\n"
                "We keep the order for you. Try again, or choose another way to pay.",
                button=("Pay now", "{{ payment.url }}"),
            ),
            sms(
                "Your payment of {{ payment.amount }} for order {{ order.number }} failed; nothing was charged. "
                "Try again: {{ payment.url }}"
            ),
            push(
                "Payment failed",
                "{{ payment.amount }} for order {{ order.number }} did not go through. Tap to try again.",
                replaces="payment-{{ order.number }}",
                data={"order": "{{ order.number }}"},
            ),
        ),
        once="payment.number",
    ),
    StandardEvent(
        key="return_requested",
        name="Return requested",
        group="Returns",
        description="A customer wants to send something back, and a pick-up is planned.",
        variables=(
            first_name(),
            _NUMBER,
            given("returned.number", "RT-311"),
            given("returned.pickup_on", "Saturday, 28 November"),
            given("returned.url", "https://example.com/r/311"),
        ),
        contents=(
            email(
                "We have planned the return of order {{ order.number }}",
                "Your return is planned",
                "we will pick up your return <strong>{{ returned.number }}</strong> on <strong>{{ "
                "returned.pickup_on }}</strong>. Please have it packed with its labels on.",
                button=("See the return", "{{ returned.url }}"),
            ),
            sms(
                "Return {{ returned.number }} of order {{ order.number }}: we pick it up on {{ returned.pickup_on }}. "
                "Change it: {{ returned.url }}"
            ),
        ),
        once="returned.number",
    ),
    StandardEvent(
        key="refund_started",
        name="Refund started",
        group="Returns",
        description="The shop has sent the money back; the bank still has to book it.",
        variables=(first_name(), _NUMBER, *_REFUND, given("refund.days", 5)),
        contents=(
            email(
                "Your refund of {{ refund.amount }} is on its way",
                "Your refund is on its way",
                "we have sent <strong>{{ refund.amount }}</strong> for order {{ order.number }} back to you, the "
                "way you paid. Banks take up to {{ refund.days }} working days to show it.",
                facts=[("Refund", "{{ refund.number }}"), ("Amount", "{{ refund.amount }}")],
            ),
            sms(
                "We started your refund of {{ refund.amount }} for order {{ order.number }}. "
                "Your bank shows it within {{ refund.days }} working days."
            ),
            push(
                "Refund on its way",
                "{{ refund.amount }} for order {{ order.number }} arrives within {{ refund.days }} working days.",
                replaces="refund-{{ refund.number }}",
            ),
        ),
        once="refund.number",
    ),
    StandardEvent(
        key="refund_completed",
        name="Refund completed",
        group="Returns",
        description="The bank has confirmed that the money is back.",
        variables=(first_name(), _NUMBER, *_REFUND, given("refund.method", "card ending in 4242")),
        contents=(
            email(
                "Your refund of {{ refund.amount }} is done",
                "Your refund is done",
                "<strong>{{ refund.amount }}</strong> for order {{ order.number }} went back to your {{ "
                "refund.method }}.",
                facts=[("Refund", "{{ refund.number }}"), ("Amount", "{{ refund.amount }}")],
            ),
            sms(
                "Your refund of {{ refund.amount }} for order {{ order.number }} is done. It went to your "
                "{{ refund.method }}."
            ),
            push(
                "Refund done",
                "{{ refund.amount }} for order {{ order.number }} is back on your {{ refund.method }}.",
                replaces="refund-{{ refund.number }}",
            ),
        ),
        once="refund.number",
    ),
)
