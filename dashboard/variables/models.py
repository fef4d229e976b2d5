"""Global variables: those that every template may use without an audience or an event giving them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.extensions import Base, BigId, Identified, Versioned, utc_now


class VariableKind(StrEnum):
    READ_ONLY = "read_only"  # filled in on the settings page (company name, domain, support address …)
    EDITABLE = "editable"


class Variable(Identified, Versioned, Base):
    __tablename__ = "variables"
    PREFIX = "var"

    name: Mapped[str] = mapped_column(String(80), unique=True)
    value: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")
    kind: Mapped[str] = mapped_column(String(12), default=VariableKind.EDITABLE)
    updated_by: Mapped[int | None] = mapped_column(BigId)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now)


#: Read-only globals: name -> what it is. They exist from the first migration on and are never deleted.
READ_ONLY_VARIABLES: dict[str, str] = {
    "company_name": "Name of the company as customers know it",
    "company_domain": "Web domain of the company",
    "company_address": "Postal address, as the footer of promotional mail must show it",
    "support_email": "Address customers write to for help",
    "support_phone": "Number customers call for help",
    "privacy_policy_url": "Link to the privacy policy",
    "terms_url": "Link to the terms of service",
    "return_policy_url": "Link to the return policy",
    "facebook_handle": "Facebook page",
    "instagram_handle": "Instagram account",
    "x_handle": "X (Twitter) account",
    "logo_url": "Address of the logo image (https)",
}
