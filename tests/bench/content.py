"""The mail and the records of the benches: 8 variables, a loop of four, an if, about `size` bytes of HTML."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import insert

from dashboard.audiences.models import DatasetVersion, Record
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.jobs.choosing import choose_sender
from dashboard.jobs.models import Job, JobKind
from dashboard.jobs.services import create_job
from dashboard.message_templates.models import Template, TemplateVersion
from dashboard.providers.models import Provider, Sender
from worker.queues import Queue

_PARAGRAPH = (
    '<p style="margin:0 0 12px;font:14px/20px Arial,sans-serif;color:#333333">The new season has begun, and we have '
    "chosen for you what goes with what you already like. Everything ships free until Sunday.</p>\n"
)
_HEAD = """<!doctype html><html><head><title>{{ campaign_title }}</title></head><body>
<h1>Hello {{ first_name }} {{ last_name }}</h1><p>From {{ city }} to you, order {{ order_id }} of {{ total }}.</p>
{% if gold %}<p>Thank you for being with us since {{ since }}.</p>{% endif %}
<table><tbody>{% for item in items %}<tr><td>{{ item.name }}</td><td>{{ item.price }}</td></tr>{% endfor %}
</tbody></table>
"""
_TAIL = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body></html>'
_TEXT = (
    "Hello {{ first_name }},\n\norder {{ order_id }} of {{ total }}.\n"
    "{% for item in items %}- {{ item.name }}: {{ item.price }}\n{% endfor %}"
)


def html_of(size: int) -> str:
    fill = max(0, size - len(_HEAD) - len(_TAIL) - 900)
    return _HEAD + _PARAGRAPH * (fill // len(_PARAGRAPH)) + _TAIL


def _records(dataset_version_id: int, n: int) -> Iterator[dict[str, object]]:
    items = [{"name": f"Article {number} with a name", "price": f"{number}9.90"} for number in range(4)]
    for number in range(n):
        variables = {
            "first_name": f"Ada{number}", "last_name": "Lovelace", "city": "London", "order_id": f"A-{number:08d}",
            "total": "129.90", "gold": number % 2 == 0, "since": "2019", "campaign_title": "New season", "items": items,
        }  # fmt: skip
        yield {
            "dataset_version_id": dataset_version_id,
            "record_no": number,
            "email": f"person{number}@example.com",
            "variables": json.dumps(variables),
        }


def make_dataset(n: int) -> int:
    """A ready dataset version of n records; gives its id."""
    identifier = new_id()
    with transaction():
        db.session.add(DatasetVersion(id=identifier, ready=True, record_count=n, email_count=n))
    batch: list[dict[str, object]] = []
    for row in _records(identifier, n):
        batch.append(row)
        if len(batch) == 10_000:
            _insert(batch)
            batch = []
    if batch:
        _insert(batch)
    return identifier


def _insert(batch: list[dict[str, object]]) -> None:
    with transaction():
        db.session.execute(insert(Record), batch)


def make_provider(port: int, connections: int = 8, **settings: object) -> Provider:
    with transaction():
        provider = Provider(
            name=f"Sink {new_id()}", channel="email", vendor="smtp",
            settings={"host": "127.0.0.1", "port": port, "security": "none", "connections": connections, **settings},
        )  # fmt: skip
        provider.senders = [Sender(address="desk@example.com", display_name="The desk", is_default=True)]
        db.session.add(provider)
    return provider


def _parts(size: int) -> dict[str, str]:
    return {"subject": "{{ first_name }}, the new season", "html": html_of(size), "text": _TEXT}


def job_of_peers(n: int, size: int) -> dict[str, object]:
    """The same mail and recipients for programs that are not ours."""
    records = [{"email": row["email"], **json.loads(str(row["variables"]))} for row in _records(0, n)]
    html = html_of(size).replace("{{ unsubscribe_url }}", "http://desk.example.com/u/{{ order_id }}")
    return {**_parts(size), "html": html, "records": records}


def make_template(size: int, name: str = "bench") -> tuple[Template, TemplateVersion]:
    return _saved(name, "promotional", _parts(size))


def make_small_template(category: str) -> tuple[Template, TemplateVersion]:
    """A code of one line in a category of its own lane."""
    parts = {"subject": "{{ code }} is your code", "html": "<p>Your code is {{ code }}.</p>", "text": "{{ code }}"}
    return _saved(category, category, parts)


def _saved(name: str, category: str, content: dict[str, str]) -> tuple[Template, TemplateVersion]:
    with transaction():
        template = Template(id=new_id(), name=name, slug=name, category=category)
        db.session.add(template)
        db.session.flush()
        version = TemplateVersion(id=new_id(), template_id=template.id, kind="published", number=1, content=content)
        db.session.add(version)
        template.published_version_id = version.id
    return template, version


def launch(template: Template, version: TemplateVersion, dataset_version_id: int, provider: Provider) -> Job:
    with transaction():
        campaign = Campaign(id=new_id(), name="bench", state=CampaignState.RUNNING, template_id=template.id)
        db.session.add(campaign)
        db.session.flush()
        return create_job(
            kind=JobKind.CAMPAIGN,
            template=template,
            template_version=version,
            dataset_version=db.session.get_one(DatasetVersion, dataset_version_id),
            provider=provider,
            sender=choose_sender(provider, None),
            category="promotional",
            queue=Queue.BULK,
            campaign_id=campaign.id,
        )
