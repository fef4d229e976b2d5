"""Apple Push Notification service: HTTP/2, signed in by a token that a key of the team signs."""

import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from urllib.parse import quote

import jwt

from worker.providers.base import OutgoingPush, Ports
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import Call, Reply, json_call
from worker.providers.http_wire.provider import WIRE_FIELDS, HttpProvider, address_field
from worker.providers.http_wire.redaction import Redactor
from worker.providers.http_wire.session import OnceMore
from worker.providers.http_wire.sign_in import TokenCache, parts_of_key, pem_key
from worker.providers.http_wire.verdicts import (
    Verdict,
    by_status,
    failed,
    misconfigured,
    retry,
    sent,
    short,
    unregistered,
)

_HOSTS = {"production": "https://api.push.apple.com", "sandbox": "https://api.sandbox.push.apple.com"}
_TOKEN_SECONDS = 40 * 60.0  # Apple wants one token for 20 to 60 minutes
_YOUNGEST_SECONDS = 20 * 60.0
_COLLAPSE_BYTES = 64
_MESSAGE_IDS = uuid.UUID("5a7c1d5e-3f0b-5d0c-9a53-0e6f6a1c2b4d")

_GONE = frozenset({"BadDeviceToken", "DeviceTokenNotForTopic", "Unregistered", "ExpiredToken"})
_CONFIGURATION = frozenset(
    {
        "BadCertificate", "BadCertificateEnvironment", "BadEnvironmentKeyIdInToken", "BadTopic", "Forbidden",
        "InvalidProviderToken", "MissingProviderToken", "MissingTopic", "TopicDisallowed", "UnrelatedKeyIdInToken",
    }
)  # fmt: skip
_RETRY = frozenset(
    {
        "IdleTimeout", "InternalServerError", "ServiceUnavailable", "Shutdown", "TooManyProviderTokenUpdates",
        "TooManyRequests",
    }
)  # fmt: skip


class ApplePushProvider(HttpProvider):
    """Acceptance is the last word: there are no receipts."""

    vendor: ClassVar[str] = "apple_push"
    label: ClassVar[str] = "Apple Push (APNs)"
    channel: ClassVar[str] = "push"
    description: ClassVar[str] = "iPhone, iPad, Mac and Watch apps, straight to Apple."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("key", "Key", "secret", help="The .p8 file from the developer account.", required=True),
        SettingField("key_id", "Key ID", help="Ten characters; stands in the file's name.", required=True),
        SettingField("team_id", "Team ID", help="Ten characters; on the membership page.", required=True),
        SettingField("topic", "Topic", help="The app's bundle ID, such as com.example.app.", required=True),
        SettingField(
            "environment",
            "Environment",
            "choice",
            help="Builds from Xcode register with the sandbox, those of the App Store with production.",
            default="production",
            choices=(("production", "Production"), ("sandbox", "Sandbox")),
        ),
        SettingField("sound", "Sound", help="Of the app's bundle. Empty: notifications are silent.", default="default"),
        address_field("", "Only for another server than the environment's own."),
        *WIRE_FIELDS,
    )
    http2: ClassVar[bool] = True

    def __init__(self, settings: Mapping[str, Any], ports: Ports) -> None:
        """See `HttpProvider`."""
        super().__init__(settings, ports)
        self._key = pem_key(self.values["key"])
        self.redact = Redactor([self.values["key"], self._key, *parts_of_key(self._key)])
        self._tokens = TokenCache(self._sign, youngest=_YOUNGEST_SECONDS)

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check that the key can sign."""
        errors = super().validate(settings)
        if "key" not in errors:
            try:
                jwt.encode({}, pem_key(str(settings.get("key") or "")), algorithm="ES256")
            except (ValueError, TypeError, jwt.PyJWTError):
                errors["key"] = "Paste the whole .p8 file, with its lines BEGIN and END PRIVATE KEY."
        return errors

    @property
    def origin(self) -> str:
        """Where Apple listens for this environment."""
        return str(self.values["url"] or _HOSTS[self.values["environment"]]).rstrip("/")

    def front_door(self) -> str:
        """See `HttpProvider`."""
        return self.origin

    def build(self, messages: Sequence[OutgoingPush]) -> Call:
        """One notification."""
        (message,) = messages
        return json_call(f"{self.origin}/3/device/{quote(message.token, safe='')}", self._payload(message), headers={
            "authorization": f"bearer {self._tokens.token()}", **self._headers(message),
        })  # fmt: skip

    def parse(self, reply: Reply, messages: Sequence[OutgoingPush]) -> Sequence[Verdict]:
        """Apple's id of the message, or a reason."""
        (message,) = messages
        if reply.status == 200 and not reply.body:
            return [sent(reply.headers.get("apns-id") or _message_id(message))]
        reason = _reason(reply)
        if reason == "ExpiredProviderToken":
            self._tokens.refused()
            raise OnceMore(misconfigured(reason, "Apple calls the token too old: check the clock of this server."))
        return [_refusal(reply, reason)]

    def _headers(self, message: OutgoingPush) -> dict[str, str]:
        headers = {
            "apns-topic": self.values["topic"],
            "apns-push-type": "alert",
            "apns-id": _message_id(message),
            "apns-priority": "5" if message.category == "promotional" else "10",
        }
        if message.expires_at is not None:
            headers["apns-expiration"] = str(int(message.expires_at.timestamp()))
        if message.collapse_key:
            name = quote(message.collapse_key, safe=" !#$%&'()*+,/:;=?@[]")  # a header has no letters beyond ASCII
            headers["apns-collapse-id"] = name[:_COLLAPSE_BYTES]
        return headers

    def _payload(self, message: OutgoingPush) -> dict[str, Any]:
        aps: dict[str, Any] = {"alert": {n: t for n, t in (("title", message.title), ("body", message.body)) if t}}
        if self.values["sound"]:
            aps["sound"] = self.values["sound"]
        own = {name: text for name, text in (("link", message.link), ("image", message.image)) if text}
        if message.image:
            aps["mutable-content"] = 1  # the app's extension fetches the picture
        return {**message.data, **own, "aps": aps}

    def _sign(self) -> tuple[str, float]:
        claims = {"iss": self.values["team_id"], "iat": int(time.time())}
        text = jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self.values["key_id"]})
        return text, _TOKEN_SECONDS


def _message_id(message: OutgoingPush) -> str:
    """The same for each try of a message, so that Apple's logs show them together."""
    return str(uuid.uuid5(_MESSAGE_IDS, str(message.reference)))


def _reason(reply: Reply) -> str:
    try:
        return str(reply.json_object().get("reason") or "")
    except ValueError:
        return ""


def _refusal(reply: Reply, reason: str) -> Verdict:
    detail = reason or short(reply.text) or f"Apple answers {reply.status}."
    if reason in _GONE or (reply.status == 410 and not reason):
        return unregistered(detail)
    if reason in _CONFIGURATION:
        return misconfigured(reason, f"Apple answers {reason}.")
    if reason in _RETRY:
        return retry(reason, f"Apple answers {reason}.").after(reply)
    if reason and reply.status in (400, 404, 405, 413):
        return failed(reason, f"Apple answers {reason}.")
    return by_status(reply, detail, reason)
