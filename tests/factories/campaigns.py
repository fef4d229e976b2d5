"""A desk that is ready to send: template, audience, sandbox provider, and campaigns over them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert

from dashboard.audiences.models import Audience, DatasetVersion, Record
from dashboard.campaigns.models import Campaign
from dashboard.campaigns.services import create_campaign
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import Chunk, ChunkState, Job, JobState
from dashboard.message_templates.models import Template, TemplateVersion, VersionKind
from dashboard.messages.models import Message
from dashboard.providers.models import Provider, Route, Sender

CONTENT = {
    "subject": "Hello {{ first_name }}",
    "html": "<p>Hello {{ first_name }}, 20 % off.</p><p><a href='{{ unsubscribe_url }}'>No more of these</a></p>",
    "text": "Hello {{ first_name }}, 20 % off. {{ unsubscribe_url }}",
}


@dataclass(frozen=True, slots=True)
class Desk:
    """What campaigns choose from."""

    template: Template
    version: TemplateVersion
    audience: Audience
    dataset: DatasetVersion
    provider: Provider
    sender: Sender


def people(count: int, **extra: Any) -> list[dict[str, Any]]:
    """Records with an address and a first name."""
    return [{"email": f"person{n}@example.com", "variables": {"first_name": f"Name{n}", **extra}} for n in range(count)]


def new_template(
    name: str = "Spring sale", content: Mapping[str, Any] | None = None, published: bool = True
) -> Template:
    with transaction():
        template = Template(id=new_id(), name=name, slug=name.lower().replace(" ", "-"), channel="email")
        db.session.add(template)
        db.session.flush()
        if published:
            template.published_version_id = publish(template, 1, content or CONTENT).id
    return template


def publish(template: Template, number: int, content: Mapping[str, Any]) -> TemplateVersion:
    """Another published version, in use from now on."""
    with transaction():
        version = TemplateVersion(
            id=new_id(), template_id=template.id, kind=VersionKind.PUBLISHED, number=number, content=dict(content)
        )
        db.session.add(version)
        db.session.flush()
        template.published_version_id = version.id
    return version


def new_audience(
    name: str = "Customers", records: Sequence[Mapping[str, Any]] = (), variables: Iterable[str] = ("first_name",)
) -> Audience:
    """An audience with one ready dataset version; a record is {"email", "phone", "variables"}."""
    with transaction():
        audience = Audience(id=new_id(), name=name)
        db.session.add(audience)
        db.session.flush()
        audience.current_version_id = add_dataset(audience, records, variables).id
    return audience


def add_dataset(
    audience: Audience | None, records: Sequence[Mapping[str, Any]], variables: Iterable[str] = ("first_name",)
) -> DatasetVersion:
    with transaction():
        dataset = DatasetVersion(
            id=new_id(),
            audience_id=audience.id if audience else None,
            number=1,
            ready=True,
            record_count=len(records),
            email_count=sum(1 for record in records if record.get("email")),
            columns=[
                {"name": "Email", "target": "email", "variable": "", "filled": len(records), "sample": "a@example.com"},
                *({"name": v, "target": "variable", "variable": v, "filled": 0, "sample": ""} for v in variables),
            ],
        )
        db.session.add(dataset)
        db.session.flush()
        rows = [
            {
                "dataset_version_id": dataset.id,
                "record_no": number,
                "email": record.get("email"),
                "phone": record.get("phone"),
                "variables": json.dumps(record.get("variables", {})),
            }
            for number, record in enumerate(records)
        ]
        if rows:
            db.session.execute(insert(Record), rows)
    return dataset


def new_provider(name: str = "Sandbox", default_for: Sequence[str] = ("promotional",), senders: int = 1) -> Provider:
    with transaction():
        provider = Provider(id=new_id(), name=name, channel="email", vendor="sandbox", settings={})
        db.session.add(provider)
        for index in range(senders):
            address = f"shop{index or ''}@{name.lower()}.example"
            provider.senders.append(
                Sender(id=new_id(), address=address, display_name="The shop", is_default=index == 0)
            )
        db.session.flush()
        for category in default_for:
            db.session.add(Route(channel="email", category=category, position=0, provider_id=provider.id))
    return provider


def new_desk(count: int = 5, content: Mapping[str, Any] | None = None) -> Desk:
    """One of each, with `count` recipients."""
    template, audience, provider = new_template(content=content), new_audience(records=people(count)), new_provider()
    version = db.session.get(TemplateVersion, template.published_version_id)
    dataset = db.session.get(DatasetVersion, audience.current_version_id)
    assert version
    assert dataset
    return Desk(template, version, audience, dataset, provider, provider.senders[0])


def new_campaign(desk: Desk, name: str = "Spring", **values: Any) -> Campaign:
    """A draft over the desk; `values` are columns set directly (state, schedule …)."""
    campaign = create_campaign(
        name=name, actor_id=None, template_id=desk.template.id, audience_id=desk.audience.id, recipient_column="email"
    )
    with transaction():
        for key, value in values.items():
            setattr(campaign, key, value)
    return campaign


def settle(
    job: Job, outcomes: Sequence[tuple[str, str]], state: str = JobState.FINISHED, **values: Any
) -> list[Message]:
    """Give the first records of a one-chunk job these (state, code), and the job its state, as the engine would."""
    with transaction():
        rows = [_message(job, number, outcome, values) for number, outcome in enumerate(outcomes)]
        db.session.add_all(rows)
        chunk = db.session.get_one(Chunk, (job.id, 0))
        for name, count in Counter(outcome for outcome, _ in outcomes).items():
            setattr(chunk, name, count)
        chunk.cursor = len(outcomes)
        job.state, job.started_at = state, job.started_at or utc_now()
        if state in (JobState.FINISHED, JobState.CANCELLED):
            chunk.state, job.finished_at = ChunkState.DONE, utc_now()
            campaign = db.session.get(Campaign, job.campaign_id) if job.campaign_id else None
            if campaign is not None:
                campaign.state = "scheduled" if campaign.next_run_at else str(state)
    return rows


def _message(job: Job, number: int, outcome: tuple[str, str], values: Mapping[str, Any]) -> Message:
    columns: dict[str, Any] = {
        "id": job.first_message_id + number,
        "job_id": job.id,
        "record_no": number,
        "chunk_no": 0,
        "campaign_id": job.campaign_id,
        "template_id": job.template_id,
        "template_version_id": job.template_version_id,
        "provider_id": job.provider_id,
        "channel": "email",
        "category": job.category,
        "recipient": f"person{number}@example.com",
        "state": outcome[0],
        "code": outcome[1] or None,
        "detail": f"the server said {outcome[1]}" if outcome[1] else None,
        "attempts": 1,
        "handed_over_at": utc_now(),
    }
    return Message(**(columns | values))
