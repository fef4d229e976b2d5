"""SMPP against a message centre that other people wrote."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.providers.contract import ProviderContract
from tests.worker.providers.http_server import unused_url
from tests.worker.providers.message_centre import message_centre
from tests.worker.providers.messages import Outcomes, make_sms
from tests.worker.providers.real_servers import make_certificate
from worker.providers.base import ConfigurationProblem, Ports, Result, Wait
from worker.providers.sms.smpp import SmppProvider
from worker.rendering.segments import measure

SETTINGS = {"host": "127.0.0.1", "system_id": "shop", "password": "secret"}


def make(port: int, **settings: Any) -> SmppProvider:
    return SmppProvider({**SETTINGS, "port": port, **settings}, Ports())


def send(provider: SmppProvider, *messages: Any) -> Outcomes:
    outcomes = Outcomes()
    session = provider.open()
    try:
        session.send(messages or [make_sms(1)], outcomes)
    finally:
        session.close()
    return outcomes


class TestContract(ProviderContract):
    most_taken = 10

    def message(self, reference: int) -> Any:
        return make_sms(reference)

    def unsendable(self, reference: int) -> tuple[Any, str, str]:
        return make_sms(reference, text="Hello \ud800", encoding="ucs2"), "compose_failed", "UnicodeEncodeError"

    @pytest.fixture
    def provider(self) -> Iterator[SmppProvider]:
        with message_centre(quiet=True) as centre:
            yield make(centre.port)


def test_the_bind_and_a_message_as_the_account_wants_them() -> None:
    with message_centre() as centre:
        provider = make(centre.port, entity_id="1101000000000000001")
        outcome = send(provider, make_sms(1, text="Price: 5 € [net] @ home")).only
        (bind,) = centre.of("bind")
        (seen,) = centre.submits
        centre.wait_for("unbind")
    assert (outcome.result, outcome.provider_message_id) == (Result.SENT, "m1001")
    assert (bind["system_id"], bind["version"]) == ("shop", 0x34)
    assert (seen["source"], seen["source_ton"], seen["source_npi"]) == ("PARCEL", 5, 0)
    assert (seen["destination"], seen["destination_ton"], seen["destination_npi"]) == ("919800000001", 1, 1)
    assert (seen["data_coding"], seen["esm_class"], seen["registered_delivery"]) == (0, 0, 1)
    assert seen["text"] == "Price: 5 € [net] @ home"
    assert (seen["entity"], seen["template"]) == ("1101000000000000001", "1707160000000000001")


@pytest.mark.parametrize(
    ("text", "encoding", "data_coding"),
    [("é€" * 120, "gsm7", 0), ("€" * 153, "gsm7", 0), ("नमस्ते " * 30, "ucs2", 8), ("a" + "😀" * 80, "ucs2", 8)],
)
def test_a_long_text_is_one_outcome_with_the_ids_of_all_parts(text: str, encoding: str, data_coding: int) -> None:
    with message_centre() as centre:
        outcome = send(make(centre.port), make_sms(1, text=text, encoding=encoding)).only
        parts = centre.submits
    assert len(parts) == measure(text).segments > 1
    assert "".join(part["text"] for part in parts) == text
    assert all(part["esm_class"] == 0x40 and part["data_coding"] == data_coding for part in parts)
    headers = [bytes.fromhex(part["udh"][0]) for part in parts]
    assert [header[-1] for header in headers] == list(range(1, len(parts) + 1))
    assert {header[-2] for header in headers} == {len(parts)}
    assert len({header[-3] for header in headers}) == 1
    assert outcome.result is Result.SENT
    assert outcome.provider_message_id.split() == [f"m{1000 + number}" for number in range(1, len(parts) + 1)]


def test_a_long_text_in_one_piece_where_the_account_wants_that() -> None:
    text = "Numbers and letters. " * 20
    with message_centre() as centre:
        outcome = send(make(centre.port, long_messages="payload"), make_sms(1, text=text)).only
        (seen,) = centre.submits
    assert (outcome.result, outcome.provider_message_id) == (Result.SENT, "m1001")
    assert (seen["payload"], seen["esm_class"]) == (text, 0)


@pytest.mark.parametrize(
    ("status", "result"),
    [(0x0B, Result.FAILED), (0xC3, Result.FAILED), (0x412, Result.FAILED), (0x08, Result.RETRY), (0x45, Result.RETRY)],
)
def test_each_refusal_is_read(status: int, result: Result) -> None:
    with message_centre(statuses=[status]) as centre:
        outcomes = send(make(centre.port), make_sms(1), make_sms(2))
    assert (outcomes.of(1).result, outcomes.of(1).code) == (result, f"0x{status:02X}")
    assert outcomes.of(1).detail
    assert outcomes.of(2).result is Result.SENT  # a status nobody knows does not end the bind


def test_statuses_of_the_account_go_before_the_table() -> None:
    with message_centre(statuses=[0x412, 0x0B]) as centre:
        outcomes = send(make(centre.port, statuses="0x412 = retry\n11 = configuration", window=1), make_sms(1))
        assert outcomes.only.result is Result.RETRY
        with pytest.raises(ConfigurationProblem):
            send(make(centre.port, statuses="11 = configuration"))


def test_throttling_rests_the_line_and_sends_again() -> None:
    with message_centre(statuses=[0x58, 0x58]) as centre:
        began = time.monotonic()
        outcomes = send(make(centre.port, window=1), *(make_sms(number) for number in range(1, 4)))
        assert set(outcomes.results.values()) == {Result.SENT}
        assert time.monotonic() - began >= 3  # a rest of one second, then of two
        assert [part["destination"][-1] for part in centre.submits] == ["1", "1", "1", "2", "3"]
    assert outcomes.of(1).code == "0x58"  # what the engine slows down for
    assert outcomes.of(1).detail.endswith("throttled. It was taken at a later try.")
    assert (outcomes.of(2).code, outcomes.of(3).code) == ("", "")


def test_a_part_that_is_refused_for_good_fails_the_message_but_keeps_ids() -> None:
    with message_centre(statuses=[0, 0x0B]) as centre:
        outcome = send(make(centre.port, window=1), make_sms(1, text="a" * 400)).only
        assert len(centre.submits) == 2
    assert (outcome.result, outcome.code, outcome.provider_message_id) == (Result.FAILED, "0x0B", "m1001")


def test_a_part_that_is_missing_leaves_the_message_open() -> None:
    with message_centre(statuses=[0, 0x08]) as centre:
        outcome = send(make(centre.port), make_sms(1, text="a" * 300)).only
    assert (outcome.result, outcome.code) == (Result.UNKNOWN, "partly_taken")


def test_a_connection_cut_in_mid_window_leaves_open_what_was_on_it_and_binds_again() -> None:
    with message_centre(cutAfter=25) as centre:
        outcomes = send(make(centre.port), *(make_sms(number) for number in range(100)))
        assert len(centre.of("bind")) == 2
        submitted = {int(part["destination"][-5:]) for part in centre.submits}
    unknown = {reference for reference, result in outcomes.results.items() if result is Result.UNKNOWN}
    assert 1 <= len(unknown) <= 10
    assert {outcomes.of(reference).code for reference in unknown} == {"answer_lost"}
    rest = {result for reference, result in outcomes.results.items() if reference not in unknown}
    assert rest == {Result.SENT}
    assert submitted >= set(range(100)) - unknown
    assert len(outcomes) == 100


def test_an_answer_that_does_not_come_leaves_it_open() -> None:
    with message_centre(silent=True) as centre:
        outcome = send(make(centre.port, reply_seconds=1)).only
    assert (outcome.result, outcome.code) == (Result.UNKNOWN, "answer_lost")


def test_bad_credentials_stop_the_session() -> None:
    with message_centre(password="another") as centre:
        provider = make(centre.port)
        outcomes = Outcomes()
        session = provider.open()
        with pytest.raises(ConfigurationProblem, match="invalid password"):
            session.send((make_sms(number) for number in range(1000)), outcomes)
        session.close()
        assert {(outcome.result, outcome.code) for outcome in outcomes.all} == {(Result.RETRY, "not_attempted")}
        assert len(outcomes) <= 10
        report = provider.test_connection()
        assert not report.ok
        assert report.steps[-1][2] == "The message centre answers 0x0E: invalid password."
        assert centre.submits == []


def test_a_message_centre_that_cannot_be_reached_has_nothing() -> None:
    port = int(unused_url().rpartition(":")[2])
    outcome = send(make(port)).only
    assert (outcome.result, outcome.code) == (Result.RETRY, "connect_failed")
    assert not make(port).test_connection().ok


def test_links_are_enquired_on_both_sides_and_a_deaf_one_is_bound_again() -> None:
    with (
        message_centre(enquire=True, deaf=True) as centre,
        Held(make(centre.port, enquire_seconds=1, reply_seconds=1)),
    ):
        centre.wait_for("enquire_answer")
        centre.wait_for("enquire_link")
        centre.wait_for("bind", 2)


class Held:
    """A session in use by a thread that has nothing to send."""

    def __init__(self, provider: SmppProvider) -> None:
        self._session = provider.open()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        def outgoing() -> Iterator[Any]:
            yield make_sms(1)
            while not self._over.is_set():
                yield Wait(0.1)

        self._session.send(outgoing(), Outcomes())

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._session.close()


def test_tls_with_and_without_a_look_at_the_certificate(tmp_path: Path) -> None:
    pem = make_certificate(tmp_path)
    with message_centre(pem=str(pem)) as centre:
        assert send(make(centre.port, tls="unverified")).only.result is Result.SENT
        with pytest.raises(ConfigurationProblem, match="self-signed"):
            send(make(centre.port, tls="verified"))
        assert len(centre.submits) == 1


def test_a_throughput_is_kept() -> None:
    with message_centre(quiet=True) as centre:
        began = time.monotonic()
        send(make(centre.port, throughput=50), *(make_sms(number) for number in range(60)))
        assert time.monotonic() - began >= 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("password", "ninechars"), ("system_id", "sixteen-letters-"), ("entity_tag", "tag"), ("chain_tag", "70000"),
        ("statuses", "0x45: retry"), ("time_zone", "Mars/Olympus"), ("window", 0), ("port", 99999),
    ],
)  # fmt: skip
def test_settings_that_the_protocol_cannot_carry_are_named(name: str, value: Any) -> None:
    assert list(SmppProvider.validate({**SETTINGS, name: value})) == [name]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (make_sms(1, sender=""), "bad_sender"),
        (make_sms(1, sender="X" * 21), "bad_sender"),
        (make_sms(1, to="98-1"), "bad_recipient"),
        (make_sms(1, text=""), "empty_message"),
    ],
)
def test_a_message_that_does_not_fit_fails_alone(message: Any, code: str) -> None:
    with message_centre() as centre:
        outcomes = send(make(centre.port), message, make_sms(2))
    assert (outcomes.of(1).result, outcomes.of(1).code) == (Result.FAILED, code)
    assert outcomes.of(2).result is Result.SENT


def test_characters_outside_of_the_default_alphabet_go_as_ucs2() -> None:
    with message_centre() as centre:
        send(make(centre.port, alphabet="ascii"), make_sms(1, text="é" * 100), make_sms(2, text="plain"))
        coding = [(part["data_coding"], part["text"]) for part in centre.submits]
    assert coding == [(8, "é" * 67), (8, "é" * 33), (0, "plain")]
