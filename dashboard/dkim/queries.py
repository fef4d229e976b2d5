"""Keys, and the From domains that could have one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from dashboard.dkim.models import DkimKey
from dashboard.extensions import db
from dashboard.problems import NotFound
from dashboard.providers.models import Provider, Sender
from worker.rendering.addresses import ascii_address


@dataclass(frozen=True, slots=True)
class FromDomain:
    """A domain that somebody sends from, and whether its mail is signed here."""

    name: str
    signed: bool


def listed() -> Sequence[DkimKey]:
    """Every key, by domain, the newest of a domain first."""
    return db.session.scalars(select(DkimKey).order_by(DkimKey.domain, DkimKey.id.desc())).all()


def find(key_id: int) -> DkimKey:
    """The key; raises NotFound."""
    key = db.session.get(DkimKey, key_id)
    if key is None:
        raise NotFound("This key has been deleted.")
    return key


def from_domains() -> list[FromDomain]:
    """The domains of the From addresses of every provider in use, by name."""
    addresses = db.session.scalars(
        select(Sender.address).join(Provider, Provider.id == Sender.provider_id).where(Provider.archived_at.is_(None))
    )
    names = {domain_of(address) for address in addresses}
    signed = set(db.session.scalars(select(DkimKey.domain).where(DkimKey.enabled.is_(True))))
    return [FromDomain(name, name in signed) for name in sorted(names)]


def domain_of(address: str) -> str:
    """The domain of an address as it stands in a key's row."""
    return ascii_address(address).rpartition("@")[2].lower()
