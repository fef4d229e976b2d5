from collections import Counter
from collections.abc import Iterator
from itertools import count

import pytest

from tests.worker.providers.contract import ProviderContract
from tests.worker.providers.inboxes import ListInbox
from tests.worker.providers.messages import Outcomes, make_message
from worker.providers.base import ConfigurationProblem, InboxMail, OutgoingEmail, Ports, Result, Wait
from worker.providers.email.sandbox import SandboxProvider
from worker.providers.sandboxes import BATCH_SIZE

fresh = count(1_000_000)  # the process remembers which messages it put off


@pytest.fixture
def inbox() -> ListInbox:
    return ListInbox()


def send(inbox: ListInbox, messages: list[OutgoingEmail], **settings: object) -> Outcomes:
    outcomes = Outcomes()
    SandboxProvider(settings, Ports(inbox)).open().send(messages, outcomes)
    return outcomes


class TestContract(ProviderContract):
    most_taken = BATCH_SIZE

    @pytest.fixture
    def provider(self, inbox: ListInbox) -> SandboxProvider:
        return SandboxProvider({}, Ports(inbox))


class TestSlowContract(ProviderContract):
    most_taken = BATCH_SIZE + 10

    @pytest.fixture
    def provider(self, inbox: ListInbox) -> SandboxProvider:
        return SandboxProvider({"slow_percent": 50, "slow_milliseconds": 2}, Ports(inbox))


def test_a_mail_arrives_whole(inbox: ListInbox) -> None:
    outcomes = send(inbox, [make_message(5, to="anna@example.com", body=b"Subject: Hello\r\n\r\nDay.\r\n")])
    assert outcomes.only.result is Result.SENT
    assert outcomes.only.provider_message_id
    (mail,) = inbox.mails
    assert mail == InboxMail(5, "anna@example.com", "sender@example.org", "Hello", b"Subject: Hello\r\n\r\nDay.\r\n")


def test_a_message_is_sent_only_once_it_is_stored(inbox: ListInbox) -> None:
    stored_when_told = []
    session = SandboxProvider({}, Ports(inbox)).open()
    session.send(
        [make_message(number) for number in range(BATCH_SIZE + 50)],
        lambda outcome: stored_when_told.append(outcome.reference in {mail.reference for mail in inbox.mails}),
    )
    assert len(stored_when_told) == BATCH_SIZE + 50
    assert all(stored_when_told)
    assert [len(batch) for batch in inbox.batches] == [BATCH_SIZE, 50]


def test_an_inbox_that_cannot_store_leaves_the_mails_to_be_retried(inbox: ListInbox) -> None:
    inbox.broken = OSError("disk\nfull")
    outcomes = send(inbox, [make_message(1), make_message(2)])
    assert outcomes.results == {1: Result.RETRY, 2: Result.RETRY}
    assert outcomes.of(1).code == "inbox_unavailable"
    assert outcomes.of(1).detail.endswith("disk full")


@pytest.mark.parametrize(
    ("address", "result"),
    [
        ("fail@example.com", Result.FAILED),
        ("Fail+42@shop.example", Result.FAILED),
        ("bounce@example.com", Result.BOUNCED),
        ("throttle@example.com", Result.RETRY),
        ("failure@example.com", Result.SENT),
    ],
)
def test_addresses_ask_for_a_fate(inbox: ListInbox, address: str, result: Result) -> None:
    outcome = send(inbox, [make_message(next(fresh), to=address)]).only
    assert outcome.result is result
    assert outcome.code
    assert outcome.detail
    assert bool(inbox.mails) is (result is Result.SENT)


def test_a_wish_counts_more_than_a_share(inbox: ListInbox) -> None:
    outcome = send(inbox, [make_message(next(fresh), to="bounce@example.com")], fail_percent=100).only
    assert outcome.result is Result.BOUNCED


def test_shares_are_kept_and_the_same_each_time(inbox: ListInbox) -> None:
    settings = {"fail_percent": 10, "bounce_percent": "20", "throttle_percent": 5}
    references = [next(fresh) for _ in range(4000)]
    first = send(inbox, [make_message(reference) for reference in references], **settings).results
    shares = Counter(first.values())
    assert 300 <= shares[Result.FAILED] <= 500
    assert 650 <= shares[Result.BOUNCED] <= 950
    assert 120 <= shares[Result.RETRY] <= 280
    again = send(inbox, [make_message(reference) for reference in references], **settings).results
    assert all(again[reference] is first[reference] for reference in references if first[reference] != Result.RETRY)


def test_what_was_put_off_goes_through_on_a_later_try(inbox: ListInbox) -> None:
    message = make_message(next(fresh))
    outcome = send(inbox, [message], throttle_percent=100).only
    assert outcome.result is Result.RETRY
    assert outcome.retry_after
    assert send(inbox, [message], throttle_percent=100).only.result is Result.SENT


def test_slow_mails_let_others_pass(inbox: ListInbox) -> None:
    # About half of these are slow, and wait side by side while the rest goes by.
    outcomes = send(inbox, [make_message(number) for number in range(20)], slow_percent=50, slow_milliseconds=30)
    assert outcomes.results == dict.fromkeys(range(20), Result.SENT)
    order = [mail.reference for mail in inbox.mails]
    assert order != sorted(order)


def test_an_interruption_does_not_wait_for_slow_mails(inbox: ListInbox) -> None:
    def outgoing() -> Iterator[OutgoingEmail | Wait]:
        yield make_message(1)
        raise KeyboardInterrupt

    outcomes = Outcomes()
    session = SandboxProvider({"slow_percent": 100, "slow_milliseconds": 60_000}, Ports(inbox)).open()
    with pytest.raises(KeyboardInterrupt):
        session.send(outgoing(), outcomes)
    assert outcomes.results == {1: Result.SENT}


def test_a_sandbox_without_an_inbox_says_so() -> None:
    provider = SandboxProvider({}, Ports())
    with pytest.raises(ConfigurationProblem, match="no inbox"):
        provider.open()
    assert not provider.test_connection().ok


def test_shares_cannot_exceed_the_whole() -> None:
    errors = SandboxProvider.validate({"fail_percent": 50, "bounce_percent": 40, "throttle_percent": 20})
    assert "100 %" in errors["fail_percent"]
    assert "between 0 and 100" in SandboxProvider.validate({"slow_percent": 101})["slow_percent"]
    with pytest.raises(ConfigurationProblem):
        SandboxProvider({"slow_percent": "many"}, Ports())
