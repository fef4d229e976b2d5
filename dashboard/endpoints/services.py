"""Making and changing webhook endpoints, and delivering to them again; every change is in the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from flask_login import current_user
from sqlalchemy import delete, insert, update

from dashboard.audit.services import record
from dashboard.crypto import CannotDecrypt, decrypt, encrypt
from dashboard.current import current_settings
from dashboard.endpoints.announcing import delivery_row, payload_of
from dashboard.endpoints.kinds import KINDS, TEST
from dashboard.endpoints.models import DeliveryState, WebhookDelivery, WebhookEndpoint
from dashboard.endpoints.signing import OVERLAP, new_secret
from dashboard.extensions import after_commit, db, transaction, utc_now
from dashboard.ids import new_id, public_id
from dashboard.problems import DomainError, NotFound, check_version
from worker.queues import Queue, enqueue


def create_endpoint(*, name: str, url: str, kinds: Sequence[str]) -> tuple[WebhookEndpoint, str]:
    """Make an endpoint. Returns it with its secret, which is not shown again. Raises DomainError."""
    _check(name, url, kinds)
    secret = new_secret()
    with transaction():
        endpoint = WebhookEndpoint(
            name=name.strip(),
            url=url.strip(),
            kinds=sorted(set(kinds)),
            secrets=encrypt(current_settings().key, {"current": secret}),
            created_by=getattr(current_user, "id", None),
        )
        db.session.add(endpoint)
        db.session.flush()
        record("endpoint.create", endpoint, summary=f"Webhook endpoint {endpoint.name} made", after=_facts(endpoint))
    return endpoint, secret


def update_endpoint(
    *, endpoint_id: int, name: str, url: str, kinds: Sequence[str], version: int | None = None
) -> WebhookEndpoint:
    """Change an endpoint. Raises NotFound, DomainError or Conflict."""
    _check(name, url, kinds)
    with transaction():
        endpoint = _locked(endpoint_id)
        check_version(endpoint, version)
        before = _facts(endpoint)
        endpoint.name, endpoint.url, endpoint.kinds = name.strip(), url.strip(), sorted(set(kinds))
        record("endpoint.update", endpoint, summary=endpoint.name, before=before, after=_facts(endpoint))
    return endpoint


def set_enabled(*, endpoint_id: int, enabled: bool) -> WebhookEndpoint:
    """Enable or disable an endpoint. What waited for it goes on; what happened meanwhile is not told.

    Raises NotFound; where it is so already nothing changes.
    """
    with transaction():
        endpoint = _locked(endpoint_id)
        if endpoint.enabled != enabled:
            endpoint.enabled, endpoint.disabled_reason, endpoint.failing_since = enabled, "", None
            if enabled:
                endpoint.listening_since = utc_now()
                after_commit(enqueue, "deliver_webhooks", queue=Queue.PERIODIC)
            record("endpoint.enable" if enabled else "endpoint.disable", endpoint, summary=endpoint.name)
    return endpoint


def rotate_secret(*, endpoint_id: int) -> tuple[WebhookEndpoint, str]:
    """Give an endpoint a new secret; for OVERLAP deliveries are signed with the old one too. Raises NotFound."""
    secret = new_secret()
    with transaction():
        endpoint = _locked(endpoint_id)
        key = current_settings().key
        kept = {"current": secret}
        try:
            kept["old"] = decrypt(key, endpoint.secrets)["current"]
            endpoint.old_secret_until = utc_now() + OVERLAP
        except CannotDecrypt:
            endpoint.old_secret_until = None
        endpoint.secrets = encrypt(key, kept)
        record("endpoint.rotate", endpoint, summary=f"Webhook endpoint {endpoint.name} has a new secret")
    return endpoint, secret


def delete_endpoint(*, endpoint_id: int) -> str:
    """Delete an endpoint with its deliveries; its name. Raises NotFound."""
    with transaction():
        endpoint = _locked(endpoint_id)
        name = endpoint.name
        record("endpoint.delete", endpoint, summary=name, before=_facts(endpoint))
        db.session.execute(delete(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id))
        db.session.delete(endpoint)
    return name


def send_test(*, endpoint_id: int) -> WebhookDelivery:
    """A delivery that says nothing but hello. Raises NotFound, or DomainError where the endpoint is disabled."""
    with transaction():
        endpoint = _locked(endpoint_id)
        _check_enabled(endpoint)
        now = utc_now()
        payload = payload_of(TEST, now, {"endpoint": endpoint.public_id, "name": endpoint.name})
        number = new_id()
        row = delivery_row(number, endpoint_id, public_id("wev", number), TEST, payload, now)
        db.session.execute(insert(WebhookDelivery), [row])
        after_commit(enqueue, "deliver_webhooks", queue=Queue.PERIODIC)
        return db.session.get_one(WebhookDelivery, number)


def redeliver(*, delivery_id: int) -> WebhookDelivery:
    """Deliver once more, with the same id and payload, whatever became of it before.

    Raises NotFound, or DomainError where the endpoint is disabled or a worker has the delivery in hand.
    """
    with transaction():
        delivery = db.session.get(WebhookDelivery, delivery_id, with_for_update=True)
        if delivery is None:
            raise NotFound("There is no such delivery. It may have been deleted when its time was over.")
        endpoint = _locked(delivery.endpoint_id)
        _check_enabled(endpoint)
        if delivery.lease_until is not None and delivery.lease_until > utc_now():
            raise DomainError("It is being delivered at this moment.", code="wrong_state")
        delivery.state, delivery.step, delivery.next_try_at = DeliveryState.PENDING, 0, utc_now()
        record("endpoint.redeliver", endpoint, summary=f"Delivery {delivery.public_id} once more")
        after_commit(enqueue, "deliver_webhooks", queue=Queue.PERIODIC)
    return delivery


def redeliver_failed(*, endpoint_id: int) -> int:
    """Deliver everything once more that failed; how many. Raises NotFound, or DomainError where it is disabled."""
    with transaction():
        endpoint = _locked(endpoint_id)
        _check_enabled(endpoint)
        again = (
            update(WebhookDelivery)
            .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == DeliveryState.FAILED)
            .values(state=DeliveryState.PENDING.value, step=0, next_try_at=utc_now())
            .returning(WebhookDelivery.id)
        )
        count = len(db.session.scalars(again).all())
        if count:
            record("endpoint.redeliver", endpoint, summary=f"{count} failed deliveries once more")
            after_commit(enqueue, "deliver_webhooks", queue=Queue.PERIODIC)
    return count


def _locked(endpoint_id: int) -> WebhookEndpoint:
    endpoint = db.session.get(WebhookEndpoint, endpoint_id, with_for_update=True)
    if endpoint is None:
        raise NotFound("There is no such webhook endpoint.")
    return endpoint


def _check_enabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.enabled:
        raise DomainError("This endpoint is disabled. Enable it first.", code="wrong_state")


def _check(name: str, url: str, kinds: Sequence[str]) -> None:
    if not name.strip():
        raise DomainError("Name the application that listens there.", field="name")
    _check_url(url.strip())
    if not kinds:
        raise DomainError("Choose at least one kind of event.", field="kinds")
    for kind in kinds:
        if kind not in KINDS:
            raise DomainError(f"There is no kind of event {kind}.", field="kinds")


def _check_url(url: str) -> None:
    """Whether the host is private is looked at with every connection: a name can come to mean another address."""
    try:
        parts = urlsplit(url)
        well_formed = bool(parts.hostname) and (parts.port or 443) > 0
    except ValueError:
        well_formed = False
    allowed = ("https", "http") if current_settings().allow_private_urls else ("https",)
    if not well_formed or parts.scheme not in allowed or any(letter.isspace() for letter in url):
        raise DomainError("Give a whole address that begins with https://.", field="url")
    if parts.username is not None or parts.password is not None:
        raise DomainError("Leave user name and password out of the address: signatures prove us.", field="url")


def _facts(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {"name": endpoint.name, "url": endpoint.url, "kinds": endpoint.kinds, "enabled": endpoint.enabled}
