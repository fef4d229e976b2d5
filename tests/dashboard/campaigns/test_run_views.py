"""The live page: fragments that stop by themselves, pause, resume, cancel, sending failed ones again, samples."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from dashboard.audit.models import AuditEntry
from dashboard.campaigns import services
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.plan import plan_of
from dashboard.campaigns.samples import render_samples
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job, JobKind, JobState
from tests.factories.campaigns import (
    CONTENT,
    new_audience,
    new_campaign,
    new_desk,
    new_template,
    people,
    publish,
    settle,
)

HTMX = {"HX-Request": "true"}
DIALOG = HTMX | {"HX-Target": "dialog"}
PROGRESS = HTMX | {"HX-Target": "campaign-progress"}


def at(campaign: Campaign, action: str = "") -> str:
    return f"/campaigns/{campaign.public_id}" + (f"/{action}" if action else "")


def started(count=4, outcomes=(("sent", ""),), state=JobState.RUNNING, **values):
    desk = new_desk(count=count)
    campaign = new_campaign(desk, **values)
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    settle(job, list(outcomes), state)
    return desk, campaign, job


def test_progress_polls_while_it_runs_and_stops_with_the_run(client):
    _desk, campaign, job = started()
    moving = client.get(at(campaign, "progress?seen=25&was=running"), headers=PROGRESS)
    assert moving.text.lstrip().startswith("<title>25 % Spring · Carillon</title>")
    assert "<h1" not in moving.text
    assert 'hx-trigger="every 1s"' in moving.text
    assert "seen=25" in moving.text
    assert "page-status" not in moving.text
    assert "HX-Trigger" not in moving.headers
    with transaction():
        job.state, job.finished_at, campaign.state = JobState.FINISHED, utc_now(), CampaignState.FINISHED
    ended = client.get(at(campaign, "progress?seen=25&was=running"), headers=PROGRESS)
    assert "hx-trigger" not in ended.text
    assert ended.headers["HX-Trigger"] == "app:changed:campaign"
    assert 'id="page-status"' in ended.text


def test_milestones_are_announced_once(client):
    _desk, campaign, _job = started(4, [("sent", "")] * 2)
    told = client.get(at(campaign, "progress?seen=25&was=running"), headers=PROGRESS).text
    assert "Spring: Running, 50 %" in told
    assert "page-status" not in client.get(at(campaign, "progress?seen=50&was=running"), headers=PROGRESS).text


def test_progress_opened_by_hand_leads_to_the_page(client):
    _desk, campaign, _job = started()
    assert client.get(at(campaign, "progress")).location == at(campaign)


def test_the_page_works_without_scripts(client):
    _desk, campaign, _job = started()
    page = client.get(at(campaign)).text
    assert f'href="{at(campaign)}">Refresh</a>' in page
    assert f'href="{at(campaign, "pause")}"' in page
    assert "<h1" in client.get(at(campaign, "pause")).text


def test_pause_resume_cancel(client):
    _desk, campaign, job = started(4, [("sent", ""), ("sending", "")])
    dialog = client.get(at(campaign, "pause"), headers=DIALOG).text
    assert "1 went out already and 1 are being handed over" in dialog
    assert client.post(at(campaign, "pause")).location == at(campaign)
    db.session.refresh(job)
    assert job.state in (JobState.PAUSING, JobState.PAUSED)
    assert "Resume" in client.get(at(campaign)).text
    client.post(at(campaign, "resume"))
    db.session.refresh(job)
    assert job.state == JobState.RUNNING
    assert "The other 2 are never sent" in client.get(at(campaign, "cancel"), headers=DIALOG).text
    refused = client.post(at(campaign, "cancel"), data={"typed_word": "yes"}, headers=DIALOG)
    assert refused.status_code == 422
    assert "Type the word cancel." in refused.text
    assert client.post(at(campaign, "cancel"), data={"typed_word": " Cancel "}).status_code == 303
    db.session.refresh(job)
    assert job.state == JobState.CANCELLING
    assert {"job.pause", "job.resume", "job.cancel"} <= set(actions(job))


def actions(job: Job) -> list[str]:
    return list(db.session.scalars(select(AuditEntry.action).where(AuditEntry.object_id == job.id)))


def test_what_has_ended_is_neither_paused_nor_cancelled(client):
    _desk, campaign, job = started(1, [("sent", "")], JobState.FINISHED)
    assert client.post(at(campaign, "pause")).status_code == 303
    assert client.post(at(campaign, "cancel"), data={"typed_word": "cancel"}).status_code == 422
    db.session.refresh(job)
    assert job.state == JobState.FINISHED


def test_a_campaign_that_never_ran_has_nothing_to_pause(client):
    campaign = new_campaign(new_desk())
    for action in ("pause", "cancel"):
        assert client.get(at(campaign, action)).status_code == 404
        assert client.post(at(campaign, action), data={"typed_word": "cancel"}).status_code == 404
    assert client.post(at(campaign, "resume")).status_code == 404


def test_the_page_of_a_run(client):
    _desk, campaign, job = started(3, [("sent", ""), ("failed", "550 5.1.1"), ("sent", "")], JobState.FINISHED)
    page = client.get(at(campaign, f"runs/{job.public_id}"))
    assert page.status_code == 200
    for words in (
        job.public_id,
        "3 = 2 sent + 1 failed",
        "550 5.1.1",
        "Frozen when it was made",
        "shop@sandbox.example",
    ):
        assert words in page.text
    assert f"/messages/?job={job.public_id}" in page.text
    other = new_campaign(_desk, "Other")
    assert client.get(at(other, f"runs/{job.public_id}")).status_code == 404


FAILED = [("sent", ""), ("failed", "450 4.7.0"), ("failed", "550 5.1.1"), ("unknown", "worker_lost")]


def test_the_retry_dialog_ticks_what_is_worth_it(client):
    _desk, campaign, job = started(4, FAILED, JobState.FINISHED)
    dialog = client.get(at(campaign, f"runs/{job.public_id}/retry"), headers=DIALOG).text
    boxes = {part.split('value="')[1].split('"')[0]: part for part in dialog.split("<input") if 'name="groups"' in part}
    assert "checked" in boxes["failed:450 4.7.0"].split(">")[0]
    assert "checked" not in boxes["failed:550 5.1.1"].split(">")[0]
    assert "disabled" in boxes["unknown:worker_lost"].split(">")[0]


def test_sending_failed_ones_again(client):
    desk, campaign, job = started(4, FAILED, JobState.FINISHED)
    where = at(campaign, f"runs/{job.public_id}/retry")
    nothing = client.post(where, data={}, headers=DIALOG)
    assert nothing.status_code == 422
    assert "Choose at least one group" in nothing.text
    newest = publish(desk.template, 2, CONTENT)
    answer = client.post(where, data={"groups": ["failed:450 4.7.0"], "content": "newest"}, headers=DIALOG)
    assert answer.headers["HX-Redirect"] == at(campaign)
    retry = db.session.scalars(select(Job).where(Job.kind == JobKind.RETRY)).one()
    assert (retry.record_count, retry.template_version_id) == (1, newest.id)
    page = client.get(at(campaign)).text
    assert "Sending again what failed" in page
    assert client.post(where, data={"groups": ["failed:550 5.1.1"]}).status_code == 409


def test_samples_are_rendered_and_nothing_is_queued(client):
    campaign = new_campaign(new_desk(count=30))
    page = client.get(at(campaign, "samples"))
    assert page.text.count("<iframe") == 1
    assert page.text.count('id="record-') == 20
    assert "All 20 can be rendered" in page.text
    assert db.session.scalars(select(Job)).all() == []


def test_a_sample_is_a_document_in_which_nothing_runs(client):
    campaign = new_campaign(new_desk(content=CONTENT | {"html": "<script>alert(1)</script>{{ first_name }}"}))
    answer = client.get(at(campaign, "samples/3"))
    assert "Name3" in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert client.get(at(campaign, "samples/99")).status_code == 404


def test_samples_that_fail_come_first(client):
    records = [*people(12), {"email": "gap@example.com", "variables": {}}]
    campaign = new_campaign(new_desk(), audience_id=new_audience("With gap", records).id)
    samples = render_samples(plan_of(campaign), seed=1)
    assert [sample.ok for sample in samples] == [False] + [True] * 12
    assert samples[0].recipient == "gap@example.com"
    page = client.get(at(campaign, "samples")).text
    assert "1 of 13 cannot be rendered" in page
    assert "first_name" in page


def test_samples_without_template_or_audience_say_so(client):
    assert "Nothing to render yet" in client.get(at(new_campaign(new_desk(), template_id=None), "samples")).text
    broken = new_template("Broken", CONTENT | {"html": "{% if x %}"})
    campaign = db.session.scalars(select(Campaign)).one()
    with transaction():
        campaign.template_id = broken.id
    assert "cannot be rendered" in client.get(at(campaign, "samples")).text


@pytest.mark.parametrize("seed", [1, 2])
def test_twenty_samples_of_every_kind(app, seed):
    records = people(60)
    for number in (40, 41, 42, 43, 44):
        records[number]["variables"] = {"first_name": "x" * 500}
    records[50]["variables"] = {"first_name": ""}
    campaign = new_campaign(new_desk(), audience_id=new_audience("Sixty", records).id)
    samples = render_samples(plan_of(campaign), seed=seed)
    assert len({sample.record_no for sample in samples}) == 20
    kinds = [sample.why for sample in samples]
    assert kinds.count("at random") == 8
    assert kinds.count("longest values") == 4
    assert 50 in {sample.record_no for sample in samples}
