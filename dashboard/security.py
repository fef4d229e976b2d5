"""Who may do what, and the headers that keep a page to itself.

`@requires("campaigns.send")` stands on every view, `@public` on those that need no sign-in; a test walks the URL map
for it. Signed-out requests: a page goes to the sign-in page, an htmx read gets 401 + HX-Redirect, an htmx write gets
401 with the sign-in form for the dialog, so that what was typed stays.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, g, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from dashboard.accounts.models import PERMISSIONS
from dashboard.problems import NotAllowed

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
#: For documents that show what recipients see: inline styles work, scripts and forms do not, nothing is fetched.
PREVIEW_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'"
)
PREVIEW_POLICY_WITH_IMAGES = PREVIEW_POLICY.replace("img-src data:", "img-src data: https:")


def requires(permission: str) -> Callable[[View], View]:
    """The view needs a signed-in user whose role reaches `permission` (a key of PERMISSIONS)."""
    if permission not in PERMISSIONS:
        raise KeyError(permission)

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*arguments: Any, **keywords: Any) -> ResponseReturnValue:
            if not current_user.is_authenticated:
                return ask_to_sign_in()
            if not current_user.may(permission):
                least = PERMISSIONS[permission].value
                raise NotAllowed(f"This needs the role {least} or higher. An administrator can grant it.")
            if current_user.must_change_password and not getattr(view, "_before_password_change", False):
                return redirect(url_for("accounts.password"), code=303)
            return view(*arguments, **keywords)

        guarded._permission = permission  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate


def public(view: View) -> View:
    """The view needs no sign-in."""
    view._permission = "public"  # type: ignore[attr-defined]
    return view


def before_password_change(view: View) -> View:
    """The view stays reachable while the user must choose a new password (stands below `requires`)."""
    view._before_password_change = True  # type: ignore[attr-defined]
    return view


def may(permission: str) -> bool:
    """For templates and views: does the signed-in user's role reach it?"""
    return bool(current_user.is_authenticated and current_user.may(permission))


def safe_next(target: str | None) -> str | None:
    """`target` if it is a path of this site, else None (no open redirect)."""
    if not target:
        return None
    parts = urlsplit(target)
    if parts.netloc and parts.netloc != request.host:
        return None
    path = parts.path or "/"
    if not path.startswith("/") or path.startswith(("//", "/\\")) or "\\" in path:
        return None
    return f"{path}?{parts.query}" if parts.query else path


def ask_to_sign_in() -> ResponseReturnValue:
    """The answer to somebody who is not signed in, as the module's text says."""
    if request.headers.get("HX-Request") == "true":
        if request.method in ("GET", "HEAD"):
            where = safe_next(request.headers.get("HX-Current-URL")) or request.full_path
            return Response("", 401, {"HX-Redirect": url_for("accounts.login", next=where)})
        return make_response(
            render_template("accounts/reauth.html"), 401, {"HX-Retarget": "#dialog", "HX-Reswap": "innerHTML"}
        )
    where = request.full_path.rstrip("?") if request.method == "GET" else request.referrer
    return redirect(url_for("accounts.login", next=safe_next(where)), code=303)


def refuse_foreign_origin() -> ResponseReturnValue | None:
    """Unsafe requests of a browser must come from this site (besides the CSRF token)."""
    if request.method in ("GET", "HEAD", "OPTIONS") or getattr(g, "foreign_origin_allowed", False):
        return None
    if request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site"):
        return _foreign()
    origin = request.headers.get("Origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.host:
        return _foreign()
    return None


def _foreign() -> ResponseReturnValue:
    view = current_app.view_functions.get(request.endpoint or "")
    if getattr(view, "_any_origin", False):
        return None  # type: ignore[return-value]
    return Response("This request came from another site and was refused.", 403, mimetype="text/plain")


def any_origin(view: View) -> View:
    """Mail programs post here without any page of ours (one-click unsubscribe, RFC 8058)."""
    view._any_origin = True  # type: ignore[attr-defined]
    return view


def _headers(response: Response) -> Response:
    response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "same-origin")
    response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
    response.headers["X-Request-Id"] = g.get("request_id", "")
    return response


def _name_request() -> None:
    g.request_id = secrets.token_hex(8)


def init_app(app: Flask) -> None:
    app.before_request(_name_request)
    app.before_request(refuse_foreign_origin)
    app.after_request(_headers)
    app.jinja_env.globals["may"] = may
