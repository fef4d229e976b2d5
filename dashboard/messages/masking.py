"""Addresses as somebody may see them: in full from the role editor on, else only enough to recognise one."""

from __future__ import annotations

from dashboard.security import may


def mask(address: str) -> str:
    """`a***@example.org`, `+49***123`."""
    if "@" in address:
        local, _, domain = address.rpartition("@")
        return f"{local[:1]}***@{domain}"
    return f"{address[:3]}***{address[-3:]}" if len(address) > 6 else "***"


def shown(address: str) -> str:
    """The address for the person who is signed in."""
    return address if may("messages.export") else mask(address)
