"""Sending hours of a campaign: typed on the schedule step, told by preflight, shown while a run waits for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.accounts.models import Role
from dashboard.campaigns import services
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.plan import plan_of
from dashboard.campaigns.preflight import full_checks
from dashboard.campaigns.queries import running_jobs
from dashboard.campaigns.sending_hours import hours_words, until_words
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Chunk, ChunkState, Job
from tests.factories.campaigns import add_dataset, new_campaign, new_desk, settle

HOURS = {"opens": "09:00", "closes": "18:00", "days": [0, 1, 2, 3, 4], "zone": "Asia/Kolkata", "column": ""}


def at(campaign: Campaign, tail: str = "") -> str:
    return f"/campaigns/{campaign.public_id}{tail}"


def typed(campaign: Campaign, **changes: Any) -> dict[str, Any]:
    values = {
        "version": campaign.version,
        "schedule_kind": "now",
        "window_opens": "09:00",
        "window_closes": "18:00",
        "window_days": ["0", "1", "2", "3", "4"],
        "window_zone": "Asia/Kolkata",
    }
    return values | changes


def closed_now() -> dict[str, Any]:
    now = utc_now()
    opens, closes = now + timedelta(hours=2), now + timedelta(hours=3)
    return HOURS | {"opens": f"{opens:%H:%M}", "closes": f"{closes:%H:%M}", "days": list(range(7)), "zone": "UTC"}


def saved(campaign: Campaign) -> Campaign:
    db.session.rollback()
    return db.session.get_one(Campaign, campaign.id)


def test_hours_are_saved_and_shown(client):
    campaign = new_campaign(new_desk())

    answer = client.post(at(campaign, "/edit/schedule"), data=typed(campaign))

    assert answer.status_code == 303
    assert saved(campaign).send_window == HOURS
    again = client.get(at(campaign, "/edit/schedule")).text
    assert 'value="09:00"' in again
    assert "Only at certain hours: set" in again
    assert "09:00 to 18:00, Monday to Friday, Asia/Kolkata" in client.get(at(campaign)).text


def test_empty_times_mean_any_hour(client):
    campaign = new_campaign(new_desk(), send_window=HOURS)
    client.post(at(campaign, "/edit/schedule"), data=typed(campaign, window_opens="", window_closes=""))
    assert saved(campaign).send_window == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"window_opens": ""}, "hours and minutes"),
        ({"window_closes": "six"}, "hours and minutes"),
        ({"window_days": []}, "at least one day"),
        ({"window_zone": "Berlin"}, "no such time zone"),
    ],
)
def test_hours_that_make_no_sense_are_refused(client, changes, words):
    campaign = new_campaign(new_desk())
    answer = client.post(at(campaign, "/edit/schedule"), data=typed(campaign, **changes))
    assert answer.status_code == 422
    assert words in answer.text
    assert saved(campaign).send_window == {}


def test_a_link_that_offers_another_time_keeps_the_hours(client):
    campaign = new_campaign(new_desk(), send_window=HOURS)
    page = client.get(at(campaign, "/edit/schedule"), query_string={"schedule_kind": "once"}).text
    assert 'value="09:00"' in page
    assert page.count("checked") >= 5


def test_a_duplicate_has_the_same_hours(app):
    campaign = new_campaign(new_desk(), send_window=HOURS)
    copy = services.duplicate_campaign(campaign_id=campaign.id, actor_id=None)
    assert copy.send_window == HOURS


def test_preflight_says_when_it_starts_outside_its_hours(app):
    campaign = new_campaign(new_desk(), send_window=closed_now())
    checks = {check.code: check for check in full_checks(plan_of(campaign), utc_now()).checks}
    assert "It waits until" in checks["outside_hours"].evidence


def test_a_run_that_waits_says_so_everywhere(client, sign_in):
    campaign = new_campaign(new_desk(), send_window=closed_now())
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)

    assert job.not_before is not None
    words = f"Waiting until {job.not_before:%H:%M} UTC"
    db.session.rollback()
    for path in (at(campaign), at(campaign, f"/runs/{job.public_id}"), "/campaigns", "/"):
        page = client.get(path).text
        assert words in page, path
        assert "Waiting" in page, path
    (running,) = running_jobs()
    assert (running.progress.state, running.progress.standstill) == ("waiting", "")
    assert words in sign_in(Role.VIEWER).get(at(campaign)).text


def test_the_state_is_running_again_when_its_hours_come(app):
    campaign = new_campaign(new_desk(), send_window=closed_now())
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    db.session.get_one(Job, job.id).not_before = utc_now() - timedelta(seconds=1)
    db.session.commit()
    (running,) = running_jobs()
    assert running.progress.state == "running"


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([0, 1, 2, 3, 4], "Monday to Friday"),
        ([0, 2, 4], "Monday, Wednesday, Friday"),
        ([5, 6], "Saturday, Sunday"),
        (list(range(7)), "every day"),
    ],
)
def test_days_in_words(days, words):
    assert hours_words(HOURS | {"days": days}) == f"09:00 to 18:00, {words}, Asia/Kolkata"
    assert hours_words(HOURS | {"days": days, "closes": "09:00"}) == f"all day, {words}, Asia/Kolkata"


def test_the_next_opening_in_words():
    now = datetime(2026, 11, 26, 12, tzinfo=UTC)
    assert until_words(now + timedelta(hours=15, minutes=30), "Asia/Kolkata", now) == "09:00 Asia/Kolkata"
    assert until_words(now + timedelta(days=3), "UTC", now) == "Sun 29 Nov, 12:00 UTC"


def zoned(**hours: Any) -> Campaign:
    """A campaign whose audience has a column with zones: UTC, another one eleven hours away, and none."""
    desk = new_desk()
    records = [
        {"email": f"z{number}@example.com", "variables": {"first_name": "Z", "zone": zone} if zone else {}}
        for number, zone in enumerate(("UTC", "Pacific/Noumea", "Pacific/Noumea", ""))
    ]
    with transaction():
        desk.audience.current_version_id = add_dataset(desk.audience, records, ("first_name", "zone")).id
    now = utc_now()
    window = HOURS | {
        "opens": f"{now - timedelta(hours=1):%H:%M}",
        "closes": f"{now + timedelta(hours=1):%H:%M}",
        "days": list(range(7)),
        "zone": "UTC",
        "column": "zone",
    }
    return new_campaign(desk, send_window=window | hours)


def test_the_column_with_zones_is_chosen_from_the_audience(client):
    campaign = zoned(column="")
    page = client.get(at(campaign, "/edit/schedule")).text
    assert '<option value="zone">' in page
    client.post(at(campaign, "/edit/schedule"), data=typed(campaign, window_column="zone"))
    assert saved(campaign).send_window == HOURS | {"column": "zone"}
    assert "in each recipient&#39;s zone (zone)" in client.get(at(campaign)).text
    assert client.post(at(campaign, "/edit/schedule"), data=typed(campaign, window_column="no")).status_code == 422


@pytest.mark.parametrize(
    ("hours", "code", "words"),
    [
        ({}, "held", "2 of 4 are held until their hours come: the first "),
        ({"column": "gone"}, "no_zone_column", "no column gone"),
        ({"opens": "00:00", "closes": "00:00"}, "hours", "all day"),
    ],
)
def test_preflight_counts_who_is_held(app, hours, code, words):
    checks = {check.code: check for check in full_checks(plan_of(zoned(**hours)), utc_now()).checks}
    assert words in checks[code].evidence


def test_a_run_that_only_waits_for_sleepers_says_so(client):
    campaign = zoned()
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    settle(job, [("sent", ""), ("held", ""), ("held", ""), ("sent", "")], "running")
    with transaction():
        chunk = db.session.get_one(Chunk, (job.id, 0))
        chunk.state, chunk.not_before = ChunkState.WAITING, utc_now() + timedelta(hours=9)
    assert "2 are held until their hours come, the first" in client.get(at(campaign)).text
