"""Adding, enabling and deleting keys that sign mail. A new key signs nothing until somebody enables it."""

from __future__ import annotations

import re
from typing import Final

from sqlalchemy import select

from dashboard.audit.services import record
from dashboard.crypto import encrypt
from dashboard.current import current_settings
from dashboard.dkim.models import DkimKey
from dashboard.dkim.queries import domain_of
from dashboard.extensions import db, transaction
from dashboard.ids import new_id
from dashboard.problems import DomainError, NotFound
from worker.rendering.dkim import BadKey, DkimAlgorithm, algorithm_of, dns_record, generate_key, pem_of, read_key

_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_SELECTOR: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


def create_key(*, domain: str, selector: str, algorithm: DkimAlgorithm, pem: str = "", by: str = "") -> DkimKey:
    """A key that is still disabled: the one in `pem`, whose kind counts then, or a new one. DomainError at a field."""
    domain = domain_of(f"x@{domain.strip().rstrip('.')}")
    selector = selector.strip().lower()
    if len(domain) > 253 or not _DOMAIN.fullmatch(domain):
        raise DomainError("Enter a domain, such as shop.example.", field="domain")
    if len(selector) > 63 or not _SELECTOR.fullmatch(selector):
        raise DomainError("Use letters, digits and hyphens, such as spring-1.", field="selector")
    try:
        private_key = read_key(pem if pem.strip() else generate_key(algorithm))
    except BadKey as problem:
        raise DomainError(str(problem), field="pem") from problem
    pem = pem_of(private_key)
    with transaction():
        _refuse_taken(domain, selector)
        key = DkimKey(
            id=new_id(),
            domain=domain,
            selector=selector,
            algorithm=algorithm_of(private_key).value,
            private_key=encrypt(current_settings().key, {"pem": pem}),
            dns_record=dns_record(private_key),
            created_by=by,
        )
        db.session.add(key)
        db.session.flush()
        after = {"domain": domain, "selector": selector, "algorithm": key.algorithm, "dns_record": key.dns_record}
        record("dkim.create", key, summary=f"Added the DKIM key {key.record_name}", after=after)
    return key


def set_enabled(*, key_id: int, enabled: bool) -> DkimKey:
    """Sign with it from the next slice of work on (15 s at most), or stop. Raises NotFound."""
    with transaction():
        key = _locked(key_id)
        if key.enabled != enabled:
            key.enabled = enabled
            key.version += 1
            word = "enable" if enabled else "disable"
            record(f"dkim.{word}", key, summary=f"{word.capitalize()}d the DKIM key {key.record_name}")
    return key


def delete_key(*, key_id: int) -> str:
    """Delete a disabled key for good; its name. Raises NotFound, and DomainError while it signs."""
    with transaction():
        key = _locked(key_id)
        if key.enabled:
            raise DomainError("This key signs mail. Disable it first.", code="in_use")
        name = key.record_name
        record("dkim.delete", key, summary=f"Deleted the DKIM key {name}")
        db.session.delete(key)
    return name


def _locked(key_id: int) -> DkimKey:
    key = db.session.get(DkimKey, key_id, with_for_update=True)
    if key is None:
        raise NotFound("This key has been deleted.")
    return key


def _refuse_taken(domain: str, selector: str) -> None:
    taken = select(DkimKey.id).where(DkimKey.domain == domain, DkimKey.selector == selector)
    if db.session.scalar(taken) is not None:
        raise DomainError(f"{domain} has a key with this selector. Choose another one.", field="selector", code="taken")
