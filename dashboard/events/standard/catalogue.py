"""The whole set in the order in which it is shown."""

from __future__ import annotations

from typing import Final

from dashboard.events.standard.accounts import ACCOUNTS
from dashboard.events.standard.orders import ORDERS
from dashboard.events.standard.payments import PAYMENTS
from dashboard.events.standard.pieces import StandardEvent
from dashboard.events.standard.shopping import SHOPPING

STANDARD: Final[tuple[StandardEvent, ...]] = (*ORDERS, *PAYMENTS, *ACCOUNTS, *SHOPPING)
BY_KEY: Final = {event.key: event for event in STANDARD}
