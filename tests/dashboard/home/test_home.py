from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient

from dashboard.accounts.models import Role, User
from dashboard.audiences.models import AudienceImport
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.services import launch_campaign
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import id_at
from dashboard.jobs.models import Job, JobState
from dashboard.providers.models import Provider, Route
from tests.factories.campaigns import Desk, new_audience, new_campaign, new_desk, new_provider, settle
from tests.statements import recorded

SignIn = Callable[[Role], FlaskClient]
HTMX = {"HX-Request": "true", "HX-Target": "live"}


def run(desk: Desk, outcomes: list[tuple[str, str]], state: str = JobState.FINISHED, name: str = "Spring") -> Job:
    """A run of a new campaign whose first recipients have these (state, code)."""
    campaign = new_campaign(desk, name)
    job = launch_campaign(campaign_id=campaign.id, actor_id=None)
    settle(job, outcomes, state)
    return job


def change(row: Any, **values: Any) -> None:
    with transaction():
        for name, value in values.items():
            setattr(row, name, value)


def add_import(state: str, **values: Any) -> AudienceImport:
    audience = values.pop("audience", None) or new_audience()
    row = AudienceImport(audience_id=audience.id, state=state, **({"filename": "people.csv"} | values))
    with transaction():
        db.session.add(row)
    return row


def card(page: str, name: str) -> str:
    """The markup of one card of Home; "" where it is not drawn."""
    found = re.search(rf'<section class="[^"]*" id="{name}".*?</section>', page, re.DOTALL)
    return found[0] if found else ""


