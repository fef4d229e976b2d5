"""The one contract between views and htmx (version 2, pinned): who asked, and the answers.

A page and its fragments come from one template: a view calls `respond(template, block, …)` and an htmx request gets
that block, everything else the whole page. An htmx request never gets a 3xx: `init_app` turns redirects into
204 + HX-Redirect, because the browser would follow a 303 by itself and htmx would swap a page into a fragment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, flash, make_response, redirect, render_template, request
from jinja2_fragments.flask import render_block
from markupsafe import escape
from werkzeug.wrappers import Response as BaseResponse


def wants_fragment() -> bool:
    headers = request.headers
    return headers.get("HX-Request") == "true" and headers.get("HX-History-Restore-Request") != "true"


def target() -> str:
    """Id of the element that htmx will fill, or an empty text."""
    return request.headers.get("HX-Target", "")


def respond(
    template: str,
    block: str = "main",
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    out_of_band: Iterable[str] = (),
    push_url: bool = False,
    **context: Any,
) -> Response:
    """The whole page, or `block` (and out-of-band blocks) of the same template.

    With `push_url` the canonical address of this request is given to the browser: pushed, or replaced while the
    person types in a field named `q`, so that Back does not step through keystrokes. `title` in the context becomes
    the document's title.
    """
    if not wants_fragment():
        return make_response(render_template(template, **context), status, dict(headers or {}))
    html = "".join(render_block(template, name, **context) for name in (block, *out_of_band))
    answer_headers = dict(headers or {})
    if push_url:
        if "title" in context:
            html = f"<title>{escape(context['title'])} · Carillon</title>{html}"
        verb = "HX-Replace-Url" if request.headers.get("HX-Trigger-Name") == "q" else "HX-Push-Url"
        answer_headers[verb] = canonical_url()
    return make_response(html, status, answer_headers)


def canonical_url(**changes: Any) -> str:
    """This path with its query: empty parameters dropped, keys sorted, `changes` applied (None removes)."""
    pairs = [(key, value) for key, value in request.args.items(multi=True) if key not in changes and value]
    for key, value in changes.items():
        values = value if isinstance(value, (list, tuple)) else [value]
        pairs += [(key, str(item)) for item in values if item not in (None, "")]
    query = urlencode(sorted(pairs))
    return f"{request.path}?{query}" if query else request.path


def redirect_to(location: str, message: str | None = None, kind: str = "ok") -> BaseResponse:
    """Go to another page (303; HX-Redirect for htmx), with a message shown there."""
    if message:
        flash(message, kind)
    return redirect(location, code=303)


def with_toast(response: Response, text: str, kind: str = "ok") -> Response:
    """Add a toast out of band to a fragment answer."""
    toast = render_template("_partials/toast.html", text=text, kind=kind)
    response.set_data(response.get_data(as_text=True) + toast)
    return response


def trigger(response: Response, event: str, *, settled: bool = False) -> Response:
    """Tell the page that something happened (names in our own namespace: `app:changed:provider`).

    `settled`: only once the answer stands in the page, for whoever reads the new fields.
    """
    response.headers["HX-Trigger-After-Settle" if settled else "HX-Trigger"] = event
    return response


def _no_redirects_for_htmx(response: Response) -> Response:
    if request.headers.get("HX-Request") == "true" and 300 <= response.status_code < 400 and response.location:
        location = response.location
        response.status_code = 204
        response.headers["HX-Redirect"] = location
        response.headers.pop("Location", None)
        response.set_data(b"")
    if response.mimetype == "text/html":
        response.headers.add("Vary", "HX-Request")
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def init_app(app: Flask) -> None:
    app.after_request(_no_redirects_for_htmx)
