"""Keys that sign the mail of a From domain."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, Identified, Versioned, utc_now


class DkimKey(Identified, Versioned, Base):
    """A private key, encrypted and never shown again, and the DNS record that receivers check it with.

    Every enabled key of a domain signs, so that RSA and Ed25519, or an old and a new selector, may stand side by side.
    """

    __tablename__ = "dkim_keys"
    __table_args__ = (UniqueConstraint("domain", "selector"),)
    PREFIX = "dkm"

    domain: Mapped[str] = mapped_column(String(253))  # lower case, punycode
    selector: Mapped[str] = mapped_column(String(63))
    algorithm: Mapped[str] = mapped_column(String(20))  # worker.rendering.dkim.DkimAlgorithm
    private_key: Mapped[str] = mapped_column(Text)  # dashboard.crypto.encrypt of {"pem": …}
    dns_record: Mapped[str] = mapped_column(Text)
    enabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    created_by: Mapped[str] = mapped_column(String(80), default="")

    @property
    def record_name(self) -> str:
        """Where the record is to be published."""
        return f"{self.selector}._domainkey.{self.domain}"
