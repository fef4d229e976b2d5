"""What the frame around every page needs to know: theme, density, links that exist, flashed messages."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

from flask import Blueprint, Flask, current_app, redirect, request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard import navigation
from dashboard.current import current_settings
from dashboard.providers.models import Provider
from dashboard.providers.queries import failing
from dashboard.security import public, safe_next

THEMES: Final = {"system": "System", "light": "Light", "dark": "Dark"}
DENSITIES: Final = {"compact": "Compact", "default": "Default", "comfortable": "Roomy"}
_TOAST_KINDS: Final = {"success": "ok", "message": "info", "error": "bad", "danger": "bad", "warning": "warn"}
_YEAR_SECONDS: Final = 365 * 24 * 3600

blueprint = Blueprint("appearance", __name__)


def _choice(name: str, choices: dict[str, str], default: str) -> str:
    value = request.args.get(name) or request.cookies.get(name) or default
    return value if value in choices else default


def toast_kind(category: str) -> str:
    """Return the colour kind of a flash category; Flask's own names and ours (ok, info, warn, bad) both work."""
    return _TOAST_KINDS.get(category, category if category in {"ok", "info", "warn", "bad"} else "info")


class Shell:
    """Read by _base.html as ``shell``; every part is worked out only when the page asks for it."""

    themes = THEMES
    densities = DENSITIES

    @cached_property
    def theme(self) -> str:
        """ "light", "dark" or "system", from ?theme= (screenshots) or the cookie."""
        return _choice("theme", THEMES, "system")

    @cached_property
    def density(self) -> str:
        """ "compact", "default" or "comfortable", from ?density= or the cookie."""
        return _choice("density", DENSITIES, "default")

    @cached_property
    def sections(self) -> list[navigation.Section]:
        """The rail."""
        return navigation.visible_items(current_app, current_user)

    @cached_property
    def new_items(self) -> list[navigation.NavigationItem]:
        """The New menu."""
        return navigation.new_items(current_app, current_user)

    @cached_property
    def failing_providers(self) -> Sequence[Provider]:
        """Providers whose traffic goes elsewhere now; nobody but those signed in is told."""
        return failing() if current_user.is_authenticated else ()

    @property
    def environment(self) -> str:
        """The installation's name for itself, e.g. "production" or "staging"; "" shows no badge."""
        return str(current_settings().environment)

    @property
    def single_keys(self) -> bool:
        """Whether single-key shortcuts are on for this user (WCAG 2.1.4 asks for the switch)."""
        return bool(getattr(current_user, "single_key_shortcuts", True))

    @staticmethod
    def has(path: str, method: str = "GET") -> bool:
        """Whether a route answers there, so that the shell draws no dead control."""
        return navigation.exists(current_app, path, method)


@blueprint.post("/appearance")
@public
def update() -> ResponseReturnValue:
    """Keep the theme and density of this browser in cookies; works signed out too."""
    response = redirect(safe_next(request.form.get("next")) or "/", code=303)
    for name, choices in (("theme", THEMES), ("density", DENSITIES)):
        value = request.form.get(name)
        if value in choices:
            response.set_cookie(
                name, value, max_age=_YEAR_SECONDS, samesite="Lax", secure=request.is_secure, httponly=True
            )
    return response


def init_app(app: Flask) -> None:
    """Register the appearance form and give ``shell`` to every template."""
    app.register_blueprint(blueprint)

    def shell_context() -> dict[str, Any]:
        return {"shell": Shell()}

    app.context_processor(shell_context)
    app.jinja_env.globals["toast_kind"] = toast_kind
