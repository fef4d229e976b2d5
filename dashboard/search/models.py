"""What people looked for, under a token: addresses never stand in a URL, a title or a referrer."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, utc_now


class SearchTerm(Base):
    __tablename__ = "search_terms"

    token: Mapped[str] = mapped_column(String(32), primary_key=True)
    term: Mapped[str] = mapped_column(Text)  # encrypted
    used_at: Mapped[datetime] = mapped_column(default=utc_now, index=True)
