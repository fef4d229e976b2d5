"""Standard events of orders and their way to the customer."""

from __future__ import annotations

from typing import Final

from dashboard.events.standard.pieces import StandardEvent, email, first_name, given, push, sms

_NUMBER: Final = given("order.number", "A-20418")
_URL: Final = given("order.url", "https://example.com/o/20418")
_LINES: Final = given(
    "order.lines", [{"name": "Linen shirt, white, M", "quantity": 1}, {"name": "Canvas belt", "quantity": 2}]
)
_DATA: Final = {"order": "{{ order.number }}"}
_REPLACES: Final = "order-{{ order.number }}"

ORDERS: Final = (
    StandardEvent(
        key="order_placed",
        name="Order placed",
        group="Orders",
        description="A customer has ordered, and the order is accepted.",
        variables=(first_name(), _NUMBER, given("order.total", "Rs. 2,480"), _LINES, _URL),
        contents=(
            email(
                "We have your order {{ order.number }}",
                "Thank you for your order",
                "we have your order <strong>{{ order.number }}</strong> and are getting it ready. You will hear "
                "from us when it leaves.",
                lines="order.lines",
                facts=[("Total", "{{ order.total }}")],
                button=("See your order", "{{ order.url }}"),
            ),
            sms("Thank you! We have your order {{ order.number }} of {{ order.total }}. See it: {{ order.url }}"),
            push("Order received", "We have your order {{ order.number }}.", replaces=_REPLACES, data=_DATA),
        ),
        once="order.number",
    ),
    StandardEvent(
        key="order_shipped",
        name="Order shipped",
        group="Orders",
        description="The parcel was handed to the carrier.",
        variables=(
            first_name(),
            _NUMBER,
            given("shipment.carrier", "Bluebird Parcels"),
            given("shipment.tracking_number", "BB447199"),
            given("shipment.tracking_url", "https://example.com/t/447199"),
            given("shipment.arrives", "Friday, 27 November"),
        ),
        contents=(
            email(
                "Order {{ order.number }} is on its way",
                "Your order is on its way",
                "we handed your order to {{ shipment.carrier }} today.",
                facts=[
                    ("Order", "{{ order.number }}"),
                    ("Tracking number", "{{ shipment.tracking_number }}"),
                    ("Arrives", "{{ shipment.arrives }}"),
                ],
                button=("Track the parcel", "{{ shipment.tracking_url }}"),
            ),
            sms(
                "Your order {{ order.number }} left us with {{ shipment.carrier }} and should reach you on "
                "{{ shipment.arrives }}. Track it: {{ shipment.tracking_url }}"
            ),
            push(
                "Your order is on its way",
                "Order {{ order.number }} should reach you on {{ shipment.arrives }}.",
                replaces=_REPLACES,
                data=_DATA,
            ),
        ),
        once="shipment.tracking_number",
    ),
    StandardEvent(
        key="order_out_for_delivery",
        name="Out for delivery",
        group="Orders",
        description="The carrier is on the way to the customer's door.",
        variables=(
            first_name(),
            _NUMBER,
            given("shipment.tracking_number", "BB447199"),
            given("shipment.tracking_url", "https://example.com/t/447199"),
            given("shipment.window", "14:00 to 16:00"),
        ),
        contents=(
            email(
                "Order {{ order.number }} arrives today",
                "Your parcel arrives today",
                "order <strong>{{ order.number }}</strong> is out for delivery and should be with you today, {{ "
                "shipment.window }}.",
                button=("Follow the parcel", "{{ shipment.tracking_url }}"),
            ),
            sms(
                "Order {{ order.number }} is out for delivery today, {{ shipment.window }}. "
                "Follow it: {{ shipment.tracking_url }}"
            ),
            push(
                "Arriving today",
                "Order {{ order.number }} should be with you {{ shipment.window }}.",
                replaces=_REPLACES,
                data=_DATA,
            ),
        ),
        once="shipment.tracking_number",
    ),
    StandardEvent(
        key="order_delayed",
        name="Order delayed",
        group="Orders",
        description="The order comes later than was said.",
        variables=(first_name(), _NUMBER, given("order.arrives", "Monday, 30 November"), _URL),
        contents=(
            email(
                "Order {{ order.number }} takes a little longer",
                "Your order takes a little longer",
                "we are sorry: order <strong>{{ order.number }}</strong> will not come on the day that we told "
                "you. We now expect it on <strong>{{ order.arrives }}</strong>.\n"
                "You need not do anything. If that is too late for you, you can cancel it on the page of the "
                "order.",
                button=("See your order", "{{ order.url }}"),
            ),
            sms(
                "Sorry, order {{ order.number }} is delayed. We now expect it on {{ order.arrives }}. "
                "Details: {{ order.url }}"
            ),
            push(
                "Your order is delayed",
                "Order {{ order.number }} should now come on {{ order.arrives }}.",
                replaces=_REPLACES,
                data=_DATA,
            ),
        ),
    ),
    StandardEvent(
        key="order_delivered",
        name="Order delivered",
        group="Orders",
        description="The carrier says that the parcel has arrived.",
        variables=(first_name(), _NUMBER, given("order.delivered_on", "27 November, 15:12"), _URL),
        contents=(
            email(
                "Order {{ order.number }} has arrived",
                "Your order has arrived",
                "order <strong>{{ order.number }}</strong> was delivered on {{ order.delivered_on }}.\n"
                "Is something missing or not right? Tell us, and we will put it right.{% if return_policy_url is "
                'defined and return_policy_url %} How to send something back stands in our <a href="{{ '
                'return_policy_url }}">return policy</a>.{% endif %}',
                button=("See your order", "{{ order.url }}"),
            ),
            sms(
                "Order {{ order.number }} was delivered on {{ order.delivered_on }}. Something not right? "
                "Tell us: {{ order.url }}"
            ),
            push("Delivered", "Order {{ order.number }} has arrived.", replaces=_REPLACES, data=_DATA),
        ),
        once="order.number",
    ),
    StandardEvent(
        key="order_cancelled",
        name="Order cancelled",
        group="Orders",
        description="An order, or what is left of it, will not be sent.",
        variables=(first_name(), _NUMBER, given("order.reason", "it is out of stock"), _URL),
        contents=(
            email(
                "Order {{ order.number }} is cancelled",
                "Your order is cancelled",
                "order <strong>{{ order.number }}</strong> is cancelled: {{ order.reason }}.\n"
                "If you have paid for it, the money goes back the way it came; we write to you when it is on its "
                "way.",
                button=("See your order", "{{ order.url }}"),
            ),
            sms(
                "Order {{ order.number }} is cancelled: {{ order.reason }}. What you paid will be refunded. "
                "Details: {{ order.url }}"
            ),
            push(
                "Order cancelled",
                "Order {{ order.number }} is cancelled: {{ order.reason }}.",
                replaces=_REPLACES,
                data=_DATA,
            ),
        ),
        once="order.number",
    ),
)
