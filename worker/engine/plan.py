"""What a slice needs to know of its job: frozen facts, the compiled template, the provider.

Loaded once a slice (15 s of work). Compiled templates and MIME skeletons are kept for the process, since they never
change: 5 ms of compiling a message would cost 80 times the rendering.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from dashboard.crypto import CannotDecrypt, decrypt
from dashboard.extensions import reading_session, utc_now
from dashboard.jobs.models import Job
from dashboard.message_templates.models import Category, TemplateAttachment, TemplateVersion
from dashboard.providers.models import Provider as ProviderRow
from dashboard.settings import Settings
from dashboard.suppressions.models import SuppressionScope
from worker.engine import routing
from worker.engine.http_door import http_door
from worker.engine.inbox import DatabaseInbox
from worker.engine.routing import Choice, NobodySends
from worker.engine.send_window import SendWindow
from worker.engine.signing import signers_for
from worker.providers import registry
from worker.providers.base import ConnectorPort, Ports, Provider
from worker.rendering.channels import Compiled, compile_content, content_from
from worker.rendering.compiler import CompiledEmail
from worker.rendering.content import Attachment
from worker.rendering.dkim import DkimSigner
from worker.rendering.errors import RenderError, TemplateSyntaxProblem
from worker.rendering.mime import MimeBuilder

_Made = TypeVar("_Made")


class CannotSend(Exception):
    """The job cannot go on until somebody acts; the message is a sentence for that person."""


class _Kept:
    """The latest few things made from something that never changes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._made: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], _Made]) -> _Made:
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                found: _Made = self._made[key]
                return found
        made = make()
        with self._lock:
            self._made[key] = made
            while len(self._made) > self._most:
                self._made.popitem(last=False)
        return made


_templates = _Kept(64)
_builders = _Kept(64)


@dataclass(frozen=True, slots=True)
class JobFacts:
    """What the ledger needs to know of a job."""

    job_id: int
    state: str
    channel: str
    category: str
    campaign_id: int | None
    event_id: int | None
    template_id: int
    template_version_id: int
    dataset_version_id: int
    recipient_column: str
    provider_id: int
    is_test: bool
    resend_unknown: bool
    first_message_id: int
    record_count: int
    started: bool
    expires_at: datetime | None
    not_before: datetime | None
    window: SendWindow | None
    receipts_by_id: bool

    def is_expired(self, now: datetime) -> bool:
        """Has its time passed, so that nothing more is handed over?"""
        return self.expires_at is not None and now >= self.expires_at

    @property
    def promotional(self) -> bool:
        return self.category == Category.PROMOTIONAL

    @property
    def suppression_scopes(self) -> tuple[str, ...]:
        """Promotional mail spares whoever unsubscribed from anything; the rest only whoever wants nothing at all."""
        if self.promotional:
            return (SuppressionScope.PROMOTIONAL.value, SuppressionScope.ALL.value)
        return (SuppressionScope.ALL.value,)


@dataclass(frozen=True, slots=True)
class Plan:
    """One job with all it takes to send it."""

    facts: JobFacts
    provider_version: int
    trial: bool
    alternatives: bool
    breaker_pause: int
    from_address: str
    global_values: Mapping[str, Any]
    call_values: Mapping[str, Any]
    event_values: Mapping[str, Any]
    base_url: str
    key: str
    country: str  # of phone numbers without a country code
    compiled: Compiled
    builder: MimeBuilder | None  # of email only
    from_name: str
    attachments: tuple[Attachment, ...]
    bounce_address: str = ""  # where undeliverable mail is to come back; empty: to the From address


def load_facts(engine: Engine, job_id: int) -> JobFacts | None:
    """The facts of a job, None where there is no such job."""
    with reading_session(engine) as session:
        job = session.get(Job, job_id)
        return None if job is None else _facts(job, session.get_one(ProviderRow, job.provider_id))


def load_plan(
    engine: Engine, settings: Settings, job_id: int, *, to_send: bool = True, sent_by: int | None = None
) -> Plan | None:
    """The plan of a job, None where there is no such job. Raises CannotSend.

    With `to_send` False somebody only looks at what was sent: by the provider `sent_by`, whatever became of it.
    """
    with reading_session(engine) as session:
        job = session.get(Job, job_id)
        if job is None:
            return None
        choice = _choose(session, engine, job) if to_send else routing.looked_at(session, job, sent_by)
        return plan_of(session, settings, job, choice, signs=to_send)


