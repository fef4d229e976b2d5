"""The steps of the editor: saving each, in any order, with and without htmx."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from dashboard.accounts.models import Role
from dashboard.campaigns import steps
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.suppressions.models import Suppression
from tests.factories.campaigns import (
    CONTENT,
    Desk,
    new_audience,
    new_campaign,
    new_desk,
    new_provider,
    new_template,
    people,
    publish,
)

HTMX = {"HX-Request": "true"}
STEPS = ("audience", "content", "schedule", "review")


def htmx(target: str = "step") -> dict[str, str]:
    return HTMX | {"HX-Target": target}


def at(campaign: Campaign, step: str) -> str:
    return f"/campaigns/{campaign.public_id}/edit/{step}"


def audience_form(campaign: Campaign, desk: Desk, **changes: Any) -> dict[str, Any]:
    values = {
        "version": campaign.version,
        "audience_id": desk.audience.public_id,
        "recipient_column": "email",
    }
    return values | changes


def content_form(campaign: Campaign, desk: Desk, **changes: Any) -> dict[str, Any]:
    values = {
        "version": campaign.version,
        "category": "promotional",
        "template_id": desk.template.public_id,
        "template_version_id": "",
        "provider_id": "",
        "sender_id": "",
        "resend_unknown": "yes",
    }
    return values | changes


@pytest.mark.parametrize("step", STEPS)
def test_every_step_is_a_page_and_a_fragment(client, step):
    campaign = new_campaign(new_desk())
    page = client.get(at(campaign, step))
    assert page.status_code == 200
    assert page.text.count("<h1") == 1
    assert 'aria-current="step"' in page.text
    fragment = client.get(at(campaign, step), headers=htmx())
    assert "<html" not in fragment.text
    assert 'id="step"' in fragment.text
    assert "hx_" not in fragment.text  # WTForms writes underscores as they are, and htmx would not see them


@pytest.mark.parametrize("step", STEPS)
def test_an_empty_draft_says_what_is_missing(client, step):
    campaign = new_campaign(new_desk(), template_id=None, audience_id=None)
    page = client.get(at(campaign, step)).text
    assert "No audience is chosen" in page
    assert "No template is chosen" in page
    assert "needs work" in page


def test_what_runs_is_not_edited(client):
    campaign = new_campaign(new_desk(), state=CampaignState.RUNNING)
    for step in STEPS:
        assert client.get(at(campaign, step)).status_code == 409
    assert client.post(at(campaign, "audience"), data={}).status_code == 409


def test_saving_the_audience_goes_on_to_the_content(client):
    desk = new_desk()
    other = new_audience("Others", [{"email": "a@x.example", "variables": {"work": "b@x.example"}}], ["work"])
    campaign = new_campaign(desk)
    data = audience_form(campaign, desk, audience_id=other.public_id, recipient_column="work")
    answer = client.post(at(campaign, "audience"), data=data)
    assert (answer.status_code, answer.location) == (303, at(campaign, "content"))
    assert (campaign.audience_id, campaign.recipient_column) == (other.id, "work")
    stay = client.post(
        at(campaign, "audience"), data=audience_form(campaign, desk, version=campaign.version, stay="1"), headers=HTMX
    )
    assert (stay.status_code, stay.headers["HX-Redirect"]) == (204, at(campaign, "audience"))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_column_that_the_audience_lacks_is_refused(client, headers):
    desk = new_desk()
    campaign = new_campaign(desk)
    answer = client.post(
        at(campaign, "audience"), data=audience_form(campaign, desk, recipient_column="fax"), headers=headers
    )
    assert answer.status_code == 422
    assert "data-error-summary" in answer.text
    assert campaign.recipient_column == "email"


def test_the_funnel_follows_what_is_chosen_before_it_is_saved(client):
    desk = new_desk(count=5)
    with transaction():
        db.session.add(Suppression(id=new_id(), channel="email", address="person1@example.com"))
    campaign = new_campaign(desk, audience_id=None)
    assert "Choose an audience to see" in client.get(at(campaign, "audience")).text
    chosen = client.get(at(campaign, "audience"), query_string=audience_form(campaign, desk), headers=htmx()).text
    assert "1 suppressed" in chosen
    assert campaign.audience_id is None


def test_a_large_audience_is_counted_by_a_request_of_its_own(client, monkeypatch):
    monkeypatch.setattr(steps, "COUNT_AT_ONCE", 3)
    campaign = new_campaign(new_desk(count=5))
    page = client.get(at(campaign, "audience")).text
    assert 'hx-trigger="load"' in page
    assert "Count 5 records" in page  # the link without scripts
    fragment = client.get(at(campaign, "audience") + "?count=1", headers=htmx("funnel")).text
    assert fragment.lstrip().startswith("<section")
    assert "hx-trigger" not in fragment
    assert "100 %" in fragment
    assert 'hx-trigger="load"' in client.get(at(campaign, "review")).text
    assert "Launch to 5 recipients" in client.get(at(campaign, "review") + "?count=1").text
    assert 'hx-trigger="load"' in client.get(at(campaign, "content")).text
    assert "first_name" in client.get(at(campaign, "content") + "?count=1", headers=htmx("coverage")).text


def test_saving_the_content(client):
    desk = new_desk()
    provider = new_provider("Second", default_for=())
    campaign = new_campaign(desk)
    answer = client.post(
        at(campaign, "content"),
        data=content_form(
            campaign,
            desk,
            category="transactional",
            template_version_id=desk.version.public_id,
            provider_id=provider.public_id,
            sender_id=provider.senders[0].public_id,
            resend_unknown="no",
        ),
    )
    assert (answer.status_code, answer.location) == (303, at(campaign, "schedule"))
    assert (campaign.category, campaign.template_version_id) == ("transactional", desk.version.id)
    assert (campaign.provider_id, campaign.sender_id) == (provider.id, provider.senders[0].id)
    assert not campaign.resend_unknown


@pytest.mark.parametrize(
    "changes",
    [
        {"category": "otp"},
        {"template_id": "tpl_0000000000000"},
        {"template_version_id": "tpv_0000000000000"},
        {"provider_id": "nonsense"},
        {"resend_unknown": ""},
    ],
)
def test_choices_that_are_not_offered_are_refused(client, changes):
    desk = new_desk()
    campaign = new_campaign(desk)
    before = campaign.version
    answer = client.post(at(campaign, "content"), data=content_form(campaign, desk, **changes), headers=HTMX)
    assert answer.status_code == 422
    assert "data-error-summary" in answer.text
    assert campaign.version == before


def test_a_sender_of_another_provider_is_refused_at_its_field(client):
    desk = new_desk()
    other = new_provider("Second", default_for=())
    campaign = new_campaign(desk)
    data = content_form(campaign, desk, provider_id=desk.provider.public_id, sender_id=other.senders[0].public_id)
    answer = client.post(at(campaign, "content"), data=data)
    assert answer.status_code == 422
    assert "belongs to another provider" in answer.text


def test_the_version_list_follows_the_template(client):
    desk = new_desk()
    campaign = new_campaign(desk, template_version_id=desk.version.id)
    other = new_template("Another")
    publish(other, 2, CONTENT)
    query = content_form(campaign, desk, template_id=other.public_id, template_version_id=desk.version.public_id)
    fragment = client.get(at(campaign, "content"), query_string=query, headers=htmx()).text
    assert "Always v2" in fragment
    assert desk.version.public_id not in fragment


def test_the_coverage_names_what_is_missing(client):
    content = CONTENT | {"html": "{{ coupon }} {{ first_name }} {{ x|default('y') }} {{ unsubscribe_url }}"}
    campaign = new_campaign(new_desk(count=3, content=content))
    page = client.get(at(campaign, "content")).text
    assert 'id="variable-coupon"' in page
    assert "3 records would fail" in page
    assert "made for each message" in page


def test_a_schedule_is_saved_and_shown_in_every_zone(client):
    campaign = new_campaign(new_desk())
    data = {
        "version": campaign.version,
        "schedule_kind": "once",
        "schedule_local": "2027-11-24T09:00",
        "schedule_zone": "Asia/Kolkata",
    }
    echo = client.get(at(campaign, "schedule"), query_string=data, headers=htmx("echo")).text
    assert "Wed 24 Nov 2027, 09:00 Asia/Kolkata (UTC+5:30)" in echo
    assert "Wed 24 Nov 2027, 03:30 UTC" in echo
    answer = client.post(at(campaign, "schedule"), data=data)
    assert (answer.status_code, answer.location) == (303, at(campaign, "review"))
    assert (campaign.schedule_kind, campaign.schedule_local) == ("once", "2027-11-24T09:00")
    assert (campaign.state, campaign.next_run_at) == (CampaignState.DRAFT, None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule_local": "2027-03-28T02:30"}, "does not exist"),
        ({"schedule_local": "2020-01-01T10:00"}, "is past"),
        ({"schedule_local": "soon"}, "Write date and time"),
        ({"schedule_local": ""}, "Write date and time"),
        ({"schedule_local": "2027-05-05T05:05", "schedule_zone": "Berlin"}, "no such time zone"),
        ({"schedule_kind": "cron", "cron": "often"}, "five fields"),
        ({"schedule_kind": "cron", "cron": "* * * * *"}, "shortest repeat"),
        ({"schedule_kind": "cron", "cron": "0 9 * * *", "cron_until": "2020-01-01"}, "never run before"),
        ({"schedule_kind": "cron", "cron": "0 9 * * *", "cron_until": "never"}, "Not a valid date"),
        ({"schedule_kind": "later"}, "Not a valid choice"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_schedules_that_make_no_sense_are_refused(client, headers, changes, words):
    campaign = new_campaign(new_desk())
    data = {"version": campaign.version, "schedule_kind": "once", "schedule_zone": "Europe/Berlin"} | changes
    answer = client.post(at(campaign, "schedule"), data=data, headers=headers)
    assert answer.status_code == 422
    assert words in answer.text
    assert campaign.schedule_kind == "now"


def test_the_neighbours_of_a_time_that_does_not_exist_are_offered(client):
    campaign = new_campaign(new_desk())
    data = {"schedule_kind": "once", "schedule_local": "2027-03-28T02:30", "schedule_zone": "Europe/Berlin"}
    echo = client.get(at(campaign, "schedule"), query_string=data, headers=htmx("echo")).text
    assert "Use 01:59" in echo
    assert "Use 03:00" in echo
    assert "schedule_local=2027-03-28T03:00" in echo


def test_a_doubled_time_asks_which_one_is_meant(client):
    campaign = new_campaign(new_desk())
    data = {
        "version": campaign.version,
        "schedule_kind": "once",
        "schedule_local": "2027-10-31T02:30",
        "schedule_zone": "Europe/Berlin",
    }
    asked = client.post(at(campaign, "schedule"), data=data)
    assert asked.status_code == 422
    assert 'name="schedule_fold"' in asked.text
    assert client.post(at(campaign, "schedule"), data=data | {"schedule_fold": "1"}).status_code == 303
    assert campaign.schedule_fold == 1
    assert "Sun 31 Oct 2027, 01:30 UTC" in client.get(at(campaign, "schedule")).text


def test_a_rule_shows_its_next_runs_and_keeps_its_last_day(client):
    campaign = new_campaign(new_desk())
    data = {
        "version": campaign.version,
        "schedule_kind": "cron",
        "cron": "0 9 * * 1",
        "schedule_zone": "Europe/Berlin",
        "cron_until": "2030-12-31",
    }
    echo = client.get(at(campaign, "schedule"), query_string=data, headers=htmx("echo")).text
    assert echo.count("09:00 Europe/Berlin") >= 5
    assert client.post(at(campaign, "schedule"), data=data).status_code == 303
    assert campaign.cron_until == datetime(2030, 12, 31, 22, 59, tzinfo=UTC)
    assert 'value="2030-12-31"' in client.get(at(campaign, "schedule")).text


def waiting(desk: Desk, **values: Any) -> Campaign:
    return new_campaign(
        desk,
        state=CampaignState.SCHEDULED,
        schedule_kind="once",
        schedule_local="2027-11-24T09:00",
        schedule_zone="UTC",
        next_run_at=datetime(2027, 11, 24, 9, tzinfo=UTC),
        **values,
    )


def test_a_scheduled_campaign_moves_to_its_new_time_at_once(client):
    campaign = waiting(new_desk())
    data = {
        "version": campaign.version,
        "schedule_kind": "once",
        "schedule_local": "2027-12-01T10:00",
        "schedule_zone": "UTC",
    }
    assert client.post(at(campaign, "schedule"), data=data).status_code == 303
    assert (campaign.state, campaign.next_run_at) == (CampaignState.SCHEDULED, datetime(2027, 12, 1, 10, tzinfo=UTC))
    refused = client.post(at(campaign, "schedule"), data={"version": campaign.version, "schedule_kind": "now"})
    assert refused.status_code == 422
    assert "Take it from the schedule first" in refused.text


def test_a_scheduled_campaign_stays_ready_to_start(client):
    desk = new_desk()
    campaign = waiting(desk)
    other = new_template("Other one")
    data = content_form(campaign, desk, template_id=other.public_id)
    assert client.post(at(campaign, "content"), data=data).status_code == 303
    assert campaign.template_id == other.id
    refused = client.post(at(campaign, "content"), data=content_form(campaign, desk, category="transactional"))
    assert refused.status_code == 422
    assert "it must stay ready to start" in refused.text
    nothing = audience_form(campaign, desk, audience_id="")
    assert client.post(at(campaign, "audience"), data=nothing).status_code == 422


def test_a_late_campaign_is_mended_step_by_step(client):
    desk = new_desk()
    campaign = waiting(desk)
    with transaction():
        campaign.state, desk.provider.enabled, desk.template.archived_at = CampaignState.LATE, False, utc_now()
    other = new_template("Other one")
    mended = client.post(at(campaign, "content"), data=content_form(campaign, desk, template_id=other.public_id))
    assert mended.status_code == 303
    with transaction():
        campaign.state = CampaignState.SCHEDULED  # what blocked it before is no reason to refuse another change
    assert client.post(at(campaign, "audience"), data=audience_form(campaign, desk)).status_code == 303


def test_editors_change_drafts_and_senders_what_is_scheduled(sign_in):
    desk = new_desk()
    draft, scheduled = new_campaign(desk), waiting(desk)
    editor = sign_in(Role.EDITOR)
    assert editor.post(at(draft, "audience"), data=audience_form(draft, desk)).status_code == 303
    assert editor.get(at(scheduled, "audience")).status_code == 403
    assert editor.post(at(scheduled, "audience"), data=audience_form(scheduled, desk)).status_code == 403
    assert sign_in(Role.SENDER).get(at(scheduled, "audience")).status_code == 200


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_stale_form_shows_both_and_saves_the_second_time(client, headers):
    desk = new_desk()
    campaign = new_campaign(desk)
    stale = audience_form(campaign, desk, audience_id=new_audience("Mine", people(2)).public_id)
    theirs = new_audience("Theirs", people(3))
    client.post(at(campaign, "audience"), data=audience_form(campaign, desk, audience_id=theirs.public_id))
    answer = client.post(at(campaign, "audience"), data=stale, headers=headers)
    assert answer.status_code == 409
    assert "Mine (2 records)" in answer.text
    assert "Theirs (3 records)" in answer.text
    assert campaign.audience_id == theirs.id
    assert f'name="version" type="hidden" value="{campaign.version}"' in answer.text
    assert client.post(at(campaign, "audience"), data=stale | {"version": campaign.version}).status_code == 303


def test_renaming_in_a_dialog(client):
    campaign = new_campaign(new_desk(), state=CampaignState.RUNNING)
    where = f"/campaigns/{campaign.public_id}/details"
    assert 'value="Spring"' in client.get(where, headers=htmx("dialog")).text
    data = {"version": campaign.version, "name": "Summer", "tags": "Hot", "description": "Words"}
    assert client.post(where, data=data).status_code == 303
    assert (campaign.name, campaign.tags, campaign.description) == ("Summer", ["hot"], "Words")
    stale = client.post(where, data=data | {"name": "Autumn"}, headers=htmx("dialog"))
    assert stale.status_code == 409
    assert "Autumn" in stale.text
    assert client.post(where, data=data | {"version": campaign.version, "name": " "}).status_code == 422


def test_the_review_shows_every_line_with_its_link(client):
    desk = new_desk(content=CONTENT | {"html": "{{ coupon }}", "subject": ""})
    campaign = new_campaign(desk)
    page = client.get(at(campaign, "review")).text
    assert "coupon is missing" in page
    assert f"{at(campaign, 'content')}#variable-coupon" in page
    assert "The subject is empty" in page
    assert "Solve what blocks it first" in page
    assert f'/campaigns/{campaign.public_id}/launch"' not in page


def test_editors_see_who_launches(sign_in):
    campaign = new_campaign(new_desk())
    page = sign_in(Role.EDITOR).get(at(campaign, "review")).text
    assert "Launching needs the role sender" in page
