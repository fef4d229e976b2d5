"""Each line of preflight, and the counts behind them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.campaigns import coverage as coverage_module
from dashboard.campaigns.coverage import Verdict, count_gaps
from dashboard.campaigns.funnel import count_funnel
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.campaigns.plan import plan_of
from dashboard.campaigns.preflight import Check, Preflight, full_checks
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import JobKind
from dashboard.jobs.services import Recipient, send_directly
from dashboard.message_templates.models import TemplateVersion, VersionKind
from dashboard.suppressions.models import Suppression
from dashboard.system.models import Heartbeat
from dashboard.variables.models import Variable
from tests.factories.campaigns import (
    CONTENT,
    add_dataset,
    new_audience,
    new_campaign,
    new_desk,
    new_template,
    people,
    publish,
)

pytestmark = pytest.mark.usefixtures("app")


def preflight(campaign: Campaign) -> Preflight:
    return full_checks(plan_of(campaign), utc_now())


def line(campaign: Campaign, code: str) -> Check:
    found = [check for check in preflight(campaign).checks if check.code == code]
    assert found, [check.code for check in preflight(campaign).checks]
    return found[0]


def suppress(*addresses: str, scope: str = "promotional") -> None:
    with transaction():
        for address in addresses:
            db.session.add(Suppression(id=new_id(), channel="email", address=address, scope=scope))


def test_a_ready_campaign_has_no_blocking_line():
    result = preflight(new_campaign(new_desk()))
    assert result.blocking == []
    passed = {check.code for check in result.passed}
    assert {
        "template",
        "audience",
        "provider",
        "sender",
        "recipients",
        "variables",
        "unsubscribe",
        "text_part",
    } <= passed
    assert {check.code for check in result.warnings} == {"not_tested", "no_worker"}


@pytest.mark.parametrize(
    ("values", "code", "step", "field"),
    [
        ({"template_id": None}, "no_template", "content", "template_id"),
        ({"audience_id": None}, "no_audience", "audience", "audience_id"),
        ({"recipient_column": "second_email"}, "no_recipient_column", "audience", "recipient_column"),
        ({"category": "transactional"}, "no_provider", "content", "provider_id"),
        ({"sender_id": 4711}, "no_sender", "content", "sender_id"),
        (
            {"schedule_kind": "once", "schedule_local": "2021-01-01T10:00", "schedule_zone": "UTC"},
            "in_the_past",
            "schedule",
            "schedule_local",
        ),
        (
            {"schedule_kind": "once", "schedule_local": "2027-03-28T02:30", "schedule_zone": "Europe/Berlin"},
            "nonexistent_time",
            "schedule",
            "schedule_local",
        ),
    ],
)
def test_blocking_lines_lead_to_their_field(values, code, step, field):
    check = line(new_campaign(new_desk(), **values), code)
    assert (check.verdict, check.step, check.field) == (Verdict.BLOCKING, step, field)
    assert check.evidence


def test_an_unpublished_or_archived_template_blocks():
    desk = new_desk()
    unpublished = new_campaign(desk, template_id=new_template("New one", published=False).id)
    assert line(unpublished, "template_not_published").verdict is Verdict.BLOCKING
    with transaction():
        desk.template.archived_at = utc_now()
    assert line(new_campaign(desk), "template_archived").verdict is Verdict.BLOCKING


def test_a_pinned_version_stays_and_a_draft_is_never_sent():
    desk = new_desk()
    publish(desk.template, 2, CONTENT)
    pinned = new_campaign(desk, template_version_id=desk.version.id)
    assert "v1" in line(pinned, "template").evidence
    assert "v2" in line(new_campaign(desk), "template").evidence
    with transaction():
        desk.version.kind = VersionKind.DRAFT
    assert line(pinned, "template_not_published").verdict is Verdict.BLOCKING


def test_an_empty_audience_blocks():
    campaign = new_campaign(new_desk(), audience_id=new_audience("Nobody").id)
    assert line(campaign, "audience_empty").verdict is Verdict.BLOCKING


def test_a_provider_that_failed_its_test_is_a_warning():
    desk = new_desk()
    with transaction():
        desk.provider.last_test_ok, desk.provider.last_error = False, "connection refused"
    assert "connection refused" in line(new_campaign(desk), "provider_failing").evidence


def with_records(records: list[dict[str, Any]], content: Mapping[str, Any] = CONTENT) -> Campaign:
    desk = new_desk(content=content)
    audience = new_audience("Mixed", records, variables=("first_name", "code"))
    return new_campaign(desk, audience_id=audience.id)


def test_a_variable_that_records_lack_blocks_with_their_number():
    records = [*people(3), {"email": "a@example.com", "variables": {}}, {"email": "b@example.com", "variables": {}}]
    check = line(with_records(records), "variable_missing")
    assert check.verdict is Verdict.BLOCKING
    assert check.title == "first_name is missing"
    assert check.evidence.startswith("2 records")
    assert check.field == "variable-first_name"


def test_an_empty_value_is_a_warning():
    records = [*people(3), {"email": "a@example.com", "variables": {"first_name": ""}}]
    assert line(with_records(records), "variable_blank").evidence.startswith("1 records")


@pytest.mark.parametrize("html", ["{{ first_name|default('friend') }}", "{% if first_name is defined %}x{% endif %}"])
def test_a_variable_with_a_default_does_not_block(html):
    content = {"subject": "Hi", "html": f"<p>{html} {{{{ unsubscribe_url }}}}</p>", "text": "Hi"}
    assert preflight(with_records([{"email": "a@example.com", "variables": {}}], content)).blocking == []


def test_a_global_variable_fills_the_gap():
    with transaction():
        db.session.add(Variable(id=new_id(), name="first_name", value="friend", kind="editable"))
    assert preflight(with_records([{"email": "a@example.com", "variables": {}}])).blocking == []


def test_a_variable_that_nothing_gives_blocks_for_everybody():
    content = CONTENT | {"html": "<p>{{ coupon }} {{ first_name }} {{ unsubscribe_url }}</p>"}
    campaign = new_campaign(new_desk(count=4, content=content))
    assert line(campaign, "variable_missing").evidence.startswith("4 records")


def test_counting_gaps_stops_in_time_and_says_so(monkeypatch):
    dataset = add_dataset(None, [{"email": "a@example.com", "variables": {}}] * 50)
    monkeypatch.setattr(coverage_module, "_RANGE", 10)
    monkeypatch.setattr(coverage_module, "TIME_LIMIT_SECONDS", -1.0)
    gaps = count_gaps(dataset, ["first_name"])
    assert (gaps.complete, gaps.looked_at, gaps.missing) == (False, 10, {"first_name": 10})


def test_gaps_are_the_same_whatever_the_range(monkeypatch):
    records = [*people(15), *[{"email": "a@example.com", "variables": {"first_name": ""}}] * 7]
    dataset, same = add_dataset(None, records), add_dataset(None, records)
    whole = count_gaps(dataset, ["first_name", "code"])
    monkeypatch.setattr(coverage_module, "_RANGE", 4)
    assert count_gaps(same, ["first_name", "code"]) == whole
    assert (whole.missing, whole.blank) == ({"first_name": 0, "code": 22}, {"first_name": 7, "code": 0})


def test_the_funnel_counts_addresses_and_suppressions():
    records = [*people(10), {"email": None, "variables": {}}, {"email": "Anna@Example.com", "variables": {}}]
    dataset = add_dataset(None, records)
    suppress("person0@example.com", "anna@example.com")
    suppress("person1@example.com", "person0@example.com", scope="all")
    promotional = count_funnel(dataset, recipient_column="email", channel="email", category="promotional")
    assert (promotional.records, promotional.with_address, promotional.to_send) == (12, 11, 8)
    assert (promotional.without_address, promotional.suppressed) == (1, 3)
    transactional = count_funnel(dataset, recipient_column="email", channel="email", category="transactional")
    assert transactional.to_send == 9


def test_the_funnel_follows_the_suppression_list():
    dataset = add_dataset(None, people(3))
    arguments = {"recipient_column": "email", "channel": "email", "category": "promotional"}
    assert count_funnel(dataset, **arguments).to_send == 3
    suppress("person2@example.com")
    assert count_funnel(dataset, **arguments).to_send == 2


def test_the_funnel_of_another_column():
    records = [
        {"email": "a@example.com", "variables": {"work_email": "A@work.example"}},
        {"email": "b@example.com", "variables": {"work_email": "not an address"}},
        {"email": "c@example.com", "variables": {"work_email": ""}},
        {"email": "d@example.com", "variables": {}},
        {"email": "e@example.com", "variables": {"work_email": "e@work.example"}},
    ]
    dataset = add_dataset(None, records, variables=("work_email",))
    suppress("a@work.example")
    funnel = count_funnel(dataset, recipient_column="work_email", channel="email", category="promotional")
    assert (funnel.records, funnel.with_address, funnel.to_send) == (5, 2, 1)


def test_nobody_to_send_to_blocks_and_many_suppressed_warns():
    campaign = new_campaign(new_desk(count=5))
    suppress("person0@example.com")
    assert not [check for check in preflight(campaign).checks if check.code == "many_suppressed"]
    suppress("person1@example.com")
    assert "40 %" in line(campaign, "many_suppressed").evidence
    suppress(*(f"person{number}@example.com" for number in range(2, 5)))
    assert line(campaign, "nobody_to_send").verdict is Verdict.BLOCKING


def test_records_without_address_are_a_warning():
    campaign = with_records([*people(3), {"email": None, "variables": {"first_name": "Anna"}}])
    assert line(campaign, "no_address").evidence.startswith("1 records")


def test_content_lines():
    content = {"subject": " ", "html": "<p><img src='https://x.example/a.png'></p>", "text": ""}
    codes = {check.code for check in preflight(new_campaign(new_desk(content=content))).warnings}
    assert {"no_subject", "no_unsubscribe", "no_text_part"} <= codes


def test_transactional_mail_needs_no_unsubscribe_link():
    content = {"subject": "Receipt", "html": "<p>Paid</p>", "text": ""}
    campaign = new_campaign(new_desk(content=content), category="transactional")
    assert "no_unsubscribe" not in {check.code for check in preflight(campaign).checks}


def test_a_template_that_does_not_compile_blocks_and_does_not_crash():
    campaign = new_campaign(new_desk(content=CONTENT | {"html": "{% if x %}"}))
    assert "line 1" in line(campaign, "template_broken").evidence


def test_a_test_send_of_the_same_content_counts_and_of_another_does_not():
    desk = new_desk()
    campaign = new_campaign(desk)

    def test_send(content: Mapping[str, Any]) -> None:
        snapshot = TemplateVersion(
            id=new_id(), template_id=desk.template.id, kind=VersionKind.SNAPSHOT, content=dict(content)
        )
        with transaction():
            db.session.add(snapshot)
        send_directly(
            kind=JobKind.TEST,
            template=desk.template,
            template_version=snapshot,
            recipients=[Recipient(email="me@example.com")],
            is_test=True,
        )

    test_send(CONTENT | {"subject": "An older one"})
    assert line(campaign, "not_tested").verdict is Verdict.WARNING
    test_send(CONTENT | {"cc": [], "bcc_variable": ""})
    assert line(campaign, "tested").verdict is Verdict.PASSED


def test_another_campaign_to_the_same_audience_is_a_warning():
    desk = new_desk()
    soon = datetime(2027, 5, 1, 12, tzinfo=UTC)
    new_campaign(desk, "The other", state=CampaignState.SCHEDULED, next_run_at=soon + timedelta(hours=23))
    new_campaign(desk, "Far away", state=CampaignState.SCHEDULED, next_run_at=soon + timedelta(hours=25))
    campaign = new_campaign(desk, schedule_kind="once", schedule_local="2027-05-01T12:00", schedule_zone="UTC")
    assert line(campaign, "overlap").evidence.startswith("The other go to the same audience")


def test_a_worker_with_a_sign_of_life_passes():
    campaign = new_campaign(new_desk())
    with transaction():
        db.session.add(Heartbeat(kind="worker", name="host:1", at=utc_now()))
    assert line(campaign, "workers").verdict is Verdict.PASSED
