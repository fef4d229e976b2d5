import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.worker.providers.contract import ProviderContract
from tests.worker.providers.inboxes import ListInbox
from tests.worker.providers.messages import Outcomes, make_push
from worker.providers.base import Ports, Result
from worker.providers.push.sandbox_push import SandboxPushProvider
from worker.providers.sandboxes import BATCH_SIZE

fresh: Iterator[int] = count(4_000_000)  # the process remembers which messages it put off


class TestContract(ProviderContract):
    most_taken = BATCH_SIZE

    def message(self, reference: int) -> Any:
        return make_push(reference)

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        return make_push(reference, body="half \ud83d"), "not_encodable", "The message holds half of a surrogate pair"

    @pytest.fixture
    def provider(self) -> SandboxPushProvider:
        return SandboxPushProvider({}, Ports(ListInbox()))


def test_a_notification_arrives_whole() -> None:
    inbox, outcomes = ListInbox(), Outcomes()
    SandboxPushProvider({}, Ports(inbox)).open().send([make_push(5)], outcomes)
    (kept,) = inbox.mails
    assert (kept.channel, kept.recipient, kept.sender, kept.subject) == ("push", "token5", "", "Hello")
    source = json.loads(kept.raw)
    assert (source["body"], source["link"], source["data"]) == ("Day.", "app://orders", {"a": "b"})


@pytest.mark.parametrize(
    ("token", "result"),
    [
        ("fail-1", Result.FAILED),
        ("Bounce-2", Result.BOUNCED),
        ("throttle-3", Result.RETRY),
        ("failure", Result.SENT),
    ],
)
def test_tokens_ask_for_a_fate(token: str, result: Result) -> None:
    inbox, outcomes = ListInbox(), Outcomes()
    SandboxPushProvider({}, Ports(inbox)).open().send([make_push(next(fresh), token=token)], outcomes)
    assert outcomes.only.result is result
    assert bool(inbox.mails) is (result is Result.SENT)
