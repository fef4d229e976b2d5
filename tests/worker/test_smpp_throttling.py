"""A message centre that says it is too much lowers the rate of all workers, and gets its own back in time."""

from __future__ import annotations

import time

import pytest
from flask import Flask

from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.providers.models import Provider
from tests.factories.sending import new_job
from tests.worker.connectors import provider_at, running, settings_of, until
from tests.worker.engine.slices import deliver, make_due, messages, states
from tests.worker.providers.message_centre import message_centre
from worker.engine import slowing
from worker.engine.slowing import Slow, slowdowns_at
from worker.rendering.sms import SmsContent

pytestmark = pytest.mark.services
PEOPLE = 60


def slowed(provider: Provider) -> Slow | None:
    return slowdowns_at(current_settings().broker_url).look(provider.id)


@pytest.mark.parametrize(("status", "words"), [(0x58, "0x58"), (0x14, "0x14")])
def test_its_rate_is_halved_and_recovers(app: Flask, monkeypatch: pytest.MonkeyPatch, status: int, words: str) -> None:
    slowdowns_at.cache_clear()
    records = [{"phone": f"+9198400{number:05d}", "name": "Ada"} for number in range(PEOPLE)]
    with message_centre(statuses=[0] * 20 + [status]) as centre, running(settings_of(app)):
        provider = provider_at(centre, window=1)
        job = new_job(records, content=SmsContent("Hi {{ name }}."), provider=provider)
        while deliver(job.id).more or states(job.id).get("queued"):
            make_due(job.id)
        slow = slowed(provider)

    assert slow is not None
    assert 0.5 <= slow.factor < 1
    assert slow.words.startswith(f"{words} The message centre answers {words}: ")
    assert states(job.id) == {"sent": PEOPLE}
    (held_back,) = [row for row in messages(job.id) if row.code]
    assert (held_back.code, held_back.attempts) == (words, 1)
    db.session.rollback()
    assert db.session.get_one(Provider, provider.id).breaker_opened_at is None

    monkeypatch.setattr(slowing, "_PEACE_SECONDS", 0.05)
    monkeypatch.setattr(slowing, "_STEP", 2.0)
    time.sleep(0.1)
    until(lambda: slowed(provider) is None)
