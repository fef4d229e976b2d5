"""Who may read /metrics: whoever has METRICS_TOKEN, programs on this machine where there is none, administrators."""

from __future__ import annotations

import hmac
from ipaddress import IPv6Address, ip_address

from flask import request

from dashboard.current import current_settings
from dashboard.security import may

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-Ip")


def may_scrape() -> bool:
    """Whether the present request may read the metrics."""
    token = current_settings().metrics_token
    if token:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), token.encode()):
            return True
    elif _from_this_machine():
        return True
    return may("system.read")


def _from_this_machine() -> bool:
    """A loopback caller that nobody stands behind: a proxy on this machine speaks for the whole world."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
