"""Keeping providers: settings checked by the vendor's adapter, secrets encrypted, default routes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Unpack

from sqlalchemy import select

from dashboard.audit.services import record
from dashboard.campaigns.models import Campaign, CampaignState
from dashboard.crypto import CannotDecrypt, decrypt, encrypt
from dashboard.current import current_settings
from dashboard.extensions import db, transaction, utc_now
from dashboard.ids import new_id
from dashboard.jobs.models import ENDED_JOB_STATES, Job
from dashboard.problems import DomainError, NotFound, check_version
from dashboard.providers.connection import report_within
from dashboard.providers.models import Provider, Route, Sender
from dashboard.providers.rates import Rates, apply_rates, check_rates, rate_words, rates_of
from dashboard.providers.sender_ids import normal_sender, sender_words
from worker.engine.plan import CannotSend, adapter_for
from worker.providers import registry
from worker.providers.base import ConfigurationProblem, ConnectionReport
from worker.providers.base import Provider as Adapter
from worker.providers.fields import read_settings

#: Beyond this a limit limits nothing that we could send.


@dataclass(frozen=True, slots=True)
class From:
    """One From address as a form gives it."""

    address: str
    name: str = ""
    is_default: bool = False


def create_provider(
    *,
    name: str,
    vendor: str,
    settings: Mapping[str, Any],
    senders: Sequence[From],
    by: str = "",
    **rates: Unpack[Rates],
) -> Provider:
    """A new provider; `settings` holds the adapter's fields, secrets among them. DomainError names the field."""
    adapter = _adapter(vendor)
    plain, secrets = split_secrets(adapter, settings)
    _check(adapter, {**plain, **secrets})
    plain = _typed(adapter, plain)
    check_rates(rates)
    with transaction():
        _refuse_taken(name, None)
        provider = Provider(id=new_id(), name=name.strip(), channel=adapter.channel, vendor=vendor, settings=plain)
        apply_rates(provider, rates)
        _keep_secrets(provider, secrets, by)
        db.session.add(provider)
        db.session.flush()
        _set_senders(provider, senders)
        after = {"vendor": vendor, **_described(provider)} | ({"credentials": "set"} if secrets else {})
        record("provider.create", provider, summary=f"Added {provider.name}", after=after)
    return provider


def update_provider(
    *,
    provider_id: int,
    version: int | None,
    name: str,
    settings: Mapping[str, Any],
    senders: Sequence[From],
    removed_secrets: Sequence[str] = (),
    by: str = "",
    **rates: Unpack[Rates],
) -> Provider:
    """Save a provider. An empty secret keeps the stored one; those in `removed_secrets` are forgotten.

    Workers open new connections with the new settings within a second. Raises DomainError and Conflict.
    """
    check_rates(rates)
    with transaction():
        provider = get_provider(provider_id)
        check_version(provider, version)
        adapter = _adapter(provider.vendor)
        plain, given = split_secrets(adapter, settings)
        kept = {key: value for key, value in _stored_secrets(provider).items() if key not in removed_secrets}
        secrets = {**kept, **given}
        _check(adapter, {**plain, **secrets})
        _refuse_taken(name, provider.id)
        before = _described(provider)
        plain = _typed(adapter, plain)
        if given or removed_secrets:
            _keep_secrets(provider, secrets, by)
        if given or removed_secrets or plain != provider.settings:
            _forget_test(provider)
        provider.name, provider.settings = name.strip(), plain
        apply_rates(provider, rates)
        _set_senders(provider, senders)
        provider.updated_at = utc_now()
        after = _described(provider) | ({"credentials": "changed"} if given or removed_secrets else {})
        record("provider.update", provider, summary=f"Changed {provider.name}", before=before, after=after)
    return provider


def set_rate(*, provider_id: int, **rates: Unpack[Rates]) -> Provider:
    """Limit what a provider is given; running sends follow within a second. DomainError at the number at fault."""
    check_rates(rates)
    with transaction():
        provider = get_provider(provider_id)
        before = rates_of(provider)
        apply_rates(provider, rates)
        check_version(provider, None)
        after = rates_of(provider)
        record(
            "provider.set_rate",
            provider,
            summary=f"{provider.name} sends {rate_words(provider)}",
            before=before,
            after={name: after.get(name, 0) for name in before | after},
        )
    return provider


def set_enabled(*, provider_id: int, enabled: bool) -> Provider:
    """Let a provider send again, or stop it: running campaigns on it pause themselves and say why."""
    with transaction():
        provider = get_provider(provider_id)
        provider.enabled = enabled
        check_version(provider, None)
        action, verb = ("provider.enable", "Enabled") if enabled else ("provider.disable", "Disabled")
        record(action, provider, summary=f"{verb} {provider.name}")
    return provider


def archive_provider(*, provider_id: int) -> Provider:
    """Take a provider out of every list; refused (DomainError) while something stands on it."""
    with transaction():
        provider = get_provider(provider_id)
        users = users_of(provider)
        if users:
            raise DomainError(f"{provider.name} is still in use: {', '.join(users)}. Change that first.")
        provider.archived_at = utc_now()
        check_version(provider, None)
        record("provider.archive", provider, summary=f"Archived {provider.name}")
    return provider


def restore_provider(*, provider_id: int) -> Provider:
    """Put an archived provider back into the lists, enabled or disabled as it was."""
    with transaction():
        provider = get_provider(provider_id)
        provider.archived_at = None
        check_version(provider, None)
        record("provider.restore", provider, summary=f"Restored {provider.name}")
    return provider


