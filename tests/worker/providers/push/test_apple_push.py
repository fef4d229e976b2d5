from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.worker.providers.http2_server import Http2Server, http2_server
from tests.worker.providers.http_contract import PushHttpContract, Refusal
from tests.worker.providers.http_server import Answer, Seen, json_answer
from tests.worker.providers.messages import make_push
from tests.worker.providers.push.keys import pem
from worker.engine.http_door import http_door
from worker.providers.base import Ports, Result
from worker.providers.http_wire.provider import HttpProvider
from worker.providers.push.apple_push import ApplePushProvider

KEY = ec.generate_private_key(ec.SECP256R1())
SETTINGS = {"key": pem(KEY), "key_id": "KEY1234567", "team_id": "TEAM123456", "topic": "com.example.parcels"}
GONE = ("BadDeviceToken", "DeviceTokenNotForTopic")
FOR_GOOD = ("BadCollapseId", "BadExpirationDate", "BadMessageId", "BadPriority", "InvalidPushType", "PayloadEmpty")
AT_FAULT = ("BadCertificate", "Forbidden", "InvalidProviderToken", "MissingProviderToken", "UnrelatedKeyIdInToken")


def reason(status: int, word: str) -> Answer:
    return json_answer({"reason": word, **({"timestamp": 1_790_000_000_000} if status == 410 else {})}, status)


class TestContract(PushHttpContract):
    adapter = ApplePushProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": ""}
    secret = pem(KEY).splitlines()[1]
    malformed = (Answer(200, "<html>Gateway</html>"), Answer(200, "{"), Answer(204, ""))
    refusals = (
        *(Refusal(reason(400, word), Result.BOUNCED, "unregistered") for word in GONE),
        *(Refusal(reason(410, word), Result.BOUNCED, "unregistered") for word in ("Unregistered", "ExpiredToken")),
        *(Refusal(reason(400, word), Result.FAILED, word) for word in FOR_GOOD),
        Refusal(reason(413, "PayloadTooLarge"), Result.FAILED, "PayloadTooLarge"),
        Refusal(reason(429, "TooManyRequests"), Result.RETRY, "TooManyRequests"),
        Refusal(reason(429, "TooManyProviderTokenUpdates"), Result.RETRY, "TooManyProviderTokenUpdates"),
        Refusal(reason(400, "IdleTimeout"), Result.RETRY, "IdleTimeout"),
        Refusal(reason(500, "InternalServerError"), Result.RETRY, "InternalServerError"),
        Refusal(reason(503, "ServiceUnavailable"), Result.RETRY, "ServiceUnavailable"),
        Refusal(reason(503, "Shutdown"), Result.RETRY, "Shutdown"),
        Refusal(Answer(410, ""), Result.BOUNCED, "unregistered"),
    )
    misconfigurations = (
        *(reason(403, word) for word in AT_FAULT),
        *(reason(400, word) for word in ("BadTopic", "MissingTopic", "TopicDisallowed")),
        reason(403, "ExpiredProviderToken"),
    )

    @pytest.fixture
    def server(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
        with http2_server(tmp_path) as (server, certificate):
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            server.answer = self.accept
            yield server

    def make(self, url: str, **settings: Any) -> HttpProvider:
        return ApplePushProvider({**SETTINGS, "url": url, **settings}, Ports(http=http_door(allow_private=True)))

    def accept(self, seen: Seen) -> Answer:
        return Answer(200, b"", {"apns-id": seen.headers["apns-id"]})

    def test_the_call_is_apples(self, provider: HttpProvider, server: Http2Server) -> None:
        until = datetime.now(UTC) + timedelta(hours=1)
        message = replace(make_push(7), collapse_key="order 7 é", expires_at=until, image="https://example.com/i.png")
        outcome = self.send(provider, message).only
        (seen,) = server.seen
        assert server.protocols == {"h2"}
        assert (seen.method, seen.path) == ("POST", "/3/device/token7")
        assert seen.headers["apns-topic"] == "com.example.parcels"
        assert seen.headers["apns-push-type"] == "alert"
        assert seen.headers["apns-priority"] == "10"
        assert seen.headers["apns-expiration"] == str(int(until.timestamp()))
        assert seen.headers["apns-collapse-id"] == "order 7 %C3%A9"
        assert outcome.provider_message_id == seen.headers["apns-id"]
        assert seen.json == {
            "aps": {"alert": {"title": "Hello", "body": "Day."}, "sound": "default", "mutable-content": 1},
            "a": "b",
            "link": "app://orders",
            "image": "https://example.com/i.png",
        }

    def test_one_token_signs_all_calls(self, provider: HttpProvider, server: Http2Server) -> None:
        self.send(provider, *(self.message(number) for number in range(30)))
        (token,) = {seen.headers["authorization"].removeprefix("bearer ") for seen in server.seen}
        assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "KEY1234567", "typ": "JWT"}
        claims = jwt.decode(token, KEY.public_key(), algorithms=["ES256"])
        assert set(claims) == {"iss", "iat"}
        assert claims["iss"] == "TEAM123456"

    def test_fewer_streams_in_the_middle_stop_nothing(self, provider: HttpProvider, server: Http2Server) -> None:
        server.fewer_after = 2
        outcomes = self.send(provider, *(self.message(number) for number in range(100)))
        assert set(outcomes.results.values()) == {Result.SENT}

    def test_a_server_nobody_vouches_for_gets_nothing(
        self, server: Http2Server, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("SSL_CERT_FILE")
        outcome = self.send(self.make(server.url)).only
        assert (outcome.result, outcome.code) == (Result.RETRY, "connect_failed")
        assert not server.seen


def test_the_environment_chooses_the_server() -> None:
    assert ApplePushProvider(SETTINGS, Ports()).front_door() == "https://api.push.apple.com"
    sandbox = ApplePushProvider({**SETTINGS, "environment": "sandbox"}, Ports())
    assert sandbox.front_door() == "https://api.sandbox.push.apple.com"


@pytest.mark.parametrize("key", ["x", "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----"])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    assert set(ApplePushProvider.validate({**SETTINGS, "key": key})) == {"key"}


def test_a_key_without_its_line_breaks_serves() -> None:
    assert ApplePushProvider.validate({**SETTINGS, "key": pem(KEY).replace("\n", "")}) == {}
