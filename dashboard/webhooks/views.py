"""Where providers call: `/webhooks/<vendor>/<token>`. No sign-in, no cookie; the address cannot be guessed."""

from __future__ import annotations

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from dashboard.extensions import csrf
from dashboard.security import any_origin, public
from dashboard.webhooks import services
from dashboard.webhooks.queries import provider_by_token
from worker.providers.receipts import WebhookRequest

bp = Blueprint("webhooks", __name__, url_prefix="/webhooks")

#: The largest batch that a vendor of ours documents has 1,000 events; this is several times that.
LARGEST_BODY = 8 * 1024 * 1024


@bp.get("/<vendor>/<token>")
@public
def called(vendor: str, token: str) -> ResponseReturnValue:
    """Vendors that tell in the address, and the HEAD and GET calls with which some try it out."""
    return _take(vendor, token)


@bp.post("/<vendor>/<token>")
@csrf.exempt
@public
@any_origin
def posted(vendor: str, token: str) -> ResponseReturnValue:
    return _take(vendor, token)


def _take(vendor: str, token: str) -> ResponseReturnValue:
    """Keep what the vendor tells. Its wrong calls get a status and one line, never a page."""
    request.max_content_length = LARGEST_BODY
    provider = provider_by_token(vendor, token)
    if provider is None:
        return _plain("There is no such address.", 404)
    if request.content_length is not None and request.content_length > LARGEST_BODY:
        return _plain(f"At most {LARGEST_BODY} bytes are taken at once.", 413)
    try:
        reply = services.take_callback(provider, _read())
    except services.Refused as refusal:
        return _plain(str(refusal), refusal.status)
    return Response(reply.body, reply.status, mimetype=reply.content_type)


def _read() -> WebhookRequest:
    body = request.get_data(cache=True)
    return WebhookRequest(
        method=request.method,
        headers={name.lower(): value for name, value in request.headers.items()},
        query=request.args.to_dict(),
        body=body,
        form=request.form.to_dict(),
        url=request.url,
        remote_address=request.remote_addr or "",
    )


def _plain(words: str, status: int) -> Response:
    return Response(words + "\n", status, mimetype="text/plain")
