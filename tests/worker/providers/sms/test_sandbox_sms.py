import json
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from tests.worker.providers.contract import ProviderContract
from tests.worker.providers.inboxes import ListInbox
from tests.worker.providers.messages import Outcomes, make_sms
from worker.providers.base import Ports, Result
from worker.providers.sandboxes import BATCH_SIZE
from worker.providers.sms.sandbox_sms import SandboxSmsProvider

fresh: Iterator[int] = count(3_000_000)  # the process remembers which messages it put off


class TestContract(ProviderContract):
    most_taken = BATCH_SIZE

    def message(self, reference: int) -> Any:
        return make_sms(reference)

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        return make_sms(reference, text="half \ud83d"), "not_encodable", "The message holds half of a surrogate pair"

    @pytest.fixture
    def provider(self) -> SandboxSmsProvider:
        return SandboxSmsProvider({}, Ports(ListInbox()))


def test_a_text_arrives_whole() -> None:
    inbox, outcomes = ListInbox(), Outcomes()
    message = make_sms(5, text="Grüße\nan 🙂", encoding="ucs2")
    SandboxSmsProvider({}, Ports(inbox)).open().send([message], outcomes)
    (kept,) = inbox.mails
    assert (kept.channel, kept.recipient, kept.sender, kept.subject) == ("sms", message.to, "PARCEL", "Grüße an 🙂")
    source = json.loads(kept.raw)
    assert (source["text"], source["encoding"], source["segments"]) == ("Grüße\nan 🙂", "ucs2", 1)
    assert source["registered_template"] == "1707160000000000001"
    assert outcomes.only.code == "accepted"


@pytest.mark.parametrize(
    ("number", "result"),
    [
        ("+919820009991", Result.FAILED),
        ("+919820009992", Result.BOUNCED),
        ("+919820009993", Result.RETRY),
        ("+919820009994", Result.SENT),
    ],
)
def test_numbers_ask_for_a_fate(number: str, result: Result) -> None:
    inbox, outcomes = ListInbox(), Outcomes()
    SandboxSmsProvider({}, Ports(inbox)).open().send([make_sms(next(fresh), to=number)], outcomes)
    assert outcomes.only.result is result
    assert bool(inbox.mails) is (result is Result.SENT)
