"""The provider being added or changed: the vendor's form, the rows of From addresses, what is stored already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import request
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from dashboard.crypto import CannotDecrypt, decrypt
from dashboard.current import current_settings
from dashboard.forms import Difference, show_problem, text
from dashboard.problems import Conflict, DomainError, NotFound
from dashboard.providers.forms import PREFIX, ProviderForm, rate_data, settings_form
from dashboard.providers.models import Provider
from dashboard.providers.rates import PERIODS, domain_lines
from dashboard.providers.sender_ids import SenderWords, normal_sender, sender_words
from dashboard.providers.services import From, create_provider, update_provider
from worker.providers import registry
from worker.providers.base import Provider as Adapter

MOST_ROWS = 50


@dataclass(slots=True)
class SenderRow:
    """One row of the From addresses, as typed."""

    address: str = ""
    name: str = ""
    is_default: bool = False
    error: str = ""


@dataclass(slots=True)
class Editing:
    """What the page needs. `kept` names the stored secrets, `unreadable` says that they cannot be decrypted."""

    adapter: type[Adapter]
    form: ProviderForm
    rows: list[SenderRow]
    provider: Provider | None = None
    kept: frozenset[str] = frozenset()
    unreadable: bool = False
    differences: list[Difference] | None = None
    sender_problems: list[tuple[str, str]] = field(default_factory=list)

    @property
    def words(self) -> SenderWords | None:
        """How the vendor's channel calls its senders; None where it has none."""
        return sender_words(self.adapter.channel)

    @property
    def advanced_open(self) -> bool:
        """Something that is folded away needs to be looked at."""
        return any(control.errors for _, control in self.form.setting_fields(advanced=True))

    def check(self) -> bool:
        """Mark what is wrong at its place; True where nothing is."""
        fine = self.form.check(self.kept)
        return self._check_rows() and fine

    def save(self) -> Provider:
        """Create or update the provider. Raises DomainError and Conflict."""
        common: dict[str, Any] = {
            "name": text(self.form.name),
            "settings": self.form.settings(),
            "senders": [From(row.address, row.name, row.is_default) for row in self.rows],
            **self.form.rates,
            "by": current_user.full_name or current_user.username,
        }
        if self.provider is None:
            return create_provider(vendor=self.adapter.vendor, **common)
        return update_provider(
            provider_id=self.provider.id,
            version=self.form.version.data,
            removed_secrets=self.form.removed_secrets(),
            **common,
        )

    def refuse(self, problem: DomainError) -> None:
        """Show what the service refused at its field."""
        if problem.field in ("senders", "address"):
            self.sender_problems.append(("sender-0-address", problem.message))
            return
        name = PREFIX + (problem.field or "")
        if name in self.form:
            problem = DomainError(problem.message, field=name, code=problem.code)
        show_problem(self.form, problem)

    def compare(self, conflict: Conflict) -> None:
        """Show what somebody else saved meanwhile; saving again is then a decision."""
        theirs = edit(conflict.current)
        names = ["name", *PERIODS, "domain_rates"]
        names += [PREFIX + setting.name for setting in self.adapter.fields if setting.kind != "secret"]
        pairs = [(self.form[name], theirs.form[name]) for name in names]
        self.differences = [
            (mine.id, mine.label.text, _shown(mine.data), _shown(other.data))
            for mine, other in pairs
            if _shown(mine.data) != _shown(other.data)
        ]
        own, saved = _addresses(self.rows), _addresses(theirs.rows)
        if own != saved:
            self.differences.append(("sender-0-address", "From addresses", own, saved))
        self.form.version.data, self.form.version.raw_data = conflict.current.version, None

    def change_rows(self, change: str) -> None:
        """Add a row ("add") or take one away ("remove-2")."""
        if change == "add" and len(self.rows) < MOST_ROWS:
            self.rows.append(SenderRow())
        number = change.removeprefix("remove-")
        if number.isdecimal() and int(number) < len(self.rows):
            del self.rows[int(number)]
        self.rows = _with_default(self.rows or [SenderRow()])

    def _check_rows(self) -> bool:
        seen: set[str] = set()
        for number, row in enumerate(self.rows):
            row.error = _row_error(row, seen, self.adapter.channel)
            if row.error:
                self.sender_problems.append((f"sender-{number}-address", row.error))
        if not seen and not self.sender_problems and self.words is not None:
            self.rows[0].error = f"Enter at least one {self.words.one}."
            self.sender_problems.append(("sender-0-address", self.rows[0].error))
        return not self.sender_problems


