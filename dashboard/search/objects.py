"""From the public id of anything to its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from dashboard.accounts.models import User
from dashboard.audiences.models import Audience, AudienceImport, DatasetVersion
from dashboard.audit.models import AuditEntry
from dashboard.campaigns.models import Campaign
from dashboard.events.models import Event, EventReceipt
from dashboard.extensions import db
from dashboard.ids import parse_public_id, public_id
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Template, TemplateAttachment, TemplateVersion
from dashboard.messages.models import Message, MessageEvent
from dashboard.providers.models import Provider, SandboxMail, Sender
from dashboard.security import may
from dashboard.suppressions.models import Suppression
from dashboard.variables.models import Variable


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """What a prefix stands for; `path` gives the page of a row, "" where it has none."""

    label: str
    model: type[Any]
    permission: str
    path: Callable[[Any], str]


def _run(job: Job) -> str:
    if job.campaign_id:
        return f"/campaigns/{public_id('cmp', job.campaign_id)}/runs/{job.public_id}"
    if job.is_test:
        return f"/templates/{public_id('tpl', job.template_id)}/tests/{job.public_id}"
    return f"/messages/?job={job.public_id}"


def _dataset(row: DatasetVersion) -> str:
    return f"/audiences/{public_id('adn', row.audience_id)}" if row.audience_id else ""


KINDS: Final[dict[str, ObjectKind]] = {
    "msg": ObjectKind("message", Message, "messages.read", lambda row: f"/messages/{row.public_id}"),
    "mev": ObjectKind(
        "message", MessageEvent, "messages.read", lambda row: f"/messages/{public_id('msg', row.message_id)}"
    ),
    "cmp": ObjectKind("campaign", Campaign, "campaigns.read", lambda row: f"/campaigns/{row.public_id}"),
    "run": ObjectKind("run", Job, "campaigns.read", _run),
    "tpl": ObjectKind("template", Template, "templates.read", lambda row: f"/templates/{row.public_id}"),
    "tpv": ObjectKind(
        "template version",
        TemplateVersion,
        "templates.read",
        lambda row: f"/templates/{public_id('tpl', row.template_id)}",
    ),
    "att": ObjectKind(
        "attachment",
        TemplateAttachment,
        "templates.read",
        lambda row: f"/templates/{public_id('tpl', row.template_id)}",
    ),
    "adn": ObjectKind("audience", Audience, "audiences.read", lambda row: f"/audiences/{row.public_id}"),
    "dsv": ObjectKind("dataset version", DatasetVersion, "audiences.read", _dataset),
    "imp": ObjectKind("import", AudienceImport, "audiences.read", lambda row: f"/audiences/imports/{row.public_id}"),
    "prv": ObjectKind("provider", Provider, "providers.read", lambda row: f"/providers/{row.public_id}"),
    "snd": ObjectKind(
        "sender", Sender, "providers.read", lambda row: f"/providers/{public_id('prv', row.provider_id)}"
    ),
    "sbx": ObjectKind("mail in the sandbox", SandboxMail, "providers.read", lambda row: f"/sandbox/{row.public_id}"),
    "var": ObjectKind("variable", Variable, "variables.read", lambda row: f"/variables/{row.public_id}"),
    "evt": ObjectKind("event", Event, "events.read", lambda row: f"/events/{row.public_id}"),
    "evr": ObjectKind(
        "received event",
        EventReceipt,
        "events.read",
        lambda row: f"/events/{public_id('evt', row.event_id)}/log/{row.public_id}",
    ),
    "sup": ObjectKind("suppression", Suppression, "suppressions.read", lambda _row: "/suppressions/"),
    "usr": ObjectKind("user", User, "users.manage", lambda row: f"/users/{row.public_id}"),
    "aud": ObjectKind("audit entry", AuditEntry, "audit.read", lambda row: f"/audit/{row.public_id}"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Where an id leads (`path` "" = nowhere), and what is to be said about it."""

    path: str
    words: str


def answer_for(text: str) -> Answer:
    """The page of the object with this public id, or why there is none for this person."""
    prefix = text.partition("_")[0]
    kind = KINDS.get(prefix)
    if kind is None:
        return Answer("", f"“{prefix}_” is not the beginning of any id of this installation.")
    if not may(kind.permission):
        return Answer("", f"This is an id ({kind.label}), but your role may not open its page.")
    row = db.session.get(kind.model, parse_public_id(prefix, text))
    path = kind.path(row) if row is not None else ""
    if path:
        return Answer(path, f"Understood as an id ({kind.label}).")
    if row is not None:
        return Answer("", f"This {kind.label} has no page of its own.")
    return Answer("", f"There is no {kind.label} with this id. It may have been deleted, or never have been reached.")
