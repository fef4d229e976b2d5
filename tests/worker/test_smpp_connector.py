"""The connector process, as the supervisor runs it, between sessions of workers and a real message centre."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from dashboard.extensions import db, transaction
from dashboard.jobs.models import Job
from dashboard.messages.models import Message
from dashboard.providers.models import Provider
from dashboard.system.models import Heartbeat
from dashboard.webhooks.models import StoredReceipt
from tests.factories.sending import new_job
from tests.worker.connectors import provider_at, running, settings_of, until
from tests.worker.providers.message_centre import message_centre
from tests.worker.providers.messages import Outcomes, make_sms
from worker.engine.deliver import work
from worker.engine.plan import make_provider
from worker.processes import connector_process
from worker.providers.base import ConfigurationProblem, Result
from worker.receipts.applying import retry_waiting
from worker.rendering.sms import SmsContent

pytestmark = pytest.mark.services
LONG = SmsContent("Dear {{ name }}, your parcel number {{ name }} is on its way. " + "It comes on Monday. " * 10)


def people(count: int) -> list[dict[str, str]]:
    return [{"phone": f"+9198000{number:05d}", "name": f"Person {number}"} for number in range(count)]


def states(job: Job) -> Counter[str]:
    db.session.rollback()
    return Counter(db.session.scalars(select(Message.state).where(Message.job_id == job.id)))


def test_a_campaign_ends_delivered_by_receipts(app: Flask) -> None:
    _ends_delivered(app, "text")


@pytest.mark.sqlite_only
@pytest.mark.parametrize(("layout", "settings"), [("tlv", {}), ("text", {"receipt_ids": "hex_then_decimal"})])
def test_receipts_may_be_written_in_other_ways(app: Flask, layout: str, settings: dict[str, str]) -> None:
    _ends_delivered(app, layout, **settings)


def _ends_delivered(app: Flask, layout: str, **settings: str) -> None:
    hexadecimal = bool(settings)
    with message_centre(receipts=layout, hexadecimal=hexadecimal) as centre:
        provider = provider_at(centre, **settings)
        job = new_job(people(40), content=LONG, provider=provider)
        with running(settings_of(app)):
            work(job.id)

            def delivered() -> bool:
                retry_waiting(db.engine)  # what came before its message was booked
                return states(job) == {"delivered": 40} and len(_matched()) == 80  # two parts each

            until(delivered)
            until(lambda: len(centre.of("receipt_answer")) == 80)
        assert len(centre.of("bind")) == 1
        assert len(centre.of("unbind")) == 1  # an orderly end takes leave
    assert {answer["status"] for answer in centre.of("receipt_answer")} == {0}
    assert set(_matched()) == set(db.session.scalars(select(Message.id)))


def _matched() -> list[int]:
    """The message of each receipt that found its own."""
    db.session.rollback()
    found = db.session.scalars(select(StoredReceipt.message_id).where(StoredReceipt.message_id.is_not(None)))
    return [identifier for identifier in found if identifier is not None]


@pytest.mark.sqlite_only
def test_sessions_side_by_side_share_the_bind(app: Flask) -> None:
    with message_centre(quiet=True) as centre, running(settings_of(app)):
        provider_id = provider_at(centre).id
        all_outcomes = [Outcomes() for _ in range(3)]

        def send(outcomes: Outcomes) -> None:
            session = make_provider(engine, settings_of(app), provider_id).open()
            session.send((make_sms(number) for number in range(200)), outcomes)
            session.close()

        engine = db.engine
        threads = [threading.Thread(target=send, args=(outcomes,)) for outcomes in all_outcomes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [outcomes.results for outcomes in all_outcomes] == [dict.fromkeys(range(200), Result.SENT)] * 3
        assert len(centre.of("bind")) == 1
        until(lambda: _heartbeat() == {str(provider_id): 1})
    assert _heartbeat() is None


def _heartbeat() -> dict[str, int] | None:
    db.session.rollback()
    info = db.session.scalar(select(Heartbeat.info).where(Heartbeat.kind == "connector"))
    return None if info is None else info["binds"]


def test_messages_in_a_connector_that_is_killed_stay_open_and_the_next_one_carries_on(app: Flask) -> None:
    settings = settings_of(app)
    with message_centre(silent=True) as centre:
        provider = provider_at(centre)
        session = make_provider(db.engine, settings, provider.id).open()
        outcomes = Outcomes()
        with running(settings) as process:
            sending = threading.Thread(target=session.send, args=([make_sms(n) for n in range(30)], outcomes))
            sending.start()
            centre.wait_for("submit", 10)
            process.kill()
            sending.join()
    found = Counter((outcome.result, outcome.code) for outcome in outcomes.all)
    assert found == {(Result.UNKNOWN, "connector_lost"): 10, (Result.RETRY, "connect_failed"): 20}
    assert len(centre.submits) == 10
    with message_centre() as centre:
        with transaction() as writing:
            row = writing.get_one(Provider, provider.id)
            row.settings = {**row.settings, "port": centre.port}
        with running(settings):
            time.sleep(2.1)  # until the session tries again
            outcomes = Outcomes()
            session.send([make_sms(1)], outcomes)
            assert outcomes.only.result is Result.SENT
            session.close()


def test_a_provider_that_is_changed_or_switched_off_is_followed(app: Flask) -> None:
    settings = settings_of(app)
    with message_centre() as first, message_centre() as second, running(settings):
        provider = provider_at(first)
        first.wait_for("bind")
        _change(provider, settings={**provider.settings, "port": second.port})
        first.wait_for("unbind")
        second.wait_for("bind")
        _change(provider, enabled=False)
        second.wait_for("unbind")
        session = make_provider(db.engine, settings, provider.id).open()
        outcomes = Outcomes()
        with pytest.raises(ConfigurationProblem, match="is it enabled"):
            session.send([make_sms(1)], outcomes)
        assert (outcomes.only.result, outcomes.only.code) == (Result.RETRY, "not_attempted")


def _change(provider: Provider, **values: Any) -> None:
    with transaction() as session:
        row = session.get_one(Provider, provider.id)
        for name, value in values.items():
            setattr(row, name, value)


@pytest.mark.sqlite_only
def test_a_session_that_stays_open_hears_that_the_connector_ended_and_finds_the_next(app: Flask) -> None:
    settings = settings_of(app)
    with message_centre() as centre:
        session = make_provider(db.engine, settings, provider_at(centre).id).open()
        for number in (1, 2):
            with running(settings):
                outcomes = Outcomes()
                session.send([make_sms(number)], outcomes)
                assert outcomes.only.result is Result.SENT
        session.close()
    assert [entry["destination"][-1] for entry in centre.submits] == ["1", "2"]


def test_without_a_connector_nothing_is_handed_over(app: Flask) -> None:
    settings = settings_of(app)
    settings.connector_socket.unlink(missing_ok=True)
    with message_centre() as centre:
        session = make_provider(db.engine, settings, provider_at(centre).id).open()
        outcomes = Outcomes()
        session.send([make_sms(1)], outcomes)
    outcome = outcomes.only
    assert (outcome.result, outcome.code, outcome.retry_after) == (Result.RETRY, "connect_failed", 2.0)


def test_it_stops_after_the_workers() -> None:
    assert connector_process().stop_order == 2
