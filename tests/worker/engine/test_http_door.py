"""Vendors reach only what this installation reaches."""

from pathlib import Path

import pytest
from flask import Flask

from dashboard.extensions import db
from dashboard.providers.models import Provider
from tests.conftest import settings_for
from tests.worker.providers.http_server import Answer, json_answer, unused_url, vendor_server
from tests.worker.providers.http_wire.test_session import Parrot
from tests.worker.providers.messages import Outcomes, make_sms
from worker.engine.http_door import http_door
from worker.engine.plan import adapter_for
from worker.providers.base import ConfigurationProblem, Ports, Result


def provider(url: str, *, allow_private: bool) -> Parrot:
    return Parrot({"url": url}, Ports(http=http_door(allow_private=allow_private)))


def test_a_private_address_is_a_configuration_problem_and_nothing_goes_there() -> None:
    with vendor_server() as server:
        outcomes = Outcomes()
        session = provider(server.url, allow_private=False).open()
        with pytest.raises(ConfigurationProblem, match="private network"):
            session.send([make_sms(1)], outcomes)
        session.close()
        assert (outcomes.only.result, outcomes.only.code) == (Result.RETRY, "not_attempted")
        report = provider(server.url, allow_private=False).test_connection()
        assert not report.ok
        assert server.connections == 0


def test_where_it_is_allowed_messages_go() -> None:
    with vendor_server() as server:
        server.answer = lambda seen: json_answer({"rows": [{"id": row["id"], "ok": True} for row in seen.json["rows"]]})
        outcomes = Outcomes()
        session = provider(server.url, allow_private=True).open()
        session.send([make_sms(number) for number in range(12)], outcomes)
        session.close()
        assert set(outcomes.results.values()) == {Result.SENT}


@pytest.mark.parametrize("url", ["", "http://nowhere.invalid/"], ids=["no connection", "no name"])
def test_no_connection_and_no_name_are_no_fault_of_the_settings(url: str) -> None:
    url = url or unused_url()
    outcomes = Outcomes()
    session = provider(url, allow_private=True).open()
    session.send([make_sms(1)], outcomes)
    session.close()
    assert (outcomes.only.result, outcomes.only.code) == (Result.RETRY, "connect_failed")


def test_a_silent_vendor_may_have_taken_it() -> None:
    with vendor_server() as server:
        for answer, code in (
            (Answer(held=True), "timeout_after_request"),
            (Answer(cut=True), "connection_lost_after_request"),
        ):
            server.always(answer)
            outcomes = Outcomes()
            silent = Parrot({"url": server.url, "reply_timeout": 1}, Ports(http=http_door(allow_private=True)))
            session = silent.open()
            session.send([make_sms(1)], outcomes)
            session.close()
            assert (outcomes.only.result, outcomes.only.code) == (Result.UNKNOWN, code)


@pytest.mark.parametrize(
    ("public_url", "expected"),
    [("https://desk.example", "https://desk.example/webhooks/smtp/t0ken"), ("http://127.0.0.1:8000", "")],
)
def test_vendors_are_told_an_address_that_they_can_call(
    app: Flask, tmp_path: Path, public_url: str, expected: str
) -> None:
    settings = settings_for(tmp_path, public_url=public_url)
    row = Provider(id=1, name="Relay", vendor="smtp", settings={"host": "mail.example"}, webhook_token="t0ken")
    with app.app_context():
        assert adapter_for(row, settings, db.engine).ports.receipts_url == expected
