"""Launching and scheduling by hand: the dialog, what it asks for, and a second click."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from dashboard.campaigns import launching
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db
from dashboard.jobs.models import Job
from tests.factories.campaigns import CONTENT, new_campaign, new_desk

DIALOG = {"HX-Request": "true", "HX-Target": "dialog"}


def jobs() -> int:
    return db.session.scalar(select(func.count()).select_from(Job)) or 0


def at(campaign: Campaign, action: str = "") -> str:
    return f"/campaigns/{campaign.public_id}" + (f"/{action}" if action else "")


def test_the_dialog_says_who_gets_what_from_whom_and_when(client):
    campaign = new_campaign(new_desk(count=5), schedule_zone="Asia/Kolkata")
    dialog = client.get(at(campaign, "launch"), headers=DIALOG).text
    assert "<html" not in dialog
    for words in ("5 recipients", "Spring sale", "Sandbox", "shop@sandbox.example", "Asia/Kolkata", "UTC"):
        assert words in dialog
    assert "Not test-sent since the last edit" in dialog
    page = client.get(at(campaign, "launch")).text
    assert page.count("<h1") == 1
    assert "Launch to 5 recipients" in page


@pytest.mark.parametrize("headers", [{}, DIALOG])
def test_a_second_click_lands_on_the_running_campaign(client, headers):
    campaign = new_campaign(new_desk())
    data = {"version": campaign.version}
    first = client.post(at(campaign, "launch"), data=data, headers=headers)
    second = client.post(at(campaign, "launch"), data=data, headers=headers)
    for answer in (first, second):
        assert answer.headers["HX-Redirect" if headers else "Location"] == at(campaign)
    assert jobs() == 1
    assert campaign.state == CampaignState.RUNNING


def test_a_changed_campaign_is_looked_at_again(client):
    campaign = new_campaign(new_desk())
    answer = client.post(at(campaign, "launch"), data={"version": campaign.version - 1}, headers=DIALOG)
    assert answer.status_code == 409
    assert "Somebody else changed this campaign" in answer.text
    assert f'value="{campaign.version}"' in answer.text
    assert jobs() == 0


def test_what_blocks_is_shown_in_place_of_the_button(client):
    campaign = new_campaign(new_desk(content=CONTENT | {"html": "{{ coupon }}"}))
    dialog = client.get(at(campaign, "launch"), headers=DIALOG).text
    assert "coupon is missing" in dialog
    assert "Launch to" not in dialog
    answer = client.post(at(campaign, "launch"), data={"version": campaign.version}, headers=DIALOG)
    assert answer.status_code == 422
    assert "coupon is missing" in answer.text
    assert campaign.state == CampaignState.DRAFT


@pytest.mark.parametrize(
    ("typed", "status"), [("", 422), ("5", 422), ("twelve", 422), ("12", 303), (" 1 2 ", 303), ("1,2", 303)]
)
def test_many_recipients_are_typed(client, monkeypatch, typed, status):
    monkeypatch.setattr(launching, "TYPED_ABOVE", 10)
    campaign = new_campaign(new_desk(count=12))
    assert 'name="typed_count"' in client.get(at(campaign, "launch"), headers=DIALOG).text
    answer = client.post(at(campaign, "launch"), data={"version": campaign.version, "typed_count": typed})
    assert answer.status_code == status
    if status == 422:
        assert "Type the number of recipients, 12" in answer.text
    assert jobs() == (status == 303)


def test_few_recipients_are_not_typed(client):
    assert 'name="typed_count"' not in client.get(at(new_campaign(new_desk()), "launch"), headers=DIALOG).text


def test_scheduling_and_taking_it_back(client):
    campaign = new_campaign(
        new_desk(), schedule_kind="once", schedule_local="2027-11-24T09:00", schedule_zone="Europe/Berlin"
    )
    dialog = client.get(at(campaign, "schedule"), headers=DIALOG).text
    assert "Wed 24 Nov 2027, 09:00 Europe/Berlin (UTC+1)" in dialog
    assert "Wed 24 Nov 2027, 08:00 UTC" in dialog
    answer = client.post(at(campaign, "schedule"), data={"version": campaign.version})
    assert (answer.status_code, answer.location) == (303, at(campaign))
    assert campaign.state == CampaignState.SCHEDULED
    assert "It starts by itself" in client.get(at(campaign)).text
    client.post(at(campaign, "unschedule"), data={"version": campaign.version})
    assert campaign.state == CampaignState.DRAFT
    assert jobs() == 0


def test_a_schedule_that_passed_meanwhile_is_refused(client):
    campaign = new_campaign(
        new_desk(), schedule_kind="once", schedule_local="2020-11-24T09:00", schedule_zone="Europe/Berlin"
    )
    answer = client.post(at(campaign, "schedule"), data={"version": campaign.version})
    assert answer.status_code == 422
    assert "is past" in answer.text


def test_a_late_campaign_is_dropped_or_skipped_by_a_button(client):
    late = new_campaign(new_desk(), state=CampaignState.LATE, problem="Its time passed.")
    client.post(at(late, "drop"), data={"version": late.version})
    assert late.state == CampaignState.DRAFT
    again = client.post(at(late, "drop"), data={"version": late.version})
    assert again.status_code == 303
    assert "draft already" in client.get(at(late)).text


def test_a_late_run_is_left_out_by_a_button(client):
    late = new_campaign(
        new_desk(), state=CampaignState.LATE, schedule_kind="cron", cron="0 9 * * *", schedule_zone="UTC"
    )
    client.post(at(late, "skip"), data={"version": late.version})
    assert late.state == CampaignState.SCHEDULED
    assert late.next_run_at is not None
