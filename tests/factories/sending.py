"""Jobs for tests, made the way services make them: template, audience, provider, sender, job."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import insert

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.jobs.choosing import choose_sender
from dashboard.jobs.models import Job, JobKind
from dashboard.jobs.services import create_job
from dashboard.message_templates.models import Category, Channel, Template, TemplateVersion, VersionKind
from dashboard.providers.models import Provider, Sender
from dashboard.providers.rates import PERIODS, Rates, apply_rates
from worker.providers import registry
from worker.queues import Queue
from worker.rendering.content import Content, EmailContent

CONTENT = EmailContent(subject="Hello {{ name }}", html="<p>Dear {{ name }}</p>", text="Dear {{ name }}")
SANDBOXES = {"email": "sandbox", "sms": "sandbox_sms", "push": "sandbox_push"}
#: (address, name) by channel; push has none.
SENDERS = {"email": ("desk@shop.example", "The Shop"), "sms": ("SHOPEX", "")}


def new_template(
    content: Content = CONTENT, category: Category = Category.PROMOTIONAL
) -> tuple[Template, TemplateVersion]:
    """A template with one published version."""
    name = f"template {new_id()}"
    with transaction() as session:
        template = Template(id=new_id(), name=name, slug=name.replace(" ", "-"), category=category.value)
        template.channel = content.channel
        session.add(template)
        session.flush()
        version = TemplateVersion(
            id=new_id(), template_id=template.id, kind=VersionKind.PUBLISHED, number=1, content=content.to_dict()
        )
        session.add(version)
        template.published_version_id = version.id
    return template, version


def new_dataset(records: Sequence[Mapping[str, Any]]) -> DatasetVersion:
    """A dataset version; each record is its variables, `email`, `phone` and `push_token` apart."""
    rows = []
    version_id = new_id()
    for number, record in enumerate(records):
        values = dict(record)
        rows.append(
            {
                "dataset_version_id": version_id,
                "record_no": number,
                "email": values.pop("email", None),
                "phone": values.pop("phone", None),
                "push_token": values.pop("push_token", None),
                "variables": json.dumps(values),
            }
        )
    with transaction() as session:
        dataset = DatasetVersion(id=version_id, ready=True, record_count=len(rows))
        session.add(dataset)
        session.flush()
        if rows:
            session.execute(insert(Record), rows)
    return dataset


def people(count: int) -> list[dict[str, str]]:
    """Records that nothing is wrong with."""
    return [{"email": f"person{number}@example.com", "name": f"Person {number}"} for number in range(count)]


def new_provider(vendor: str = "sandbox", **settings: Any) -> Provider:
    """A provider with one sender, if its channel has any; its limits go into their own columns."""
    rates = {name: settings.pop(name) for name in (*PERIODS, "domain_rates") if name in settings}
    channel = next((adapter.channel for adapter in registry.providers() if adapter.vendor == vendor), "email")
    with transaction() as session:
        provider = Provider(id=new_id(), name=f"{vendor} {new_id()}", channel=channel, vendor=vendor, settings=settings)
        apply_rates(provider, cast("Rates", rates))
        session.add(provider)
        session.flush()
        if channel in SENDERS:
            address, shown = SENDERS[channel]
            session.add(Sender(provider_id=provider.id, address=address, display_name=shown, is_default=True))
    return provider


def new_job(
    records: Sequence[Mapping[str, Any]],
    *,
    content: Content = CONTENT,
    category: Category = Category.PROMOTIONAL,
    provider: Provider | None = None,
    queue: Queue = Queue.BULK,
    **values: Any,
) -> Job:
    """A running job on the content's channel; `values` go to create_job."""
    values.setdefault("recipient_column", Channel(content.channel).address_column)
    template, version = new_template(content, category)
    dataset = new_dataset(records)
    provider = provider or new_provider(SANDBOXES[content.channel])
    with transaction():
        provider = db.session.get_one(Provider, provider.id)
        return create_job(
            kind=JobKind.CAMPAIGN,
            template=template,
            template_version=version,
            dataset_version=dataset,
            provider=provider,
            sender=choose_sender(provider, None),
            category=category.value,
            queue=queue,
            **values,
        )