def users_of(provider: Provider) -> list[str]:
    """What would have nothing to send with: default routes, campaigns planned or running, other runs under way."""
    routes = db.session.scalars(select(Route).where(Route.provider_id == provider.id))
    campaigns = db.session.scalars(
        select(Campaign.name).where(
            Campaign.provider_id == provider.id,
            Campaign.state.in_([CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.LATE]),
        )
    )
    runs = db.session.scalars(
        select(Job).where(Job.provider_id == provider.id, Job.campaign_id.is_(None), Job.state.not_in(ENDED_JOB_STATES))
    )
    return [
        *(f"default for {route.category} {route.channel}" for route in routes),
        *(f"the campaign “{name}”" for name in campaigns),
        *(f"the run {job.public_id} ({job.kind})" for job in runs),
    ]


def test_connection(*, provider_id: int) -> ConnectionReport:
    """Try the settings without sending anything, outside of any transaction; the result is kept for the page."""
    provider = get_provider(provider_id)
    try:
        adapter = adapter_for(provider, current_settings(), db.engine)
        db.session.rollback()
        report = report_within(adapter)
    except (CannotSend, ConfigurationProblem) as problem:
        report = ConnectionReport(ok=False, steps=(("Settings", False, str(problem)),))
    with transaction():
        provider = get_provider(provider_id)
        provider.last_test_at, provider.last_test_ok = utc_now(), report.ok
        failed = next((words for _, ok, words in report.steps if not ok), "The connection test failed.")
        provider.last_error = "" if report.ok else failed
    return report


test_connection.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def get_provider(provider_id: int) -> Provider:
    """The provider, or NotFound."""
    provider = db.session.get(Provider, provider_id)
    if provider is None:
        raise NotFound("There is no such provider.")
    return provider


def split_secrets(adapter: type[Adapter], settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings that may be shown, and those that may not (empty ones left out)."""
    secret = {field.name for field in adapter.fields if field.kind == "secret"}
    known = {field.name for field in adapter.fields}
    plain = {name: value for name, value in settings.items() if name in known - secret}
    return plain, {name: settings[name] for name in secret if settings.get(name)}


def _adapter(vendor: str) -> type[Adapter]:
    try:
        return registry.get(vendor)
    except LookupError as error:
        raise DomainError(str(error), field="vendor") from error


def _check(adapter: type[Adapter], settings: Mapping[str, Any]) -> None:
    for field, words in adapter.validate(settings).items():
        raise DomainError(words, field=field, code="invalid_setting")


def _stored_secrets(provider: Provider) -> dict[str, Any]:
    try:
        return decrypt(current_settings().key, provider.secrets)
    except CannotDecrypt:
        return {}  # they belong to another SECRET_KEY: whoever saves now enters them again


def _keep_secrets(provider: Provider, secrets: Mapping[str, Any], by: str) -> None:
    provider.secrets = encrypt(current_settings().key, dict(secrets)) if secrets else ""
    provider.secrets_set_at = utc_now() if secrets else None
    provider.secrets_set_by = by if secrets else ""


def _set_senders(provider: Provider, senders: Sequence[From]) -> None:
    """Make the provider's addresses these; one that stays keeps its id, since campaigns name it."""
    wanted: dict[str, From] = {}
    for sender in senders:
        if not sender.address.strip():
            continue
        address = normal_sender(provider.channel, sender.address)
        if address in wanted:
            raise DomainError(f"{address} stands there twice.", field="senders", code="twice")
        wanted[address] = sender
    words = sender_words(provider.channel)
    if words is not None and not wanted:
        raise DomainError(f"Give at least one {words.one}.", field="senders", code="no_sender")
    default = next((address for address, sender in wanted.items() if sender.is_default), next(iter(wanted), ""))
    there = {sender.address: sender for sender in provider.senders}
    for address in there.keys() - wanted.keys():
        _refuse_planned(there[address])
        provider.senders.remove(there[address])
    for address, given in wanted.items():
        row = there.get(address)
        if row is None:
            row = Sender(id=new_id(), address=address)
            provider.senders.append(row)
        row.display_name, row.is_default = given.name.strip(), address == default


def _refuse_planned(sender: Sender) -> None:
    """A planned campaign that names a From address would find it gone when it starts."""
    planned = [CampaignState.SCHEDULED, CampaignState.RUNNING, CampaignState.LATE]
    name = db.session.scalar(select(Campaign.name).where(Campaign.sender_id == sender.id, Campaign.state.in_(planned)))
    if name is not None:
        raise DomainError(
            f"The campaign “{name}” is planned to send from {sender.address}. Change the campaign first.",
            field="senders",
            code="in_use",
        )


def _typed(adapter: type[Adapter], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as the adapter understands them (8 for "8"), so that the same ones are stored alike."""
    return read_settings([field for field in adapter.fields if field.kind != "secret"], plain)


def _described(provider: Provider) -> dict[str, Any]:
    """What the audit log keeps of a provider: everything but its secrets."""
    addresses = [f"{sender.address}{' (default)' if sender.is_default else ''}" for sender in provider.senders]
    return {
        "name": provider.name,
        **rates_of(provider),
        **provider.settings,
        "from": ", ".join(addresses),
    }


def _forget_test(provider: Provider) -> None:
    """What was found with the former settings says nothing about these."""
    provider.last_test_at, provider.last_test_ok, provider.last_error = None, None, ""


def _refuse_taken(name: str, own_id: int | None) -> None:
    if not name.strip():
        raise DomainError("Give the provider a name.", field="name")
    other = db.session.scalar(select(Provider.id).where(Provider.name == name.strip(), Provider.id != (own_id or 0)))
    if other is not None:
        raise DomainError("Another provider has this name.", field="name", code="taken")
