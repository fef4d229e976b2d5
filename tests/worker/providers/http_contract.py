"""What every vendor over HTTP owes, over real sockets against a server that behaves as the facts say.

A vendor's test names its adapter and gives its answers; the cases are the same for all.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import urlencode

import pytest

from tests.worker.providers.contract import ProviderContract
from tests.worker.providers.http_server import Answer, Seen, VendorServer, unused_url, vendor_server
from tests.worker.providers.messages import Outcomes, make_message, make_push, make_sms
from worker.providers.base import ConfigurationProblem, Ports, Receipt, Result, WebhookRequest
from worker.providers.http_wire.provider import HttpProvider
from worker.providers.receipts import ReceiptKind

UNPAIRED = "\ud800"  # cannot be written as UTF-8


@dataclass(frozen=True)
class Refusal:
    """An answer that is no acceptance, and what has to become of the message."""

    answer: Answer
    result: Result
    code: str


class HttpContract(ProviderContract):
    """Give `adapter`, `settings`, `accept`, `refusals` and `misconfigurations`; then receipts where it has them."""

    adapter: ClassVar[type[HttpProvider]]
    settings: ClassVar[Mapping[str, Any]] = {}
    refusals: ClassVar[Sequence[Refusal]] = ()
    misconfigurations: ClassVar[Sequence[Answer]] = ()
    malformed: ClassVar[Sequence[Answer]] = (Answer(200, "<html>Gateway</html>"), Answer(200, "{"), Answer(200, "[[]]"))
    expected_message_id: ClassVar[Callable[[int], str] | None] = None
    secret: ClassVar[str] = ""  # a secret of `settings` that no outcome may show
    addresses: ClassVar[Mapping[str, str]] = {"url": "/send"}  # each setting that is an address -> its path

    def accept(self, seen: Seen) -> Answer:
        """The vendor's answer to a request it accepts, for each message in it."""
        raise NotImplementedError

    @pytest.fixture
    def server(self) -> Iterator[VendorServer]:
        with vendor_server() as server:
            server.answer = self.accept
            yield server

    def make(self, url: str, **settings: Any) -> HttpProvider:
        here = {name: url + path for name, path in self.addresses.items()}
        assert set(self.adapter.address_fields) <= set(here), "a test must never reach the vendor itself"
        return self.adapter({**self.settings, **here, **settings}, Ports())

    @pytest.fixture
    def provider(self, server: VendorServer) -> HttpProvider:
        provider = self.make(server.url)
        type(self).most_taken = provider.connections * provider.batch_size
        return provider

    def send(self, provider: HttpProvider, *messages: Any) -> Outcomes:
        outcomes = Outcomes()
        session = provider.open()
        try:
            session.send(messages or [self.message(1)], outcomes)
        finally:
            session.close()
        return outcomes

    def test_an_accepted_message_carries_the_vendors_id(self, provider: HttpProvider) -> None:
        outcomes = self.send(provider, self.message(1), self.message(2))
        assert outcomes.results == {1: Result.SENT, 2: Result.SENT}
        if self.expected_message_id is not None:
            for reference in (1, 2):
                assert outcomes.of(reference).provider_message_id == type(self).expected_message_id(reference)

    def test_each_refusal_is_read(self, provider: HttpProvider, server: VendorServer) -> None:
        assert self.refusals
        for refusal in self.refusals:
            server.always(refusal.answer)
            outcome = self.send(provider).only
            assert (outcome.result, outcome.code) == (refusal.result, refusal.code), refusal.answer
            assert outcome.detail

    def test_wrong_settings_stop_the_session(self, provider: HttpProvider, server: VendorServer) -> None:
        assert self.misconfigurations
        for answer in self.misconfigurations:
            server.always(answer)
            outcomes = Outcomes()
            session = provider.open()
            with pytest.raises(ConfigurationProblem):
                session.send((self.message(number) for number in range(5000)), outcomes)
            session.close()
            assert len(outcomes) < 5000, "it went on although nothing can be sent"
            assert {outcome.result for outcome in outcomes.all} == {Result.RETRY}, answer
            assert {outcome.code for outcome in outcomes.all} == {"not_attempted"}

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_pause_the_vendor_asks_for_is_passed_on(
        self, provider: HttpProvider, server: VendorServer, status: int
    ) -> None:
        server.always(Answer(status, "", {"Retry-After": "120"}))
        outcome = self.send(provider).only
        assert (outcome.result, outcome.retry_after) == (Result.RETRY, 120.0)

    def test_an_answer_nobody_can_read_leaves_it_open(self, provider: HttpProvider, server: VendorServer) -> None:
        for answer in self.malformed:
            server.always(answer)
            assert self.send(provider).only.result is Result.UNKNOWN, answer

    def test_a_vendor_that_does_not_answer_may_have_taken_it(self, server: VendorServer) -> None:
        server.always(Answer(held=True))
        outcome = self.send(self.make(server.url, reply_timeout=1)).only
        assert (outcome.result, outcome.code) == (Result.UNKNOWN, "timeout_after_request")

    def test_a_connection_cut_after_the_request_leaves_it_open(
        self, provider: HttpProvider, server: VendorServer
    ) -> None:
        server.always(Answer(cut=True))
        outcome = self.send(provider).only
        assert (outcome.result, outcome.code) == (Result.UNKNOWN, "connection_lost_after_request")

    def test_a_vendor_that_cannot_be_reached_has_nothing(self) -> None:
        outcome = self.send(self.make(unused_url())).only
        assert (outcome.result, outcome.code) == (Result.RETRY, "connect_failed")

    def test_secrets_are_shown_nowhere(self, server: VendorServer) -> None:
        provider = self.make(server.url)
        assert self.secret
        echo = Answer(400, f"bad request: /send?password={self.secret}&x=1 api_key={self.secret}")
        server.always(echo)
        outcome = self.send(provider).only
        assert self.secret not in outcome.detail + outcome.code
        report = self.make(unused_url()).test_connection()
        assert not report.ok
        assert self.secret not in repr(report)

    def test_many_messages_use_few_calls_and_connections(self, provider: HttpProvider, server: VendorServer) -> None:
        count = 3 * provider.batch_size
        outcomes = self.send(provider, *(self.message(number) for number in range(count)))
        assert set(outcomes.results.values()) == {Result.SENT}
        assert len(outcomes) == count
        assert server.connections <= provider.connections
        if provider.batch_size > 1:
            assert len(server.seen) == 3

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        raise NotImplementedError


