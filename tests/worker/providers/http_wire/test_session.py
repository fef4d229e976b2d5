"""The HTTP room by itself: a vendor made up for the tests, which takes batches of five."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

from tests.worker.providers.http_contract import Refusal, SmsHttpContract
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import Outcomes, make_sms
from worker.providers.base import ConfigurationProblem, OutgoingSms, Ports, Result, Wait
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import Call, Reply, json_call
from worker.providers.http_wire.provider import WIRE_FIELDS, HttpProvider, address_field
from worker.providers.http_wire.session import Unsendable
from worker.providers.http_wire.verdicts import Verdict, by_status, everyone, failed, sent


class Parrot(HttpProvider):
    """Says back what it is told."""

    vendor = "parrot"
    label = "Parrot"
    channel = "sms"
    description = "Made up."
    fields = (address_field(None), SettingField("token", "Token", "secret"), *WIRE_FIELDS)
    batch_size = 5

    def batch_key(self, message: OutgoingSms) -> object:
        return message.sender

    def build(self, messages: Sequence[OutgoingSms]) -> Call:
        if any(message.text == "" for message in messages):
            raise Unsendable("empty_text", "The text is empty.")
        rows = [{"id": message.reference, "text": message.text} for message in messages]
        url = f"{self.values['url']}?password={self.values['token']}"
        return json_call(url, {"rows": rows})

    def parse(self, reply: Reply, messages: Sequence[OutgoingSms]) -> Sequence[Verdict]:
        if not reply.ok:
            return everyone(by_status(reply), messages)
        return [sent(row["id"]) if row["ok"] else failed("said_no", "No.") for row in reply.json_object()["rows"]]

    def check_call(self) -> Call:
        return Call("GET", self.values["url"])


class TestContract(SmsHttpContract):
    adapter = Parrot
    settings: ClassVar[dict[str, Any]] = {"token": "parrot-secret"}
    secret = "parrot-secret"
    expected_message_id = str
    refusals = (
        Refusal(json_answer({"rows": [{"ok": False}]}), Result.FAILED, "said_no"),
        Refusal(Answer(400, "no such number"), Result.FAILED, "http_400"),
        Refusal(Answer(500, "down"), Result.RETRY, "http_500"),
        Refusal(Answer(502, "gateway"), Result.UNKNOWN, "http_502"),
        Refusal(Answer(504, "gateway"), Result.UNKNOWN, "http_504"),
        Refusal(Answer(429, "slow down"), Result.RETRY, "http_429"),
        Refusal(json_answer({"rows": []}), Result.UNKNOWN, "malformed_reply"),
    )
    misconfigurations = (Answer(401, "who are you"), Answer(302, "", {"Location": "http://elsewhere.example/"}))

    def accept(self, seen: Seen) -> Answer:
        rows = seen.json["rows"] if seen.body else []
        return json_answer({"rows": [{"id": row["id"], "ok": True} for row in rows]})

    def test_one_that_cannot_be_built_does_not_take_its_batch_along(
        self, provider: Parrot, server: VendorServer
    ) -> None:
        outcomes = self.send(provider, make_sms(1), make_sms(2, text=""), make_sms(3))
        assert outcomes.results == {1: Result.SENT, 2: Result.FAILED, 3: Result.SENT}
        assert (outcomes.of(2).code, outcomes.of(2).detail) == ("empty_text", "The text is empty.")

    def test_only_messages_that_fit_together_share_a_call(self, provider: Parrot, server: VendorServer) -> None:
        senders = ["A", "A", "B", "B", "B", "B", "B", "B", "A"]
        self.send(provider, *(make_sms(number, sender=sender) for number, sender in enumerate(senders)))
        assert sorted(len(seen.json["rows"]) for seen in server.seen) == [1, 1, 2, 5]

    def test_a_wait_sends_what_has_gathered(self, provider: Parrot, server: VendorServer) -> None:
        outcomes = Outcomes()

        def outgoing() -> Iterator[OutgoingSms | Wait]:
            yield make_sms(1)
            yield make_sms(2)
            for _ in range(100):
                if len(outcomes) == 2:
                    break
                yield Wait(5)
            yield make_sms(3)

        session = provider.open()
        session.send(outgoing(), outcomes)
        session.close()
        assert sorted(len(seen.json["rows"]) for seen in server.seen) == [1, 2]

    def test_messages_gather_while_all_connections_are_busy(self, server: VendorServer) -> None:
        provider = self.make(server.url, connections=1)
        self.send(provider, *(make_sms(number) for number in range(12)))
        assert [len(seen.json["rows"]) for seen in server.seen] == [5, 5, 2]

    def test_one_connection_serves_many_sends(self, server: VendorServer) -> None:
        session = self.make(server.url, connections=1).open()
        for number in range(4):
            session.send([make_sms(number)], Outcomes())
        session.close()
        assert server.connections == 1

    def test_after_a_request_to_slow_down_it_rests_and_goes_on(self, server: VendorServer) -> None:
        answers = iter([Answer(429, "", {"Retry-After": "0.2"}), Answer(429, "", {"Retry-After": "1"})])
        server.answer = lambda seen: next(answers, None) or self.accept(seen)
        outcomes = self.send(self.make(server.url, connections=1), *(make_sms(number) for number in range(15)))
        assert sorted(outcomes.results.values()) == [Result.RETRY] * 10 + [Result.SENT] * 5
        assert {outcome.retry_after for outcome in outcomes.all} == {None, 1.0}

    def test_a_reply_without_end_is_given_up(self, server: VendorServer) -> None:
        server.always(Answer(200, b"x" * 5_000_000))
        assert self.send(self.make(server.url)).only.code == "reply_too_large_after_request"

    def test_a_connection_test_says_what_the_vendor_says(self, server: VendorServer) -> None:
        server.always(Answer(418, "parrot-secret is no longer valid"))
        report = self.make(server.url).test_connection()
        assert not report.ok
        assert report.steps[-1] == ("Sign in", False, "http_418: The vendor answers 418: ••• is no longer valid")

    def test_an_address_that_is_none_is_a_configuration_problem(self) -> None:
        assert Parrot.validate({"url": "ftp://vendor.example"}) == {
            "url": "Use a whole web address, such as https://api.example.com/send."
        }
        with pytest.raises(ConfigurationProblem):
            Parrot({"url": "vendor.example"}, Ports())


def test_nothing_indiscreet_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    from dashboard.logs import configure
    from tests.worker.providers.http_server import vendor_server

    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    try:
        configure("DEBUG")
        root.addHandler(caplog.handler)
        with vendor_server() as server:
            provider = Parrot({"url": server.url, "token": "parrot-secret"}, Ports())
            session = provider.open()
            session.send([make_sms(1)], Outcomes())
            session.close()
            assert server.seen
            assert server.seen[0].query == {"password": "parrot-secret"}
    finally:
        root.handlers, root.level = before, level
    assert "parrot-secret" not in caplog.text