def test_a_quiet_desk_says_that_nothing_is_wrong(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "Nothing needs a person right now." in page
    assert "Nothing is being sent or loaded." in card(page, "running")
    assert "No campaign is scheduled for the next 24 hours." in card(page, "upcoming")


def test_a_provider_that_cannot_be_reached_is_a_problem(client: FlaskClient) -> None:
    provider = new_provider("Mailhost")
    change(provider, last_error="Connection refused")
    problems = card(client.get("/").text, "problems")
    assert "Mailhost" in problems
    assert "Connection refused" in problems
    assert f'href="/providers/{provider.public_id}"' in problems
    change(provider, enabled=False)
    assert card(client.get("/").text, "problems") == ""


def test_a_provider_that_refuses_much_is_a_problem(client: FlaskClient) -> None:
    run(new_desk(20), [("sent", "")] * 17 + [("failed", "451")] * 3)
    problems = card(client.get("/").text, "problems")
    assert "Degraded" in problems
    assert "15 % of the last hour&#39;s messages were refused, lost or put off." in problems


def test_a_run_that_paused_itself_says_why_and_a_person_who_paused_does_not(client: FlaskClient) -> None:
    job = run(new_desk(), [("sent", "")], JobState.PAUSED)
    change(db.session.get(Campaign, job.campaign_id), state="running")
    assert card(client.get("/").text, "problems") == ""
    change(job, pause_reason="535 wrong password", paused_at=utc_now())
    problems = card(client.get("/").text, "problems")
    assert "535 wrong password" in problems
    assert "Resume or cancel" in problems


def test_a_late_campaign_asks_for_a_decision(client: FlaskClient) -> None:
    new_campaign(new_desk(), "Spring", state="late", problem="The desk was down.", next_run_at=utc_now())
    problems = card(client.get("/").text, "problems")
    assert "The desk was down." in problems
    assert "Decide" in problems


def test_who_may_not_decide_may_look(sign_in: SignIn) -> None:
    new_campaign(new_desk(), "Spring", state="late", problem="The desk was down.")
    problems = card(sign_in(Role.VIEWER).get("/").text, "problems")
    assert "Decide" not in problems
    assert "Look" in problems


@pytest.mark.parametrize(
    ("state", "age_days", "shown"),
    [("mapping", 1, True), ("ready", 13, True), ("mapping", 15, False), ("failed", 1, True), ("failed", 3, False),
     ("loading", 0, False), ("loaded", 0, False), ("cancelled", 0, False)],
)  # fmt: skip
def test_imports_wait_for_a_person(client: FlaskClient, state: str, age_days: int, *, shown: bool) -> None:
    row = add_import(state, updated_at=utc_now() - timedelta(days=age_days))
    assert (row.public_id in card(client.get("/").text, "problems")) is shown


def test_an_import_is_done_with_when_the_file_came_again(client: FlaskClient) -> None:
    audience = new_audience()
    add_import("failed", audience=audience, id=id_at(utc_now() - timedelta(minutes=1)))
    add_import("loaded", audience=audience)
    assert card(client.get("/").text, "problems") == ""


def test_keys_open_the_problems(client: FlaskClient) -> None:
    desk = new_desk()
    for number in range(3):
        new_campaign(desk, f"Spring {number}", state="late")
    assert re.findall(r'data-key="(\d)"', client.get("/").text) == ["1", "2", "3"]


def test_runs_and_imports_under_way_show_how_far_they_are(client: FlaskClient) -> None:
    job = run(new_desk(8), [("sent", ""), ("failed", "550")], JobState.RUNNING)
    add_import("loading", rows_total=1000, rows_done=250, audience=new_audience("Readers"))
    running = card(client.get("/").text, "running")
    assert "Spring" in running
    assert "2 of 8" in running
    assert f"/messages/?job={job.public_id}&amp;state=error" in running
    assert "Readers" in running
    assert "250 of 1\u202f000" in running


def test_an_upload_that_went_silent_is_no_work_under_way(client: FlaskClient) -> None:
    add_import("uploading", size=1000, received=10, updated_at=utc_now() - timedelta(hours=2))
    assert "Nothing is being sent or loaded." in client.get("/").text


def test_the_live_part_polls_faster_while_something_runs(client: FlaskClient) -> None:
    quiet = client.get("/", headers=HTMX).text
    assert quiet.lstrip().startswith('<div id="live"')
    assert "every 15s" in quiet
    assert "First steps" not in quiet
    run(new_desk(), [("sent", "")], JobState.RUNNING)
    assert "every 5s" in client.get("/", headers=HTMX).text


def test_the_problems_poll_by_themselves(client: FlaskClient) -> None:
    new_campaign(new_desk(), "Spring", state="late")
    fragment = client.get("/", headers=HTMX | {"HX-Target": "attention"}).text
    assert fragment.lstrip().startswith('<div id="attention"')
    assert "every 15s" in fragment
    assert "Decide" in fragment
    assert "Running now" not in fragment


def test_the_next_day_holds_what_is_scheduled_in_it(client: FlaskClient) -> None:
    desk = new_desk()
    new_campaign(desk, "Tonight", state="scheduled", next_run_at=utc_now() + timedelta(hours=5))
    new_campaign(desk, "Next week", state="scheduled", next_run_at=utc_now() + timedelta(days=6))
    upcoming = card(client.get("/").text, "upcoming")
    assert "Tonight" in upcoming
    assert "Next week" not in upcoming


def tile(client: FlaskClient, name: str) -> str:
    answer = client.get(f"/tiles/{name}", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return str(answer.text)


def value(markup: str) -> str:
    found = re.search(r'class="stat-value">([^<]*)<', markup)
    assert found
    return found[1]


def test_the_tiles_count_the_last_day_as_the_log_does(client: FlaskClient) -> None:
    desk = new_desk(8)
    run(desk, [("sent", ""), ("delivered", ""), ("sent", ""), ("failed", "550"), ("suppressed", ""), ("bounced", "5")])
    assert value(tile(client, "sent")) == "3"
    assert value(tile(client, "failed")) == "2"
    assert value(tile(client, "rate")) == "60 %"
    for name, count in (("sent", 3), ("failed", 2)):
        link = re.search(r'href="(/messages/[^"]*)"', tile(client, name))
        assert link
        page = client.get(link[1].replace("&amp;", "&")).text
        assert page.count('<th scope="row">') == count


def test_tests_and_older_runs_are_left_out(client: FlaskClient) -> None:
    desk = new_desk(3)
    with time_machine.travel(utc_now() - timedelta(hours=25)):
        run(desk, [("sent", "")], name="Old")
    change(run(desk, [("sent", "")]), is_test=True)
    assert value(tile(client, "sent")) == "0"
    assert "Nothing has ended yet" in tile(client, "rate")


def test_a_tile_compares_with_the_same_hours_a_week_ago(client: FlaskClient) -> None:
    desk = new_desk(8)
    with time_machine.travel(utc_now() - timedelta(days=7, hours=2)):
        run(desk, [("sent", ""), ("sent", ""), ("failed", "550"), ("failed", "550")], name="Old")
    run(desk, [("sent", ""), ("sent", ""), ("sent", ""), ("failed", "550")])
    assert "+50 % against a week ago" in tile(client, "sent")
    assert "−50 % against a week ago" in tile(client, "failed")
    assert "+25.0 points against a week ago" in tile(client, "rate")


def test_what_is_under_way_counts_recipients_not_reached_yet(client: FlaskClient) -> None:
    run(new_desk(8), [("sent", ""), ("failed", "550")], JobState.RUNNING)
    markup = tile(client, "waiting")
    assert value(markup) == "6"
    assert "2 of 8 done" in markup
    assert client.get("/campaigns?tab=running").status_code == 200
    assert 'href="/campaigns?tab=running"' in markup


def test_a_tile_is_a_page_without_htmx_and_an_unknown_one_is_not(client: FlaskClient) -> None:
    page = client.get("/tiles/sent").text
    assert page.startswith("<!doctype html>")
    assert client.get("/tiles/nonsense").status_code == 404


def test_each_tile_loads_by_itself(client: FlaskClient) -> None:
    page = client.get("/").text
    for name in ("sent", "rate", "failed", "waiting"):
        assert f'hx-get="/tiles/{name}"' in page


def steps(page: str) -> list[bool]:
    return [state == "done" for state in re.findall(r'<li data-state="(done|todo)">', page)]


def test_the_first_steps_tick_themselves(client: FlaskClient, make_user: Callable[..., User]) -> None:
    assert steps(client.get("/").text) == [False] * 7
    desk, user = new_desk(), make_user(Role.EDITOR)
    assert steps(client.get("/").text) == [False, False, False, False, False, True, False]
    change(desk.provider, vendor="smtp")
    change(desk.template, created_by=user.id)
    change(desk.audience, created_by=user.id)
    assert steps(client.get("/").text) == [True, True, True, False, True, True, False]


def test_a_test_send_ticks_its_step(client: FlaskClient, make_user: Callable[..., User]) -> None:
    desk, user = new_desk(), make_user(Role.EDITOR)
    change(run(desk, [("sent", "")]), kind="test", campaign_id=None, created_by=user.id, is_test=True)
    assert steps(client.get("/").text)[3]


def test_the_first_steps_go_with_the_first_launch_of_a_person(
    client: FlaskClient, make_user: Callable[..., User]
) -> None:
    job = run(new_desk(), [("sent", "")])
    assert "First steps" in client.get("/").text  # the demonstration's own run has no author
    change(job, created_by=make_user(Role.SENDER).id)
    assert "First steps" not in client.get("/").text


def test_steps_beyond_a_role_say_whom_to_ask(sign_in: SignIn) -> None:
    page = sign_in(Role.VIEWER).get("/").text
    assert "ask an administrator" in page
    assert 'href="/providers/new"' not in page


def test_the_tray_shows_what_runs_and_what_ended(client: FlaskClient) -> None:
    desk = new_desk(4)
    run(desk, [("sent", "")], JobState.RUNNING, "Running one")
    run(desk, [("failed", "550")] * 4, name="Ended one")
    add_import("loaded_with_rejects", audience=new_audience("Readers"))
    tray = client.get("/jobs/tray", headers={"HX-Request": "true"}).text
    running, ended = tray.split("Ended within 24 hours")
    assert "Running one" in running
    assert "Ended one" in ended
    assert "Finished with failures" in ended
    assert "Readers" in ended
    assert client.get("/jobs/tray").text.startswith("<!doctype html>")


def test_the_bar_holds_the_tray(client: FlaskClient) -> None:
    assert 'hx-get="/jobs/tray"' in client.get("/").text


@pytest.mark.parametrize("path", ["/", "/tiles/sent", "/jobs/tray"])
def test_it_needs_a_signed_in_person(anonymous: FlaskClient, path: str) -> None:
    assert anonymous.get(path).location.startswith("/login")


def test_home_takes_few_statements_whatever_there_is(client: FlaskClient) -> None:
    desk = new_desk(4)
    for number in range(6):
        new_campaign(desk, f"Late {number}", state="late")
        add_import("loading", audience=new_audience(f"Readers {number}"), rows_total=10)
    run(desk, [("sent", "")])
    with recorded() as page:
        assert client.get("/").status_code == 200
    with recorded() as live:
        assert client.get("/", headers=HTMX).status_code == 200
    with recorded() as attention:
        assert client.get("/", headers=HTMX | {"HX-Target": "attention"}).status_code == 200
    assert len(page) <= 22
    assert len(live) <= 8
    assert len(attention) <= 10


def test_routes_of_the_sandbox_do_not_count_as_a_default(client: FlaskClient) -> None:
    provider = new_provider()
    assert db.session.query(Route).count() == 1
    assert not steps(client.get("/").text)[1]
    change(db.session.get(Provider, provider.id), vendor="smtp")
    assert steps(client.get("/").text)[1]