class SmsHttpContract(HttpContract):
    """For vendors of text messages."""

    def message(self, reference: int) -> Any:
        return make_sms(reference)

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        return make_sms(reference, text=f"Hello {UNPAIRED}"), "compose_failed", "UnicodeEncodeError"


class PushHttpContract(HttpContract):
    """For vendors of notifications."""

    def message(self, reference: int) -> Any:
        return make_push(reference)

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        return replace(self.message(reference), body=f"Hello {UNPAIRED}"), "compose_failed", "UnicodeEncodeError"


class EmailHttpContract(HttpContract):
    """For vendors of email that take its parts."""

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        return make_message(reference, to=f"a{UNPAIRED}@example.com"), "compose_failed", "UnicodeEncodeError"


class ReceiptContract:
    """Callbacks: give `receipt_provider` and `callbacks`, each with what it must be read as."""

    adapter: ClassVar[type[HttpProvider]]
    settings: ClassVar[Mapping[str, Any]]
    callbacks: ClassVar[Sequence[tuple[WebhookRequest, Sequence[Receipt]]]]
    unreadable: ClassVar[Sequence[WebhookRequest]]

    @pytest.fixture
    def reader(self) -> HttpProvider:
        return self.adapter(self.settings, Ports())

    def test_each_callback_is_read(self, reader: HttpProvider) -> None:
        assert self.adapter.has_receipts
        for request, expected in self.callbacks:
            found = reader.receipts(request)
            # Where the vendor gives no id of the statement, what makes it unique is ours to choose.
            assert found == [
                two if two.event_id else replace(two, event_id=one.event_id)
                for one, two in zip(found, expected, strict=True)
            ]

    def test_a_repeated_callback_has_the_same_event_ids_and_each_statement_its_own(self, reader: HttpProvider) -> None:
        seen = set()
        for request, _ in self.callbacks:
            first = [receipt.event_id for receipt in reader.receipts(request)]
            assert first == [receipt.event_id for receipt in reader.receipts(request)]
            assert all(first)
            seen.update(first)
        assert len(seen) == sum(len(expected) for _, expected in self.callbacks)

    def test_an_unreadable_callback_is_refused(self, reader: HttpProvider) -> None:
        for request in self.unreadable:
            with pytest.raises(ValueError):
                reader.receipts(request)

    def test_an_unknown_word_is_kept_and_changes_nothing(self, reader: HttpProvider) -> None:
        request = self.unknown_word()
        assert [receipt.kind for receipt in reader.receipts(request)] == [ReceiptKind.UNKNOWN]

    def unknown_word(self) -> WebhookRequest:
        """A callback with a status that the vendor never named."""
        raise NotImplementedError


def form_callback(values: Mapping[str, str], **headers: str) -> WebhookRequest:
    all_headers = {"content-type": "application/x-www-form-urlencoded", **headers}
    return WebhookRequest("POST", all_headers, {}, urlencode(values).encode(), dict(values))


def query_callback(values: Mapping[str, str]) -> WebhookRequest:
    return WebhookRequest("GET", {}, dict(values), b"")


def json_callback(body: bytes, **headers: str) -> WebhookRequest:
    return WebhookRequest("POST", {"content-type": "application/json", **headers}, {}, body)
