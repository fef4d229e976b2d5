"""A provider that asked for less: told on its page and on that of the run."""

from __future__ import annotations

import re

from dashboard.campaigns import services
from dashboard.current import current_settings
from dashboard.providers.slowing import slowed_words
from tests.factories.campaigns import new_campaign, new_desk, settle
from worker.engine.slowing import slowdowns_at


def test_nothing_is_said_of_one_that_takes_everything(client):
    desk = new_desk()
    assert slowed_words(desk.provider.id) == ""
    assert "asked for less" not in client.get(f"/providers/{desk.provider.public_id}").text


def test_it_is_told_with_the_provider_s_words(client):
    desk = new_desk()
    campaign = new_campaign(desk)
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    slowdowns_at(current_settings().broker_url).slow_down(desk.provider.id, "451 4.7.1 Try <later>.", hold=20)

    words = slowed_words(desk.provider.id)
    assert re.fullmatch(
        r"Slowed to 50 % since \d\d:\d\d: 451 4.7.1 Try <later>. It asked for a pause of \d+ s more.", words
    )
    for path in (f"/providers/{desk.provider.public_id}", f"/campaigns/{campaign.public_id}"):
        page = client.get(path).text
        assert "asked for less" in page
        assert "451 4.7.1 Try &lt;later&gt;." in page
    settle(job, [("sent", "")])
    assert "asked for less" not in client.get(f"/campaigns/{campaign.public_id}").text
