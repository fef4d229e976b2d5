"""Campaigns on SMS and push: the channel follows the template, checks and samples follow the channel."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.audiences.models import Audience
from dashboard.campaigns.editing import choose_content
from dashboard.campaigns.funnel import count_funnel
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.phone_checks import length_concern, measured, registration_concern
from dashboard.campaigns.plan import plan_of
from dashboard.campaigns.preflight import full_checks
from dashboard.campaigns.samples import render_samples
from dashboard.campaigns.services import create_campaign, launch_campaign
from dashboard.current import current_settings
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category, Template
from dashboard.messages.models import Message
from dashboard.problems import DomainError
from dashboard.providers.models import Route
from dashboard.suppressions.addresses import normal
from dashboard.suppressions.models import SuppressionScope
from dashboard.suppressions.services import suppress
from tests.factories.sending import new_dataset, new_provider, new_template
from worker.engine.deliver import work
from worker.rendering.content import Content
from worker.rendering.push import PushContent
from worker.rendering.sms import SmsContent

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
SMS = SmsContent("Hi {{ name }}", registered_template="1707160000000000001")
PUSH = PushContent("Hi {{ name }}", "There")


def audience_of(records: list[dict[str, str]]) -> Audience:
    dataset = new_dataset(records)
    with transaction():
        audience = Audience(id=new_id(), name=f"People {new_id()}", current_version_id=dataset.id)
        db.session.add(audience)
        db.session.flush()
        dataset.audience_id = audience.id
        targets = {"phone": "phone", "push_token": "push_token", "email": "email"}
        dataset.columns = [
            {"name": name, "target": targets.get(name, "variable"), "variable": name, "filled": 1, "sample": "x"}
            for name in records[0]
        ]
        db.session.add(dataset)
    return audience


def campaign_of(content: Content, records: list[dict[str, str]], vendor: str) -> Campaign:
    template, _version = new_template(content, Category.PROMOTIONAL)
    provider = new_provider(vendor)
    with transaction():
        db.session.add(Route(channel=content.channel, category="promotional", position=0, provider_id=provider.id))
    audience = audience_of(records)
    return create_campaign(name="Sale", actor_id=None, template_id=template.id, audience_id=audience.id)


def people(count: int) -> list[dict[str, str]]:
    return [
        {"phone": f"+9198200{number:05d}", "push_token": f"token{number}", "name": f"P{number}"}
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("content", "vendor", "channel", "column"),
    [(SMS, "sandbox_sms", "sms", "phone"), (PUSH, "sandbox_push", "push", "push_token")],
)
def test_a_campaign_from_template_to_messages(
    app: Flask, client: FlaskClient, content: Content, vendor: str, channel: str, column: str
) -> None:
    campaign = campaign_of(content, people(40), vendor)
    assert (campaign.channel, campaign.recipient_column) == (channel, column)
    preflight = full_checks(plan_of(campaign), NOW, at_once=True)
    assert [check.title for check in preflight.blocking] == []
    assert preflight.funnel is not None
    assert preflight.funnel.to_send == 40
    samples = render_samples(plan_of(campaign), seed=1)
    assert len(samples) == 20
    assert all(sample.ok and sample.recipient for sample in samples)
    base = f"/campaigns/{campaign.public_id}"
    assert "Hi P" in client.get(f"{base}/samples").text
    for step in ("audience", "content", "schedule", "review"):
        assert client.get(f"{base}/edit/{step}").status_code == 200
    launch_campaign(campaign_id=campaign.id, actor_id=None)
    job = db.session.scalars(select(Job)).one()
    assert (job.channel, job.recipient_column) == (channel, column)
    assert work(job.id).sent == 40
    db.session.rollback()
    assert {message.channel for message in db.session.scalars(select(Message))} == {channel}
    assert client.get(base).status_code == 200
    assert client.get(f"/messages/?channel={channel}").status_code == 200


def test_the_channel_follows_another_template(app: Flask) -> None:
    campaign = campaign_of(SMS, people(2), "sandbox_sms")
    push, _version = new_template(PUSH, Category.PROMOTIONAL)
    common = {"actor_id": None, "version": None, "category": "promotional", "template_version_id": None}
    rest = {"sender_id": None, "resend_unknown": True}
    choose_content(campaign_id=campaign.id, template_id=push.id, provider_id=None, **common, **rest)
    assert (campaign.channel, campaign.recipient_column) == ("push", "push_token")
    sms = new_provider("sandbox_sms")
    with pytest.raises(DomainError, match="the template is push"):
        choose_content(campaign_id=campaign.id, template_id=push.id, provider_id=sms.id, **common, **rest)


def test_lengths_over_the_audience(app: Flask) -> None:
    records = [{"phone": "+919820012345", "name": "x" * length} for length in (10, 10, 10, 200)]
    campaign = campaign_of(SMS, records, "sandbox_sms")
    lengths = measured(plan_of(campaign))
    assert lengths is not None
    assert dict(lengths.segments) == {1: 3, 2: 1}
    assert lengths.longest == 3
    found = length_concern(plan_of(campaign))
    assert found is not None
    assert (found.code, found.wrong) == ("segments", True)
    assert "1 segment 75" in found.words
    assert "longest: record 4" in found.words


@pytest.mark.parametrize(
    ("country", "content", "name", "codes"),
    [
        ("IN", SmsContent("Hi {{ name }}"), "Ada", ["no_registration", "segments"]),
        ("IN", SmsContent("Hi {{ name }}", "1707160000000000001"), "Ada", ["segments"]),
        ("DE", SmsContent("Hi {{ name }}"), "Zoë’s", ["ucs2"]),
        ("DE", SmsContent("Hi {{ name }}"), "Ada", ["segments"]),
    ],
)
def test_what_the_preflight_says_of_an_sms(
    app: Flask, country: str, content: Content, name: str, codes: list[str]
) -> None:
    before = current_settings()
    app.extensions["carillon_settings"] = before.model_copy(update={"default_country": country})
    campaign = campaign_of(content, [{"phone": "+919820012345", "name": name}], "sandbox_sms")
    plan = plan_of(campaign)
    found = [concern for concern in (registration_concern(plan), length_concern(plan)) if concern]
    assert [(concern.code, concern.wrong) for concern in found] == [(code, code != "segments") for code in codes]
    told = [check.code for check in full_checks(plan, datetime.now(UTC)).checks]
    assert [code for code in told if code in ("no_registration", "ucs2", "segments")] == codes
    app.extensions["carillon_settings"] = before


def test_template_names_tell_their_channel(client: FlaskClient) -> None:
    new_template(SMS)
    assert db.session.scalars(select(Template)).one().channel == "sms"
    assert "(SMS)" in client.get("/campaigns/new").text


def test_the_funnel_leaves_out_suppressed_tokens_short_and_long(app: Flask) -> None:
    """A browser's subscription stands on the list by its digest; one that only begins alike is another one."""
    subscriptions = ['{"endpoint": "https://push.example.com/' + "Ab" * 150 + f'{number}"}}' for number in range(3)]
    tokens = ["Short-1", "short-2", *subscriptions]
    dataset = new_dataset([{"push_token": token, "name": "Ada"} for token in tokens])
    for token in ("Short-1", subscriptions[0]):
        suppress(channel="push", address=normal("push", token), scope=SuppressionScope.ALL)
    suppress(channel="push", address=normal("push", subscriptions[1]))

    promotional, transactional = (
        count_funnel(dataset, recipient_column="push_token", channel="push", category=category)
        for category in ("promotional", "transactional")
    )
    assert (promotional.records, promotional.with_address, promotional.to_send) == (5, 5, 2)
    assert (transactional.to_send, transactional.suppressed) == (3, 2)


