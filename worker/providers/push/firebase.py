"""Firebase Cloud Messaging, HTTP v1: one call for each device, signed in by a service account."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

import jwt

from worker.providers.base import ConfigurationProblem, OutgoingPush, Ports
from worker.providers.fields import SettingField
from worker.providers.http_wire.calls import Call, Reply, form_call, inner, json_call
from worker.providers.http_wire.exchange import AnswerLost, NotHandedOver, exchange
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

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_ASSERTION_SECONDS = 3600
_EARLIER = 300.0  # seconds before its end a token is replaced
_QUOTA_SECONDS = 60.0
_NO_DEVICE = "carillon-connection-test"


class FirebaseProvider(HttpProvider):
    """Acceptance is the last word: there are no receipts."""

    vendor: ClassVar[str] = "firebase"
    label: ClassVar[str] = "Firebase Cloud Messaging"
    channel: ClassVar[str] = "push"
    description: ClassVar[str] = "Android, and iPhones and browsers of apps that use Firebase."
    address_fields: ClassVar[tuple[str, ...]] = ("url", "token_url")
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField(
            "service_account",
            "Service account",
            "secret",
            help="The whole JSON key file from the Firebase console: Project settings, Service accounts.",
            required=True,
        ),
        address_field("https://fcm.googleapis.com"),
        SettingField(
            "token_url",
            "Address for signing in",
            help="Empty: the one that the key file names.",
            advanced=True,
        ),
        *WIRE_FIELDS,
    )

    def __init__(self, settings: Mapping[str, Any], ports: Ports) -> None:
        """See `HttpProvider`."""
        super().__init__(settings, ports)
        self._account = _service_account(self.values["service_account"])
        key = self._account["private_key"]
        self.redact = Redactor([self.values["service_account"], key, *parts_of_key(key)])
        self._tokens = TokenCache(self._sign_in)

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check that the key file is one."""
        errors = super().validate(settings)
        if "service_account" not in errors:
            try:
                _service_account(str(settings.get("service_account") or ""))
            except ValueError as error:
                errors["service_account"] = str(error)
        return errors

    def build(self, messages: Sequence[OutgoingPush]) -> Call:
        """One notification."""
        (message,) = messages
        return self._call({"message": _message(message)})

    def check_call(self) -> Call:
        """A message to no device, to be looked at only."""
        return self._call({"validate_only": True, "message": {"token": _NO_DEVICE}})

    def check_reply(self, reply: Reply) -> str:
        """The made-up device is refused only after the account was let in."""
        code, _, detail = _error(reply)
        if reply.ok or code in ("INVALID_ARGUMENT", "UNREGISTERED"):
            return f"The project {self._account['project_id']} accepts the service account."
        raise ConfigurationProblem(code or f"http_{reply.status}", detail or f"The answer is {reply.status}.")

    def parse(self, reply: Reply, messages: Sequence[OutgoingPush]) -> Sequence[Verdict]:  # noqa: ARG002 - always one
        """The name of the message, or an error with its code."""
        if reply.ok:
            name = reply.json_object()["name"]
            return [sent(name.rpartition("/")[2])]
        code, names_token, detail = _error(reply)
        verdict = _refusal(reply, code, detail, names_token=names_token)
        if code == "UNAUTHENTICATED":
            self._tokens.refused()
            raise OnceMore(verdict)
        return [verdict]

    def _call(self, payload: Mapping[str, Any]) -> Call:
        project = quote(self._account["project_id"], safe="")
        url = f"{self.values['url'].rstrip('/')}/v1/projects/{project}/messages:send"
        return json_call(url, payload, headers={"Authorization": f"Bearer {self._tokens.token()}"})

    def _sign_in(self) -> tuple[str, float]:
        """An access token and how long to use it. Raises NotHandedOver where there is none for now."""
        url, now = self.values["token_url"] or self._account["token_uri"], int(time.time())
        claims = {
            "iss": self._account["client_email"], "scope": _SCOPE, "aud": url, "iat": now,
            "exp": now + _ASSERTION_SECONDS,
        }  # fmt: skip
        assertion = jwt.encode(claims, self._account["private_key"], algorithm="RS256")
        try:
            with self.client() as client:
                call = form_call(url, [("grant_type", _GRANT), ("assertion", assertion)])
                reply = exchange(client, call, seconds=self.reply_seconds)
        except AnswerLost as error:  # no message was part of it
            raise NotHandedOver("sign_in_failed", error.detail) from error
        if reply.status == 429 or reply.status >= 500:
            raise NotHandedOver("sign_in_failed", f"Signing in is answered by {reply.status}: {short(reply.text)}")
        try:
            answer = reply.json_object()
            return str(answer["access_token"]), max(0.0, float(answer["expires_in"]) - _EARLIER)
        except (ValueError, KeyError, TypeError):
            words = f"Signing in is answered by {reply.status}: {short(reply.text)}"
            raise ConfigurationProblem("sign_in_refused", words) from None


