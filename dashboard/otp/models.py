"""Configurations of one-time codes, requests for codes, what happened to each, and the counters of limits."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, Versioned, utc_now


class Alphabet(StrEnum):
    NUMERIC = "numeric"
    ALPHANUMERIC = "alphanumeric"  # without characters that look alike


class Resend(StrEnum):
    """What a person gets who asks again."""

    NEW = "new"  # another code; the one before stops working
    SAME = "same"  # the same code once more


class Delivery(StrEnum):
    """Which of the channels that an address is given for are used."""

    ALL = "all"
    FIRST = "first"  # in order, until a provider takes it


class OtpState(StrEnum):
    """What is stored; `dashboard.otp.queries.state_of` tells the rest from the message and the clock."""

    OPEN = "open"
    VERIFIED = "verified"
    SUPERSEDED = "superseded"
    LOCKED = "locked"  # the last try was wrong
    LIMITED = "limited"  # no code was made
    FAILED = "failed"  # no provider took it


class OtpConfiguration(Identified, Versioned, Base):
    """How codes of one kind are made, sent and checked. Times in seconds; a limit of 0 is none."""

    __tablename__ = "otp_configurations"
    PREFIX = "otc"

    name: Mapped[str] = mapped_column(String(80), unique=True)
    is_default: Mapped[bool] = mapped_column(default=False)
    length: Mapped[int] = mapped_column(default=6)
    alphabet: Mapped[str] = mapped_column(String(12), default=Alphabet.NUMERIC.value)
    expiry_seconds: Mapped[int] = mapped_column(default=300)
    resend: Mapped[str] = mapped_column(String(4), default=Resend.NEW.value)
    resend_wait_seconds: Mapped[int] = mapped_column(default=30)
    max_attempts: Mapped[int] = mapped_column(default=3)
    lockout_seconds: Mapped[int] = mapped_column(default=900)
    destination_limit: Mapped[int] = mapped_column(default=5)  # each within an hour
    ip_limit: Mapped[int] = mapped_column(default=30)
    prefix_limit: Mapped[int] = mapped_column(default=0)
    channels: Mapped[list[str]] = mapped_column(JSON, default=lambda: ["sms", "email"])  # in order
    delivery: Mapped[str] = mapped_column(String(5), default=Delivery.ALL.value)
    same_code: Mapped[bool] = mapped_column(default=True)
    purpose_required: Mapped[bool] = mapped_column(default=False)
    email_template_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("templates.id"))
    sms_template_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("templates.id"))
    email_provider_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("providers.id"))  # None: the otp route
    sms_provider_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("providers.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)


class OtpRequest(Identified, Base):
    """One code for one destination. The code itself is nowhere: `code_hash` is bound to id, destination and purpose."""

    __tablename__ = "otp_requests"
    __table_args__ = (Index("ix_otp_requests_destination_purpose", "destination", "purpose"),)
    PREFIX = "otp"

    group_id: Mapped[int] = mapped_column(BigId, index=True)  # requests for several channels made together
    configuration_id: Mapped[int] = mapped_column(BigId, ForeignKey("otp_configurations.id"), index=True)
    api_key_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("api_keys.id"))
    user_id: Mapped[int | None] = mapped_column(BigId)  # who tried it at the desk
    channel: Mapped[str] = mapped_column(String(8))
    destination: Mapped[str] = mapped_column(String(320))
    country: Mapped[str] = mapped_column(String(2), default="")
    ip: Mapped[str] = mapped_column(String(45), default="")
    purpose: Mapped[str] = mapped_column(String(80), default="")
    length: Mapped[int]
    alphabet: Mapped[str] = mapped_column(String(12))
    expiry_seconds: Mapped[int]
    max_attempts: Mapped[int]
    code_hash: Mapped[str] = mapped_column(String(64), default="")
    seed: Mapped[str] = mapped_column(Text, default="")  # encrypted, and only where a resend repeats the code
    template_id: Mapped[int | None] = mapped_column(BigId)
    provider_id: Mapped[int | None] = mapped_column(BigId)
    variables: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    state: Mapped[str] = mapped_column(String(10), default=OtpState.OPEN.value)
    reason: Mapped[str] = mapped_column(String(60), default="")  # which limit, or the provider's code
    attempts: Mapped[int] = mapped_column(default=0)
    sends: Mapped[int] = mapped_column(default=1)
    message_id: Mapped[int | None] = mapped_column(BigId, index=True)  # the newest
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    resend_at: Mapped[datetime]
    verified_at: Mapped[datetime | None]


class OtpEvent(Base):
    """One thing that happened to a request: sent, resent, wrong_code, verified, superseded, locked, limited, failed."""

    __tablename__ = "otp_events"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    request_id: Mapped[int] = mapped_column(BigId, ForeignKey("otp_requests.id"), index=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    kind: Mapped[str] = mapped_column(String(12))
    message_id: Mapped[int | None] = mapped_column(BigId)
    detail: Mapped[str] = mapped_column(String(200), default="")


class OtpCounter(Base):
    """How often one destination, address or range was used in a stretch of time, or that it is locked.

    `key` is a keyed hash: the table says nothing about anybody.
    """

    __tablename__ = "otp_counters"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int]
    ends_at: Mapped[datetime] = mapped_column(index=True)