def test_an_audience_without_mail_is_asked_for_its_own_addresses(client: FlaskClient) -> None:
    """Chosen before any template: the first variable would be a name, and a name is no device."""
    audience = audience_of(people(3))
    campaign = create_campaign(name="Sale", actor_id=None)
    page = client.get(f"/campaigns/{campaign.public_id}/edit/audience?audience_id={audience.public_id}").text
    offered = page[page.index('name="recipient_column"') :].split("</select>")[0]
    assert offered.index('value="phone"') < offered.index('value="push_token"') < offered.index('value="name"')

    saved = client.post(
        f"/campaigns/{campaign.public_id}/edit/audience",
        data={"audience_id": audience.public_id, "recipient_column": "phone", "version": str(campaign.version)},
    )
    assert saved.status_code == 303
    template, _ = new_template(PUSH, Category.PROMOTIONAL)
    assert follow(campaign, template).recipient_column == "push_token"


def test_a_column_of_another_channel_is_not_kept(app: Flask) -> None:
    campaign = campaign_of(SMS, people(3), "sandbox_sms")
    with transaction():
        campaign.recipient_column = "name"
    template, _ = new_template(PUSH, Category.PROMOTIONAL)
    assert follow(campaign, template).recipient_column == "push_token"


def follow(campaign: Campaign, template: Template) -> Campaign:
    """The campaign once the template is chosen on its second step."""
    return choose_content(
        campaign_id=campaign.id,
        actor_id=None,
        version=None,
        category="promotional",
        template_id=template.id,
        template_version_id=None,
        provider_id=None,
        sender_id=None,
        resend_unknown=True,
    )
