"""Where a code goes: an address or a number in the one form that limits, hashes and the ledger share."""

from __future__ import annotations

import phonenumbers

from dashboard.current import current_settings
from dashboard.problems import DomainError
from worker.engine.recipients import mobile_number
from worker.rendering.addresses import check_address


def normalised(channel: str, text: str) -> str:
    """The address in lower case, or the number as E.164. Raises DomainError(field="email" or "phone")."""
    try:
        if channel == "sms":
            return mobile_number(text.strip(), current_settings().default_country)
        return check_address(text.strip()).lower()
    except ValueError as error:
        field = "phone" if channel == "sms" else "email"
        raise DomainError(f"{error}.", field=field, code="invalid_address") from error


def country_of(channel: str, destination: str) -> str:
    """The two letters of a number's country, "" for an email."""
    if channel != "sms":
        return ""
    return str(phonenumbers.region_code_for_number(phonenumbers.parse(destination)) or "")[:2]
