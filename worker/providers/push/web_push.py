"""Web Push: browsers, each reached at the address of its own push service (RFC 8030), encrypted for it alone (RFC 8291)
and signed by this installation (VAPID, RFC 8292)."""

import base64
import binascii
import json
import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from fnmatch import fnmatch
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit

import http_ece
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from worker.providers.base import ConnectionReport, OutgoingPush, Ports
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import Call, Reply
from worker.providers.http_wire.provider import WIRE_FIELDS, HttpProvider
from worker.providers.http_wire.redaction import Redactor
from worker.providers.http_wire.session import Unsendable
from worker.providers.http_wire.sign_in import TokenCache, parts_of_key, pem_key
from worker.providers.http_wire.verdicts import Verdict, by_status, failed, sent, short, unregistered

_SERVICES = (
    "fcm.googleapis.com\nupdates.push.services.mozilla.com\n*.notify.windows.com\nweb.push.apple.com\n*.push.apple.com"
)
_RECORD_BYTES = 4096
_LARGEST_PLAINTEXT = 3993
_SIGNED_SECONDS = 12 * 3600
_MOST_ORIGINS = 1000
_SECONDS_AHEAD = 4 * 7 * 24 * 3600
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_FOREIGN_KEY = re.compile(r"mismatch|do not correspond|different key", re.IGNORECASE)


class Subscription(NamedTuple):
    """What the browser gave the app: where to send, and for whom to encrypt."""

    endpoint: str
    public_key: ec.EllipticCurvePublicKey
    auth: bytes


