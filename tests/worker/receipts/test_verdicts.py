from __future__ import annotations

import itertools

import pytest

from dashboard.messages.models import FINAL_STATES, TRANSITIONS, MessageState
from dashboard.webhooks.models import ReceiptOutcome
from worker.providers.receipts import ReceiptKind
from worker.receipts.verdicts import verdict


@pytest.mark.parametrize(("state", "kind"), list(itertools.product(MessageState, ReceiptKind)))
def test_states_move_only_as_the_ledger_allows(state: MessageState, kind: ReceiptKind) -> None:
    outcome, following = verdict(state, kind)

    assert (following is not None) == (outcome is ReceiptOutcome.APPLIED)
    if following is not None:
        later = TRANSITIONS[MessageState.SENT] if state is MessageState.UNKNOWN else frozenset()
        assert following in TRANSITIONS[state] | later


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
@pytest.mark.parametrize("kind", list(ReceiptKind))
def test_final_states_never_move(state: MessageState, kind: ReceiptKind) -> None:
    assert verdict(state, kind)[1] is None


def test_a_receipt_before_our_own_booking_waits() -> None:
    assert verdict(MessageState.SENDING, ReceiptKind.DELIVERED) == (ReceiptOutcome.WAITING, None)


def test_an_unknown_outcome_is_settled_by_the_vendor() -> None:
    assert verdict(MessageState.UNKNOWN, ReceiptKind.ACCEPTED) == (ReceiptOutcome.APPLIED, MessageState.SENT)
    assert verdict(MessageState.UNKNOWN, ReceiptKind.FAILED) == (ReceiptOutcome.APPLIED, MessageState.BOUNCED)