def begin(vendor: str) -> Editing:
    """An empty form for a new provider of a vendor; NotFound for a vendor that has no adapter."""
    adapter = _adapter(vendor)
    form = settings_form(adapter)(formdata=None)
    return Editing(adapter, form, [SenderRow(is_default=True)])


def edit(provider: Provider) -> Editing:
    """The form with what is stored of a provider, its secrets left out."""
    adapter = _adapter(provider.vendor)
    kept, unreadable = stored_secrets(provider)
    known = {setting.name for setting in adapter.fields if setting.kind != "secret"}
    data = {PREFIX + name: value for name, value in provider.settings.items() if name in known}
    data |= {"name": provider.name, "version": provider.version, **rate_data(provider)}
    data["domain_rates"] = domain_lines(provider.domain_rates)
    ordered = sorted(provider.senders, key=lambda sender: (not sender.is_default, sender.address))
    rows = [SenderRow(row.address, row.display_name, row.is_default) for row in ordered]
    form = settings_form(adapter)(formdata=None, data=data)
    return Editing(adapter, form, _with_default(rows or [SenderRow()]), provider, kept, unreadable)


def posted(vendor: str, provider: Provider | None = None) -> Editing:
    """The form as it was sent."""
    adapter = _adapter(vendor)
    kept, unreadable = stored_secrets(provider) if provider else (frozenset[str](), False)
    return Editing(adapter, settings_form(adapter)(), _posted_rows(request.form), provider, kept, unreadable)


def stored_secrets(provider: Provider) -> tuple[frozenset[str], bool]:
    """(names of the secrets that are stored, whether they belong to another SECRET_KEY and cannot be read)."""
    try:
        return frozenset(decrypt(current_settings().key, provider.secrets)), False
    except CannotDecrypt:
        return frozenset(), True


def _adapter(vendor: str) -> type[Adapter]:
    try:
        return registry.get(vendor)
    except LookupError as error:
        raise NotFound("This installation has no adapter for that vendor.") from error


def _row_error(row: SenderRow, seen: set[str], channel: str) -> str:
    """What is wrong with a row, "" where nothing is; its address joins those that were seen."""
    if not row.address.strip():
        return "Enter the address that belongs to this name." if row.name.strip() else ""
    try:
        address = normal_sender(channel, row.address)
    except DomainError as problem:
        return problem.message
    if address in seen:
        return f"{address} stands there twice."
    seen.add(address)
    return ""


def _posted_rows(data: MultiDict[str, str]) -> list[SenderRow]:
    addresses, names = data.getlist("sender_address")[:MOST_ROWS], data.getlist("sender_name")
    default = data.get("sender_default", "")
    rows = [
        SenderRow(address, names[number] if number < len(names) else "", str(number) == default)
        for number, address in enumerate(addresses)
    ]
    return _with_default(rows or [SenderRow()])


def _with_default(rows: list[SenderRow]) -> list[SenderRow]:
    """Exactly one default, and that one of the filled rows where there are any."""
    filled = [row for row in rows if row.address.strip()] or rows
    chosen = next((row for row in filled if row.is_default), filled[0])
    for row in rows:
        row.is_default = row is chosen
    return rows


def _addresses(rows: Sequence[SenderRow]) -> str:
    return ", ".join(
        f"{row.name} <{row.address}>{' (default)' if row.is_default else ''}".strip() for row in rows if row.address
    )


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)
