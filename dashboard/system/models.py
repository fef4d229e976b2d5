"""Signs of life of the processes, and the allocator of message ids."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, utc_now


class Heartbeat(Base):
    """One row per process (kind "worker" | "scheduler", name host:pid), renewed every few seconds."""

    __tablename__ = "heartbeats"

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    info: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)


class IdBlock(Base):
    """The one row of the message id allocator: the next id that is free (see dashboard.ids)."""

    __tablename__ = "id_blocks"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    next_id: Mapped[int] = mapped_column(BigId)
