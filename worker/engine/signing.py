"""The DKIM signers of a From address: its domain's enabled keys, each decrypted and parsed once per process."""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.crypto import decrypt
from dashboard.dkim.models import DkimKey
from dashboard.settings import Settings
from worker.rendering.addresses import ascii_address
from worker.rendering.dkim import DkimSigner


def signers_for(session: Session, settings: Settings, from_address: str) -> tuple[DkimSigner, ...]:
    """What signs mail from this address, oldest key first. Raises CannotDecrypt.

    The same keys give the same objects, so that a MIME builder may be kept by them.
    """
    domain = ascii_address(from_address).rpartition("@")[2].lower()
    rows = session.execute(
        select(DkimKey.domain, DkimKey.selector, DkimKey.private_key)
        .where(DkimKey.domain == domain, DkimKey.enabled.is_(True))
        .order_by(DkimKey.id)
    )
    return tuple(_signer(row.domain, row.selector, row.private_key, settings.key) for row in rows)


@lru_cache(maxsize=256)
def _signer(domain: str, selector: str, private_key: str, key: str) -> DkimSigner:
    return DkimSigner(domain, selector, decrypt(key, private_key)["pem"])
