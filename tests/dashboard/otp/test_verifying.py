"""Tries are counted before they are looked at: fifty at once get as many as are allowed."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.api_keys.services import Caller
from dashboard.extensions import db
from dashboard.otp.asking import Ask, Draft
from dashboard.otp.models import OtpEvent, OtpRequest
from dashboard.otp.sending import Manner, send_codes
from dashboard.otp.verifying import Result, verify_code
from tests.factories.otp import code_from_sandbox, new_configuration

DESK = Caller(0, "desk", frozenset(), frozenset(), 0, None)
NUMBER = "+919820012345"


def sent(app: Flask, **values: object) -> Draft:
    drafts = send_codes(Ask(DESK, phone=NUMBER), new_configuration(**values), Manner())
    assert drafts is not None
    assert drafts[0].state == "sent"
    return drafts[0]


def race(app: Flask, request_id: int, code: str, count: int) -> Counter[str]:
    results: list[str] = []
    begin = threading.Barrier(count)

    def one() -> None:
        with app.app_context():
            begin.wait()
            results.append(verify_code(request_id=request_id, code=code).result)
            db.session.remove()

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(results)


def test_fifty_wrong_tries_at_once_are_three(app: Flask) -> None:
    draft = sent(app, max_attempts=3)
    results = race(app, draft.id, "wrong", 50)
    assert results == {Result.WRONG: 2, Result.LOCKED: 1, Result.NOT_VALID: 47}
    db.session.rollback()
    row = db.session.get_one(OtpRequest, draft.id)
    assert (row.attempts, row.state) == (3, "locked")
    tries = db.session.scalars(select(OtpEvent.kind).where(OtpEvent.request_id == draft.id)).all()
    assert Counter(tries) == {"sent": 1, "wrong_code": 3, "locked": 1}


def test_fifty_right_tries_at_once_verify_once(app: Flask) -> None:
    draft = sent(app)
    assert race(app, draft.id, draft.secret, 50) == {Result.VERIFIED: 1, Result.NOT_VALID: 49}


def test_a_code_is_good_once_and_for_its_purpose_only(app: Flask) -> None:
    draft = sent(app)
    assert code_from_sandbox(NUMBER) == draft.secret
    assert verify_code(request_id=draft.id, code=draft.secret, purpose="pay").result is Result.WRONG
    assert verify_code(request_id=draft.id, code=draft.secret).result is Result.VERIFIED
    assert verify_code(request_id=draft.id, code=draft.secret).result is Result.NOT_VALID
    assert verify_code(request_id=None, code=draft.secret).result is Result.NOT_VALID


def test_verifying_one_channel_ends_the_other(app: Flask) -> None:
    drafts = send_codes(Ask(DESK, phone=NUMBER, email="ada@example.com"), new_configuration(), Manner())
    assert drafts is not None
    assert [draft.channel for draft in drafts] == ["sms", "email"]
    assert drafts[0].secret == drafts[1].secret == code_from_sandbox("ada@example.com")
    assert verify_code(request_id=drafts[1].id, code=drafts[1].secret).result is Result.VERIFIED
    assert verify_code(request_id=drafts[0].id, code=drafts[0].secret).result is Result.NOT_VALID


@pytest.mark.parametrize("same", [True, False])
def test_channels_have_one_code_or_one_each(app: Flask, same: bool) -> None:
    ask = Ask(DESK, phone=NUMBER, email="ada@example.com")
    send_codes(ask, new_configuration(same_code=same, length=8, alphabet="alphanumeric"), Manner())
    assert (code_from_sandbox(NUMBER) == code_from_sandbox("ada@example.com")) is same
