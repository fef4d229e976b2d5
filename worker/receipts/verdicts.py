"""What a receipt does to a message in a given state; the ledger's own table of transitions has the last word."""

from __future__ import annotations

from dashboard.messages.models import TRANSITIONS, MessageState
from dashboard.webhooks.models import ReceiptOutcome
from worker.providers.receipts import ReceiptKind

_STATES = {
    ReceiptKind.DELIVERED: MessageState.DELIVERED,
    ReceiptKind.BOUNCED: MessageState.BOUNCED,
    ReceiptKind.FAILED: MessageState.BOUNCED,  # taken by the vendor and not carried on: for us it did not arrive
    ReceiptKind.EXPIRED: MessageState.EXPIRED,
    ReceiptKind.COMPLAINED: MessageState.COMPLAINED,
}
#: From an unknown outcome only these lead on; a message that was taken may then expire or be complained about.
_BY_WAY_OF_SENT = frozenset({MessageState.EXPIRED, MessageState.COMPLAINED})
#: The engine is not through with these.
NOT_BOOKED_YET = frozenset({MessageState.SENDING, MessageState.QUEUED, MessageState.HELD})


def verdict(state: MessageState, kind: ReceiptKind) -> tuple[ReceiptOutcome, MessageState | None]:
    """The receipt's outcome, and the message's new state where there is one.

    A message whose hand-over is not booked yet makes the receipt wait: the vendor was faster than our window.
    """
    if kind is ReceiptKind.UNKNOWN:
        return ReceiptOutcome.UNKNOWN_CODE, None
    if kind is ReceiptKind.ACCEPTED and state is MessageState.UNKNOWN:
        return ReceiptOutcome.APPLIED, MessageState.SENT
    wanted = _STATES.get(kind)
    if wanted is None:
        return ReceiptOutcome.NOTED, None
    if state in NOT_BOOKED_YET:
        return ReceiptOutcome.WAITING, None
    if wanted in TRANSITIONS[state] or (state is MessageState.UNKNOWN and wanted in _BY_WAY_OF_SENT):
        return ReceiptOutcome.APPLIED, wanted
    return ReceiptOutcome.LATE, None