class WebPushProvider(HttpProvider):
    """A message is for one browser at an address that the browser named: nothing of it is trusted.

    It must be https and lie with one of the services in the settings, and the way out refuses private addresses.
    """

    vendor: ClassVar[str] = "web_push"
    label: ClassVar[str] = "Web Push"
    channel: ClassVar[str] = "push"
    description: ClassVar[str] = "Browsers, without an account anywhere: a key of your own signs (VAPID)."
    address_fields: ClassVar[tuple[str, ...]] = ()
    address_of_message: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(
            "private_key",
            "Private key",
            "secret",
            help="The VAPID key: PEM, or 32 bytes in base64url. Browsers subscribe with its public half, which the "
            "connection test shows.",
            required=True,
        ),
        SettingField(
            "subject",
            "Contact",
            help="Whom a push service writes to when something is wrong: mailto: or https:.",
            required=True,
        ),
        SettingField("time_to_live", "Seconds to keep", "number", default=86400, minimum=0, maximum=_SECONDS_AHEAD,
            help="How long the service keeps a message for a browser that is off, where the job sets no end."),
        SettingField(
            "services",
            "Push services",
            "textarea",
            help="Host names to which messages may go, one a line; * stands for any part. A line http://host allows a "
            "test server without encryption.",
            default=_SERVICES,
            advanced=True,
        ),
        *WIRE_FIELDS,
    )  # fmt: skip

    def __init__(self, settings: Mapping[str, Any], ports: Ports) -> None:
        """See `HttpProvider`."""
        super().__init__(settings, ports)
        self._key = _private_key(self.values["private_key"])
        self.public_key = _b64(self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint))
        secret = self.values["private_key"]
        self.redact = Redactor([secret, *parts_of_key(secret)])
        self._signed: dict[str, TokenCache] = {}  # by origin; assignment is atomic and a token lost is made again

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check the key and the contact."""
        errors = super().validate(settings)
        if "private_key" not in errors:
            try:
                _private_key(str(settings.get("private_key") or ""))
            except ValueError:
                errors["private_key"] = "This is no private key of the curve P-256."
        if "subject" not in errors and not str(settings.get("subject")).strip().startswith(("mailto:", "https://")):
            errors["subject"] = "Begin with mailto: or https://."
        return errors

    def front_door(self) -> str:
        """The first service with a whole name."""
        named = [line for line in self._services() if "*" not in line]
        return (named[0] if "://" in named[0] else f"https://{named[0]}") if named else "https://"

    def test_connection(self) -> ConnectionReport:
        """Reach a service, and tell the key for browsers."""
        report = super().test_connection()
        words = f"Browsers subscribe with the applicationServerKey {self.public_key}"
        return ConnectionReport(report.ok, (*report.steps, ("Read the key", True, words)))

    def build(self, messages: Sequence[OutgoingPush]) -> Call:
        """One notification, encrypted. Raises Unsendable for a subscription that is none."""
        (message,) = messages
        subscription = read_subscription(message.token)
        origin = self._origin(subscription.endpoint)
        payload = _payload(message)
        if len(payload) > _LARGEST_PLAINTEXT:
            raise Unsendable("payload_too_large", f"{len(payload)} bytes; browsers take {_LARGEST_PLAINTEXT}.")
        ephemeral = ec.generate_private_key(ec.SECP256R1())
        point = subscription.public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        content = http_ece.encrypt(
            payload, private_key=ephemeral, dh=point, auth_secret=subscription.auth, rs=_RECORD_BYTES,
            version="aes128gcm",
        )  # fmt: skip
        return Call("POST", subscription.endpoint, self._headers(message, origin), content)

    def parse(self, reply: Reply, messages: Sequence[OutgoingPush]) -> Sequence[Verdict]:  # noqa: ARG002 - always one
        """The status says it all; Location names the message."""
        if reply.status == 201 or (reply.status in (200, 202) and not reply.body):
            return [sent(reply.headers.get("location", "").rpartition("/")[2][:200])]
        detail = short(reply.text)
        if reply.status in (404, 410) or (reply.status in (400, 401, 403) and _FOREIGN_KEY.search(detail)):
            return [unregistered(f"{reply.status} {detail}".strip())]
        if reply.status == 413:
            return [failed("payload_too_large", detail or "The service calls the message too large.")]
        return [by_status(reply, detail)]

    def _headers(self, message: OutgoingPush, origin: str) -> dict[str, str]:
        seconds = int(self.values["time_to_live"])
        if message.expires_at is not None:
            left = int((message.expires_at - datetime.now(UTC)).total_seconds())
            seconds = max(0, min(left, _SECONDS_AHEAD))
        headers = {
            "TTL": str(seconds),
            "Urgency": {"promotional": "low", "otp": "high"}.get(message.category, "normal"),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "Authorization": f"vapid t={self._token(origin)},k={self.public_key}",
        }
        if message.collapse_key:
            headers["Topic"] = _topic(message.collapse_key)
        return headers

    def _token(self, origin: str) -> str:
        signed = self._signed.get(origin)
        if signed is None:
            if len(self._signed) >= _MOST_ORIGINS:
                self._signed = {}
            signed = self._signed[origin] = TokenCache(lambda: self._sign(origin))
        return signed.token()

    def _sign(self, origin: str) -> tuple[str, float]:
        claims = {"aud": origin, "exp": int(time.time()) + 2 * _SIGNED_SECONDS - 60, "sub": self.values["subject"]}
        return jwt.encode(claims, self._key, algorithm="ES256"), _SIGNED_SECONDS

    def _services(self) -> list[str]:
        return [line.strip().lower() for line in str(self.values["services"]).splitlines() if line.strip()]

    def _origin(self, endpoint: str) -> str:
        """Scheme and host of an endpoint. Raises Unsendable where nothing may be sent to it."""
        try:
            parts = urlsplit(endpoint)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            raise Unsendable("bad_subscription", "The endpoint is no web address.") from None
        name = host if port is None else f"{host}:{port}"
        plain = "http://" if parts.scheme == "http" else ""
        known = any(fnmatch(plain + name, service) for service in self._services())
        if parts.scheme not in ("http", "https") or not known or "@" in parts.netloc:
            raise Unsendable(
                "endpoint_refused", f"{name or 'The endpoint'} is none of the push services in the settings."
            )
        return f"{parts.scheme}://{name}"


def read_subscription(token: str) -> Subscription:
    """A browser's subscription as JSON. Raises Unsendable for what is none."""
    try:
        found = json.loads(token)
        keys = found["keys"]
        point, auth = _unb64(keys["p256dh"]), _unb64(keys["auth"])
        public_key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        if len(auth) != 16:
            raise ValueError("auth has 16 bytes")  # noqa: TRY301
        return Subscription(str(found["endpoint"]), public_key, auth)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        words = "A subscription is JSON with endpoint and keys (p256dh and auth), as the browser gives it."
        raise Unsendable("bad_subscription", words) from error


def _payload(message: OutgoingPush) -> bytes:
    """What the service worker of the site gets: a JSON object."""
    parts: dict[str, Any] = {
        "title": message.title, "body": message.body, "image": message.image, "link": message.link,
        "tag": message.collapse_key, "data": dict(message.data),
    }  # fmt: skip
    return json.dumps({n: v for n, v in parts.items() if v}, ensure_ascii=False, separators=(",", ":")).encode()


def _topic(name: str) -> str:
    """At most 32 characters of base64url; another name becomes one, always the same."""
    return name if _TOPIC.fullmatch(name) else _b64(name.encode())[:32]


def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """From PEM or the raw number. Raises ValueError."""
    if "-----BEGIN" in text:
        key = load_pem_private_key(pem_key(text).encode(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError("not of the curve P-256")
        return key
    raw = _unb64(text.strip())
    if len(raw) != 32:
        raise ValueError("not 32 bytes")
    return ec.derive_private_key(int.from_bytes(raw), ec.SECP256R1())


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _unb64(text: str) -> bytes:
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError("no base64url") from error
