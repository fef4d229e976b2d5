"""The rail, the New menu and the other links of the shell: what exists in this installation and may be used.

Items are told by their path (the URLs that ux.md fixes). An item is shown only when a route answers there and
the user's role allows it, so a part that is not built, or not permitted, leaves no dead link behind.
"""

from dataclasses import dataclass
from typing import Any, Final

from flask import Flask, request


@dataclass(frozen=True, slots=True)
class NavigationItem:
    """One link: where it leads, what it is called, its icon, and the permission that it takes ("" = any user)."""

    path: str
    label: str
    icon: str
    permission: str = ""
    key: str = ""  # second key after "g"

    @property
    def current(self) -> bool:
        """True when the page being shown belongs to this item."""
        if self.path == "/":
            return request.path == "/"
        return request.path == self.path or request.path.startswith(f"{self.path}/")


@dataclass(frozen=True, slots=True)
class Section:
    """A group of the rail; the first has no title."""

    title: str
    items: tuple[NavigationItem, ...]


SECTIONS: Final = (
    Section("", (NavigationItem("/", "Home", "house", key="h"),)),
    Section(
        "Operate",
        (
            NavigationItem("/campaigns", "Campaigns", "megaphone", "campaigns.read", "c"),
            NavigationItem("/audiences", "Audiences", "users", "audiences.read", "a"),
            NavigationItem("/devices", "Devices", "smartphone", "audiences.read"),
            NavigationItem("/messages", "Messages", "mail", "messages.read", "m"),
            NavigationItem("/customers", "Customers", "user", "messages.read", "u"),
            NavigationItem("/reports", "Reports", "chart-column", "reports.read", "r"),
        ),
    ),
    Section(
        "Build",
        (
            NavigationItem("/templates", "Templates", "file-text", "templates.read", "t"),
            NavigationItem("/events", "Events", "bell", "events.read", "e"),
            NavigationItem("/variables", "Variables", "braces", "variables.read", "v"),
            NavigationItem("/otp", "OTP", "shield-check", "otp.read", "o"),
        ),
    ),
    Section(
        "Deliver",
        (
            NavigationItem("/providers", "Providers", "server", "providers.read", "p"),
            NavigationItem("/sandbox", "Sandbox inbox", "inbox", "providers.read", "i"),
            NavigationItem("/suppressions", "Suppressions", "ban", "suppressions.read", "s"),
        ),
    ),
    Section(
        "Admin",
        (
            NavigationItem("/users", "Users", "user-plus", "users.manage"),
            NavigationItem("/api-keys", "API keys", "key", "api_keys.manage"),
            NavigationItem("/webhook-endpoints", "Webhooks", "zap", "webhooks.manage"),
            NavigationItem("/audit", "Audit log", "scroll-text", "audit.read"),
            NavigationItem("/system", "System", "activity", "system.read"),
            NavigationItem("/settings", "Settings", "settings", "settings.manage"),
        ),
    ),
)

NEW_MENU: Final = (
    NavigationItem("/campaigns/new", "Campaign", "megaphone", "campaigns.write"),
    NavigationItem("/templates/new", "Template", "file-text", "templates.write"),
    NavigationItem("/audiences/new", "Audience", "users", "audiences.write"),
    NavigationItem("/events/new", "Event", "bell", "events.write"),
    NavigationItem("/variables/new", "Variable", "braces", "variables.write"),
    NavigationItem("/providers/new", "Provider", "server", "providers.write"),
    NavigationItem("/users/new", "User", "user-plus", "users.manage"),
    NavigationItem("/api-keys/new", "API key", "key", "api_keys.manage"),
    NavigationItem("/webhook-endpoints/new", "Webhook endpoint", "zap", "webhooks.manage"),
)


def _routes(app: Flask) -> frozenset[tuple[str, str]]:
    """Return every (path, method) without variables, made once per number of rules: blueprints come at start."""
    kept = app.extensions.get("carillon.routes")
    count = len(app.url_map._rules)
    if kept is None or kept[0] != count:
        pairs = frozenset(
            (rule.rule.rstrip("/") or "/", method)
            for rule in app.url_map.iter_rules()
            if not rule.arguments
            for method in rule.methods or ()
        )
        kept = app.extensions["carillon.routes"] = (count, pairs)
    routes: frozenset[tuple[str, str]] = kept[1]
    return routes


def exists(app: Flask, path: str, method: str = "GET") -> bool:
    """Return whether a route without variables answers ``method`` at ``path``."""
    return (path, method) in _routes(app)


def allowed(user: Any, permission: str) -> bool:
    """Return whether ``user`` holds ``permission``; an empty permission takes any signed-in user."""
    if not getattr(user, "is_authenticated", False):
        return False
    return not permission or bool(user.may(permission))


def visible_items(app: Flask, user: Any) -> list[Section]:
    """Return the sections of the rail with what this installation has and ``user`` may open."""
    sections = []
    for section in SECTIONS:
        items = tuple(i for i in section.items if exists(app, i.path) and allowed(user, i.permission))
        if items:
            sections.append(Section(section.title, items))
    return sections


def new_items(app: Flask, user: Any) -> list[NavigationItem]:
    """Return the entries of the New menu that exist and that ``user`` may use."""
    return [item for item in NEW_MENU if exists(app, item.path) and allowed(user, item.permission)]