def _service_account(text: str) -> dict[str, str]:
    """The fields of a key file. Raises ValueError with words for the operator."""
    try:
        account = json.loads(text)
        found = {name: str(account[name]) for name in ("client_email", "private_key", "project_id")}
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ValueError("Paste the whole key file: JSON with client_email, private_key and project_id.") from None
    try:
        return {
            **found,
            "private_key": pem_key(found["private_key"]),
            "token_uri": account.get("token_uri", _TOKEN_URL),
        }
    except ValueError as error:
        raise ValueError(f"The private_key of the key file does not serve: {error}.") from None


def _message(message: OutgoingPush) -> dict[str, Any]:
    words = {"title": message.title, "body": message.body, "image": message.image}
    data = {**message.data, **({"link": message.link} if message.link else {})}
    android: dict[str, Any] = {"priority": "NORMAL" if message.category == "promotional" else "HIGH"}
    apple: dict[str, str] = {}
    browser: dict[str, Any] = {}
    if message.collapse_key:
        android["collapse_key"] = message.collapse_key
        apple["apns-collapse-id"] = message.collapse_key.encode()[:64].decode("utf-8", "ignore")
    if message.expires_at is not None:
        seconds = max(0, int((message.expires_at - datetime.now(UTC)).total_seconds()))
        android["ttl"] = f"{seconds}s"
        apple["apns-expiration"] = str(int(message.expires_at.timestamp()))
        browser["headers"] = {"TTL": str(seconds)}
    if message.link.startswith("https://"):
        browser["fcm_options"] = {"link": message.link}
    parts: dict[str, Any] = {"data": data, "android": android, "webpush": browser}
    if apple:
        parts["apns"] = {"headers": apple}
    notification = {name: text for name, text in words.items() if text}
    return {
        "token": message.token,
        "notification": notification,
        **{name: part for name, part in parts.items() if part},
    }


def _error(reply: Reply) -> tuple[str, bool, str]:
    """(error code, does it name the token as what is wrong, words)."""
    try:
        error = inner(reply.json_object(), "error")
    except ValueError:
        return "", False, ""
    listed = error.get("details")
    details = [detail for detail in listed if isinstance(detail, dict)] if isinstance(listed, list) else []
    codes = [str(detail["errorCode"]) for detail in details if detail.get("errorCode")]
    violations = [one for detail in details for one in detail.get("fieldViolations") or () if isinstance(one, dict)]
    names_token = any(str(one.get("field", "")).endswith("message.token") for one in violations)
    return codes[0] if codes else str(error.get("status") or ""), names_token, short(str(error.get("message") or ""))


def _refusal(reply: Reply, code: str, detail: str, *, names_token: bool) -> Verdict:
    detail = detail or short(reply.text)
    if code in ("UNREGISTERED", "SENDER_ID_MISMATCH") or (code == "INVALID_ARGUMENT" and names_token):
        return unregistered(f"{code}: {detail}")
    if code == "INVALID_ARGUMENT":
        return failed(code, detail)
    if code in ("THIRD_PARTY_AUTH_ERROR", "APNS_AUTH_ERROR", "UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND"):
        return misconfigured(code, detail)  # NOT_FOUND without a code of its own: there is no such project
    if code in ("QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED"):
        return Verdict(retry(code).result, code, detail, retry_after=reply.retry_after or _QUOTA_SECONDS)
    if code in ("UNAVAILABLE", "INTERNAL", "UNSPECIFIED_ERROR"):
        return retry(code, detail).after(reply)
    return by_status(reply, detail, code)
