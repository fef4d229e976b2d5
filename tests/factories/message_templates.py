"""Templates for tests, and the audience whose records a preview shows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert

from dashboard.audiences.models import Audience, DatasetVersion, Record
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.message_templates.models import Template
from dashboard.message_templates.services import Draft, create_from_draft, publish, save_draft
from worker.rendering.content import EmailContent

SUBJECT = "Hello {{ first_name }}"
HTML = "<p>Hello {{ first_name }}, your city is {{ city|default('unknown') }}.</p>"


def content(**changes: Any) -> EmailContent:
    return EmailContent(**({"subject": SUBJECT, "html": HTML} | changes))


def new_template(
    name: str = "Welcome",
    *,
    published: bool = False,
    category: str = "transactional",
    sample: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    **changes: Any,
) -> Template:
    """A template whose draft (or version 1, where published) has `changes` over the content above."""
    draft = Draft(
        name=name,
        category=category,
        content=content(**changes),
        sample={"first_name": "Asha"} if sample is None else sample,
        tags=tags,
    )
    template = create_from_draft(draft=draft)
    if published:
        publish(template_id=template.id)
    return template


def change(template: Template, **changes: Any) -> Template:
    """Save a draft of other content."""
    draft = Draft(
        name=template.name,
        category=template.category,
        content=content(**changes),
        sample=template.sample,
        tags=template.tags,
    )
    return save_draft(template_id=template.id, draft=draft, version=None)


def new_audience(name: str, records: Sequence[tuple[str | None, Mapping[str, Any]]]) -> Audience:
    """An audience of (email, variables) records."""
    with transaction():
        audience = Audience(name=name)
        db.session.add(audience)
        db.session.flush()
        version = DatasetVersion(id=new_id(), audience_id=audience.id, number=1, ready=True, record_count=len(records))
        db.session.add(version)
        db.session.flush()
        audience.current_version_id = version.id
        rows = [
            {
                "dataset_version_id": version.id,
                "record_no": number,
                "email": email,
                "variables": json.dumps(dict(variables)),
            }
            for number, (email, variables) in enumerate(records)
        ]
        if rows:
            db.session.execute(insert(Record), rows)
    return audience
