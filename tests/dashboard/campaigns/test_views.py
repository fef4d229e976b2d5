"""The list, the page of a campaign, making, copying, putting away."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, select

from dashboard.accounts.models import Role
from dashboard.campaigns import services
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db, transaction, utc_now
from dashboard.jobs.models import Job, JobState
from tests.factories.campaigns import new_campaign, new_desk, settle

HTMX = {"HX-Request": "true"}


def htmx(target: str = "") -> dict[str, str]:
    return HTMX | ({"HX-Target": target} if target else {})


def the_only_campaign() -> Campaign:
    return db.session.scalars(select(Campaign)).one()


def launched(desk, outcomes=(), state=JobState.FINISHED, **values):
    campaign = new_campaign(desk, **values)
    job = services.launch_campaign(campaign_id=campaign.id, actor_id=None)
    if outcomes:
        settle(job, outcomes, state)
    return campaign, job


def test_an_empty_list_says_what_comes_next(client):
    page = client.get("/campaigns")
    assert page.status_code == 200
    assert "No campaign yet" in page.text
    assert 'href="/campaigns/new"' in page.text


def test_the_list_shows_state_audience_and_numbers(client):
    desk = new_desk(count=4)
    launched(desk, [("sent", ""), ("sent", ""), ("failed", "550"), ("suppressed", "manual")], name="Done one")
    new_campaign(desk, name="A draft", tags=["sale"])
    page = client.get("/campaigns").text
    for words in ("Done one", "Finished with failures", "A draft", "Draft", "Customers", "50 %", "sale"):
        assert words in page
    assert "&amp;state=error" in page


@pytest.mark.parametrize(
    ("query", "shown", "hidden"),
    [
        ("tab=drafts", ["Spring draft", "Summer 100% draft"], ["Waiting", "Late one"]),
        ("tab=scheduled", ["Waiting"], ["Spring draft"]),
        ("tab=attention", ["Late one"], ["Waiting"]),
        ("tab=archived", ["Old"], ["Waiting"]),
        ("q=spring", ["Spring draft"], ["Summer", "Waiting"]),
        ("q=100%25", ["Summer 100% draft"], ["Spring draft"]),
        ("tag=verkauf+ä", ["Waiting"], ["Spring draft"]),
        ("category=transactional", ["Late one"], ["Waiting"]),
        ("tab=nonsense", ["Spring draft", "Waiting", "Late one"], ["Old"]),
    ],
)
def test_filters(client, query, shown, hidden):
    desk = new_desk()
    new_campaign(desk, name="Spring draft")
    new_campaign(desk, name="Summer 100% draft")
    new_campaign(desk, name="Waiting", state=CampaignState.SCHEDULED, next_run_at=utc_now(), tags=["verkauf ä"])
    new_campaign(desk, name="Late one", state=CampaignState.LATE, category="transactional", problem="Too late")
    new_campaign(desk, name="Old", state=CampaignState.ARCHIVED)
    page = client.get(f"/campaigns?{query}", headers=htmx("results")).text
    assert all(words in page for words in shown)
    assert not any(words in page for words in hidden)


def test_the_list_as_fragment_gives_the_canonical_address(client):
    new_campaign(new_desk())
    answer = client.get("/campaigns?tab=drafts&q=&tag=", headers=htmx("results"))
    assert answer.text.lstrip().startswith("<title>")
    assert "<html" not in answer.text
    assert answer.headers["HX-Push-Url"] == "/campaigns?tab=drafts"


def test_a_run_that_stopped_by_itself_needs_attention(client):
    campaign, job = launched(new_desk(count=3), [("sent", "")], JobState.PAUSED, name="Stopped")
    with transaction():
        job.pause_reason = "The server refuses the password."
    assert "Stopped" in client.get("/campaigns?tab=attention").text
    assert "The server refuses the password." in client.get(f"/campaigns/{campaign.public_id}").text


def test_pages_of_the_list_go_both_ways(client):
    desk = new_desk()
    for number in range(27):
        new_campaign(desk, name=f"Campaign {number:02}")
    first = client.get("/campaigns").text
    assert "Campaign 26" in first
    assert "Campaign 01" not in first
    newest = db.session.scalars(select(Campaign).order_by(Campaign.id.desc())).all()
    older = client.get(f"/campaigns?after={newest[24].public_id}").text
    assert "Campaign 01" in older
    assert "Campaign 26" not in older
    back = client.get(f"/campaigns?before={newest[25].public_id}").text
    assert "Campaign 26" in back
    assert "Campaign 00" not in back


def test_running_rows_move_by_themselves_and_then_stop(client):
    campaign, job = launched(new_desk(count=3), [("sent", "")], JobState.RUNNING)
    page = client.get("/campaigns").text
    assert f'hx-get="/campaigns/{campaign.public_id}/row"' in page
    cell = client.get(f"/campaigns/{campaign.public_id}/row", headers=HTMX).text
    assert "hx-trigger" in cell
    assert "1 of 3" in cell
    settle_rest(job)
    assert "hx-trigger" not in client.get(f"/campaigns/{campaign.public_id}/row", headers=HTMX).text
    assert client.get(f"/campaigns/{campaign.public_id}/row").status_code == 303


def settle_rest(job: Job) -> None:
    with transaction():
        job.state, job.finished_at = JobState.FINISHED, utc_now()
        db.session.get_one(Campaign, job.campaign_id).state = CampaignState.FINISHED


def test_making_a_campaign(client):
    desk = new_desk()
    assert "Spring sale" in client.get("/campaigns/new").text
    answer = client.post(
        "/campaigns/new",
        data={
            "name": "  Hello  ",
            "category": "transactional",
            "tags": "Sale, spring,, sale",
            "template_id": desk.template.public_id,
            "audience_id": desk.audience.public_id,
        },
    )
    campaign = the_only_campaign()
    assert answer.status_code == 303
    assert answer.location == f"/campaigns/{campaign.public_id}/edit/audience"
    assert (campaign.name, campaign.category, campaign.tags) == ("Hello", "transactional", ["sale", "spring"])
    assert (campaign.template_id, campaign.audience_id) == (desk.template.id, desk.audience.id)


@pytest.mark.parametrize(
    "data", [{"name": "", "category": "promotional"}, {"name": "x" * 161, "category": "promotional"}, {"name": "x"}]
)
def test_making_one_without_a_name_or_category_keeps_what_was_typed(client, data):
    answer = client.post(
        "/campaigns/new", data=data | {"description": "kept words", "category": data.get("category", "spam")}
    )
    assert answer.status_code == 422
    assert "kept words" in answer.text
    assert "data-error-summary" in answer.text
    assert client.post("/campaigns/new", data=data | {"category": "spam"}, headers=HTMX).status_code == 422


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, ["Draft", "What it sends", "Spring sale", "Render 20 samples"]),
        ({"template_id": None}, ["It is not ready yet", "No template is chosen"]),
        ({"state": "late", "problem": "Its time passed."}, ["waits for your decision", "Start now", "Do not send"]),
        ({"state": "late", "schedule_kind": "cron", "cron": "0 9 * * *", "schedule_zone": "UTC"}, ["Leave out this"]),
        ({"state": "scheduled", "next_run_at": utc_now()}, ["It starts by itself", "Unschedule", "Launch now"]),
        ({"state": CampaignState.ARCHIVED}, ["Archived", "Restore", "Delete"]),
    ],
)  # fmt: skip
def test_the_page_of_a_campaign_that_never_ran(client, values, words):
    campaign = new_campaign(new_desk(), **values)
    page = client.get(f"/campaigns/{campaign.public_id}")
    assert page.status_code == 200
    assert [word for word in words if word not in page.text] == []


def test_the_page_of_a_finished_campaign(client):
    outcomes = [("sent", ""), ("sent", ""), ("failed", "450 4.7.0"), ("suppressed", "manual")]
    campaign, job = launched(new_desk(count=4), outcomes)
    page = client.get(f"/campaigns/{campaign.public_id}").text
    for words in (
        "2 of 4 were sent, 1 failed, 1 are suppressed",
        "4 = 1 suppressed + 2 sent + 1 failed",
        "450 4.7.0",
        "the server said 450 4.7.0",
        "Send failed ones again",
        "person0@example.com",
        job.public_id,
        "Spring sale v1 to Customers",
    ):
        assert words in page
    assert "every " not in page.split('id="campaign-progress"')[1].split(">")[0]


def test_viewers_see_masked_addresses_and_no_buttons(sign_in):
    campaign, _job = launched(new_desk(count=2), [("sent", ""), ("failed", "timeout")])
    page = sign_in(Role.VIEWER).get(f"/campaigns/{campaign.public_id}").text
    assert "person0@example.com" not in page
    assert "p***@example.com" in page
    assert "Send failed ones again" not in page
    assert "/duplicate" not in page


@pytest.mark.parametrize(
    ("target", "root"),
    [("campaign-head", "campaign-head"), ("campaign-run", "campaign-run"), ("campaign-equation", "campaign-equation")],
)
def test_regions_of_the_page_come_alone(client, target, root):
    campaign, _job = launched(new_desk(count=2), [("sent", "")], JobState.RUNNING)
    fragment = client.get(f"/campaigns/{campaign.public_id}", headers=htmx(target)).text
    assert "<html" not in fragment
    assert f'id="{root}"' in fragment
    assert f'id="{root}"' in client.get(f"/campaigns/{campaign.public_id}").text


def test_an_unknown_campaign_is_not_found(client):
    assert client.get("/campaigns/cmp_0000000000000").status_code == 404
    assert client.get("/campaigns/nonsense").status_code == 404


def test_duplicate_archive_restore_delete(client):
    campaign = new_campaign(new_desk())
    where = f"/campaigns/{campaign.public_id}"
    copied = client.post(f"{where}/duplicate")
    assert copied.status_code == 303
    assert copied.location.endswith("/edit/audience")
    assert client.post(f"{where}/archive", data={"version": campaign.version}).location == "/campaigns"
    assert campaign.state == CampaignState.ARCHIVED
    assert client.post(f"{where}/restore", data={"version": campaign.version}).location == where
    assert campaign.state == CampaignState.DRAFT
    assert "Spring" in client.get(f"{where}/delete").text
    refused = client.post(f"{where}/delete", data={"typed_name": "Sprin"}, headers=htmx("dialog"))
    assert refused.status_code == 422
    assert "<html" not in refused.text
    gone = client.post(f"{where}/delete", data={"typed_name": "spring"}, headers=HTMX)
    assert (gone.status_code, gone.headers["HX-Redirect"]) == (204, "/campaigns")
    assert client.get(where).status_code == 404


def test_what_ran_is_neither_deleted_nor_archived_while_it_runs(client):
    campaign, _job = launched(new_desk())
    where = f"/campaigns/{campaign.public_id}"
    assert client.post(f"{where}/delete", data={"typed_name": campaign.name}).status_code == 409
    client.post(f"{where}/archive", data={"version": campaign.version})
    assert campaign.state == CampaignState.RUNNING


@pytest.mark.parametrize(
    ("path", "role"),
    [
        ("/duplicate", Role.VIEWER), ("/archive", Role.VIEWER), ("/delete", Role.VIEWER), ("/details", Role.VIEWER),
        ("/edit/audience", Role.VIEWER), ("/edit/content", Role.VIEWER), ("/edit/schedule", Role.VIEWER),
        ("/launch", Role.EDITOR), ("/schedule", Role.EDITOR), ("/unschedule", Role.EDITOR), ("/drop", Role.EDITOR),
        ("/skip", Role.EDITOR), ("/pause", Role.EDITOR), ("/resume", Role.EDITOR), ("/cancel", Role.EDITOR),
    ],
)  # fmt: skip
def test_roles_that_do_not_reach_are_refused(sign_in, path, role):
    campaign = new_campaign(new_desk())
    assert sign_in(role).post(f"/campaigns/{campaign.public_id}{path}").status_code == 403
    assert campaign.state == CampaignState.DRAFT


def test_no_page_asks_the_database_more_often_for_more_campaigns(client):
    desk = new_desk(count=3)
    for number in range(12):
        launched(desk, [("sent", ""), ("failed", "550")], JobState.RUNNING, name=f"Running {number}")
    campaign, job = launched(desk, [("sent", ""), ("failed", "550"), ("sent", "")], name="Done")
    draft = new_campaign(desk)
    limits = {  # what each page needs, one of them the banner's look at the providers, however many campaigns there are
        "/campaigns": 8,
        f"/campaigns/{campaign.public_id}": 17,
        f"/campaigns/{campaign.public_id}/runs/{job.public_id}": 11,
        f"/campaigns/{draft.public_id}/edit/review": 19,
    }
    statements: list[str] = []

    def note(*call: Any) -> None:
        statements.append(call[2])

    engine = db.engine
    client.get("/campaigns")  # notes when the user was last seen, once a minute
    event.listen(engine, "before_cursor_execute", note)
    for path, limit in limits.items():
        db.session.remove()  # the next request finds nothing at hand, as in a process of its own
        statements.clear()
        assert client.get(path).status_code == 200
        asked = [statement for statement in statements if not statement.startswith(("BEGIN", "PRAGMA"))]
        assert len(asked) <= limit, (path, asked)
    event.remove(engine, "before_cursor_execute", note)
