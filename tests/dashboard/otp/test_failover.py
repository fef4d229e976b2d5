"""A code whose first provider is down, over real sockets: the next of the route sends it, unless the first may have."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.api_keys.services import Caller
from dashboard.extensions import db
from dashboard.messages.models import Message
from dashboard.otp.asking import Ask, Draft
from dashboard.otp.sending import Manner, send_codes
from dashboard.otp.verifying import Result, verify_code
from dashboard.providers.models import Provider, SandboxMail
from dashboard.providers.routes import Entry, entries_of, set_route
from tests.factories.otp import code_from_sandbox, new_configuration
from tests.factories.sending import new_provider
from tests.installations import until
from tests.worker.providers.http_server import Answer, unused_url, vendor_server
from worker.engine.outages import outages

DESK = Caller(0, "desk", frozenset(), frozenset(), 0, None)
NUMBER = "+919820012345"


@pytest.fixture(autouse=True)
def _nothing_is_down(app: Flask) -> Iterator[None]:
    outages._pauses.clear()
    yield
    outages._pauses.clear()


def ask_by(url: str) -> tuple[Draft, Provider]:
    """Ask for a code whose route begins with a gateway at that address; the sandbox stands behind it."""
    configuration = new_configuration()
    gateway = new_provider("http_gateway", url=url, encoding="form", body="to = {to}\ntext = {text}", accepted="id")
    set_route(channel="sms", category="otp", entries=[Entry(gateway.id), *entries_of("sms", "otp")])
    drafts = send_codes(Ask(DESK, phone=NUMBER), configuration, Manner())
    assert drafts is not None
    return drafts[0], gateway


def provider_and_state() -> tuple[int, str]:
    db.session.rollback()
    row = db.session.scalars(select(Message)).one()
    return row.provider_id, row.state


def test_the_next_provider_sends_the_code(app: Flask) -> None:
    draft, gateway = ask_by(unused_url())

    assert draft.state == "sent"
    assert code_from_sandbox(NUMBER) == draft.secret
    assert verify_code(request_id=draft.id, code=draft.secret).result is Result.VERIFIED
    provider_id, state = provider_and_state()
    assert (provider_id != gateway.id, state) == (True, "sent")

    def is_open() -> bool:
        db.session.rollback()
        db.session.expire_all()
        return db.session.get_one(Provider, gateway.id).breaker_opened_at is not None

    until(is_open, 20, "the breaker stays closed")


def test_a_code_that_may_be_on_its_way_is_not_sent_by_another(app: Flask) -> None:
    with vendor_server() as server:
        server.always(Answer(cut=True))  # it has the request, and its answer is lost
        draft, gateway = ask_by(f"{server.url}/send")
        assert len(server.seen) == 1

    assert draft.state == "unknown"
    assert provider_and_state() == (gateway.id, "unknown")
    assert db.session.scalars(select(SandboxMail)).all() == []
