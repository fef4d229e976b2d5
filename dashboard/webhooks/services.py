"""Taking callbacks in: verified, kept whole, answered at once; the receipts lane reads them."""

from __future__ import annotations

import ipaddress
import logging
import time
from functools import partial
from threading import Lock

from dashboard.audit.services import record
from dashboard.current import current_settings
from dashboard.extensions import after_commit, db, transaction, utc_now
from dashboard.problems import DomainError, NotFound
from dashboard.providers.models import Provider, new_webhook_token
from dashboard.webhooks import queries
from dashboard.webhooks.models import Callback, CallbackState
from worker.engine.plan import CannotSend, adapter_for
from worker.providers.base import ConfigurationProblem
from worker.providers.base import Provider as Adapter
from worker.providers.receipts import WebhookReply, WebhookRequest
from worker.queues import Queue, enqueue

logger = logging.getLogger(__name__)

#: Headers that are kept; a signature is of no use later, and credentials are nobody's business.
_KEPT_HEADERS = ("content-type", "user-agent", "content-encoding")
_KEPT_OF_REFUSED = 2000  # bytes
_HINT_SECONDS = 0.25


class Refused(Exception):
    """The callback does not come from the vendor; `status` is what it is answered with."""

    def __init__(self, words: str, status: int = 403) -> None:
        super().__init__(words)
        self.status = status


def address_of(provider: Provider) -> str:
    """Where the vendor has to call."""
    return f"{current_settings().base_url}/webhooks/{provider.vendor}/{provider.webhook_token}"


def take_callback(provider: Provider, request: WebhookRequest) -> WebhookReply:
    """Answer a probe, or keep a verified callback for the receipts lane. Raises Refused; a refused one is kept too.

    Whatever cannot be verified for a reason of ours answers 503, so that the vendor comes again.
    """
    try:
        adapter = adapter_for(provider, current_settings(), db.engine)
        _check_source(provider, request.remote_address)
        _check_signature(adapter, request)
    except (CannotSend, ConfigurationProblem) as problem:
        raise Refused(f"It cannot be verified now: {problem}", status=503) from problem
    except Refused as refusal:
        _keep(provider, request, CallbackState.REFUSED, str(refusal))
        raise
    reply = adapter.probe(request)
    if reply is not None:
        return reply
    if not request.body and not request.query and not request.form:
        return WebhookReply()
    _keep(provider, request, CallbackState.NEW, "")
    return WebhookReply()


def read_again(*, provider_id: int, callback_id: int) -> None:
    """Hand a callback that could not be read to the receipts lane once more."""
    with transaction():
        callback = queries.find(provider_id, callback_id)
        if callback is None:
            raise NotFound("This callback is not kept any more.")
        if callback.state != CallbackState.UNREADABLE:
            raise DomainError("Only callbacks that could not be read are read again.")
        callback.state, callback.problem = CallbackState.NEW, ""
        after_commit(hints.give)


def read_mailbox_now(*, provider_id: int) -> None:
    """Have the bounce mailbox read without waiting for its next minute. DomainError where none is set up."""
    with transaction():
        provider = _provider(provider_id)
        if not queries.reads_mailbox(provider):
            raise DomainError("No bounce mailbox is set up. Enter one under Configuration, More settings.")
        mailbox = queries.mailbox(provider_id)
        if mailbox is not None:
            mailbox.next_read_at = utc_now()
        after_commit(partial(enqueue, "read_bounce_mailbox", provider_id, queue=Queue.RECEIPTS))


def renew_address(*, provider_id: int) -> None:
    """A new unguessable address; the old one answers 404 from now on."""
    with transaction():
        provider = _provider(provider_id)
        provider.webhook_token = new_webhook_token()
        record("provider.renew_webhook", provider, summary=f"New callback address of {provider.name}")


def set_sources(*, provider_id: int, text: str) -> None:
    """The networks that may call, one a line ("203.0.113.0/24", or one address); none for any. DomainError."""
    networks = [_network(line.strip()) for line in text.replace(",", "\n").splitlines() if line.strip()]
    with transaction():
        provider = _provider(provider_id)
        before, provider.webhook_sources = provider.webhook_sources, networks
        record(
            "provider.set_webhook_sources",
            provider,
            summary=f"Who may call back {provider.name}",
            before={"networks": before},
            after={"networks": networks},
        )


def _provider(provider_id: int) -> Provider:
    provider = db.session.get(Provider, provider_id)
    if provider is None:
        raise NotFound("There is no such provider.")
    return provider


def _network(line: str) -> str:
    try:
        return str(ipaddress.ip_network(line, strict=False))
    except ValueError:
        raise DomainError(
            f"“{line}” is not a network. Write one like 203.0.113.0/24, or one address.", field="networks"
        ) from None


def _check_source(provider: Provider, remote_address: str) -> None:
    if not provider.webhook_sources:
        return
    try:
        caller = ipaddress.ip_address(remote_address)
    except ValueError:
        raise Refused("The caller's address is not known.") from None
    if not any(caller in ipaddress.ip_network(network) for network in provider.webhook_sources):
        raise Refused(f"{remote_address} is not among the networks that may call.")


def _check_signature(adapter: Adapter, request: WebhookRequest) -> None:
    try:
        verified = adapter.verify(request)
    except (ValueError, KeyError) as error:
        raise Refused("The signature cannot be read.") from error
    if not verified:
        raise Refused("The signature is wrong.")


def _keep(provider: Provider, request: WebhookRequest, state: CallbackState, problem: str) -> None:
    refused = state is CallbackState.REFUSED
    with transaction():
        db.session.add(
            Callback(
                provider_id=provider.id,
                state=state,
                method=request.method,
                query=dict(request.query),
                headers={name: request.headers[name] for name in _KEPT_HEADERS if name in request.headers},
                form={} if refused else dict(request.form),
                body=request.body[:_KEPT_OF_REFUSED] if refused else request.body,
                remote_address=request.remote_address[:60],
                problem=problem,
            )
        )
        if not refused:
            after_commit(hints.give)


class _Hints:
    """Tells the receipts lane that there is something to read, at most four times a second and process: one call
    reads all there is, and the scheduler's sweep finds what comes in between."""

    def __init__(self) -> None:
        self._given = 0.0
        self._lock = Lock()

    def give(self) -> None:
        with self._lock:
            if time.monotonic() - self._given < _HINT_SECONDS:
                return
            self._given = time.monotonic()
        enqueue("process_receipts", queue=Queue.RECEIPTS)


hints = _Hints()