def plan_of(session: Session, settings: Settings, job: Job, choice: Choice, *, signs: bool = True) -> Plan:
    """The plan of a job that was read, or is about to be written, through that provider. Raises CannotSend.

    With `signs` False nobody looks for DKIM keys.
    """
    stop = choice.stop
    compiled, attachments = _templates.get(
        job.template_version_id, partial(_compile, session, job.channel, job.template_version_id)
    )
    builder = None
    if isinstance(compiled, CompiledEmail):
        signers = _signers(session, settings, stop.from_address) if signs else ()
        builder = _builders.get(
            (job.template_version_id, stop.from_address, stop.from_name, signers),
            partial(_skeleton, attachments, stop.from_address, stop.from_name, signers),
        )
    return Plan(
        facts=_facts(job, stop.provider),
        provider_version=stop.provider.version,
        trial=choice.trial,
        alternatives=choice.alternatives,
        breaker_pause=stop.provider.breaker_pause,
        from_address=stop.from_address,
        global_values=dict(job.global_values),
        call_values=dict(job.call_values),
        event_values=dict(job.event_values or {}),  # None where the job was never written
        base_url=settings.base_url,
        key=settings.key,
        country=settings.default_country,
        compiled=compiled,
        builder=builder,
        from_name=stop.from_name,
        attachments=attachments,
        bounce_address=stop.provider.settings.get("bounce_address") or "",
    )


def make_provider(engine: Engine, settings: Settings, provider_id: int) -> Provider:
    """The adapter of a configured provider, with its secrets. Raises CannotSend or ConfigurationProblem."""
    with reading_session(engine) as session:
        row = session.get_one(ProviderRow, provider_id)
        return adapter_for(row, settings, engine)


def adapter_for(row: ProviderRow, settings: Settings, engine: Engine) -> Provider:
    """The adapter for a provider's row, also for one that is not saved. Raises CannotSend or ConfigurationProblem."""
    try:
        secrets = decrypt(settings.key, row.secrets or "")
        vendor = registry.get(row.vendor)
    except (CannotDecrypt, LookupError) as error:
        raise CannotSend(f"The provider {row.name} cannot be used: {error}") from error
    ports = Ports(
        inbox=DatabaseInbox(engine, row.id),
        http=http_door(allow_private=settings.allow_private_urls),
        receipts_url=_receipts_url(row, settings),
        connector=ConnectorPort(settings.connector_socket, str(row.id)),
    )
    return vendor({**row.settings, **secrets}, ports)


def _receipts_url(row: ProviderRow, settings: Settings) -> str:
    """Where the vendor can call back; empty where it could not: vendors refuse messages that name such an address."""
    if not row.webhook_token or not settings.base_url.startswith("https://"):
        return ""
    return f"{settings.base_url}/webhooks/{row.vendor}/{row.webhook_token}"


def _choose(session: Session, engine: Engine, job: Job) -> Choice:
    try:
        return routing.choose(session, engine, job, utc_now())
    except NobodySends as problem:
        raise CannotSend(str(problem)) from problem


def _compile(session: Session, channel: str, version_id: int) -> tuple[Compiled, tuple[Attachment, ...]]:
    version = session.get_one(TemplateVersion, version_id)
    attachments = tuple(
        Attachment(row.filename, row.content_type, row.data)
        for row in (session.get(TemplateAttachment, id_) for id_ in version.attachment_ids)
        if row is not None
    )
    try:
        return compile_content(content_from(channel, version.content, attachments)), attachments
    except (TemplateSyntaxProblem, TypeError) as error:
        raise CannotSend(f"The template cannot be compiled: {error}. Publish a corrected version.") from error


def _facts(job: Job, provider: ProviderRow) -> JobFacts:
    return JobFacts(
        job_id=job.id,
        state=job.state,
        channel=job.channel,
        category=job.category,
        campaign_id=job.campaign_id,
        event_id=job.event_id,
        template_id=job.template_id,
        template_version_id=job.template_version_id,
        dataset_version_id=job.dataset_version_id,
        recipient_column=job.recipient_column,
        provider_id=provider.id,
        is_test=job.is_test,
        resend_unknown=job.resend_unknown,
        first_message_id=job.first_message_id,
        record_count=job.record_count,
        started=job.started_at is not None,
        expires_at=job.expires_at,
        not_before=job.not_before,
        window=SendWindow.read(job.send_window),
        receipts_by_id=_receipts_by_id(provider.vendor),
    )


def _receipts_by_id(vendor: str) -> bool:
    try:
        return registry.get(vendor).receipts_by_id
    except LookupError:
        return False


def _signers(session: Session, settings: Settings, from_address: str) -> tuple[DkimSigner, ...]:
    try:
        return signers_for(session, settings, from_address)
    except CannotDecrypt as error:
        raise CannotSend(f"The DKIM key of {from_address} cannot be used: {error}") from error


def _skeleton(
    attachments: tuple[Attachment, ...], from_address: str, from_name: str, signers: tuple[DkimSigner, ...]
) -> MimeBuilder:
    try:
        return MimeBuilder(
            attachments=attachments, from_address=from_address, default_from_name=from_name, signers=signers
        )
    except RenderError as error:
        raise CannotSend(f"The sender or an attachment cannot be used: {error.message}.") from error
