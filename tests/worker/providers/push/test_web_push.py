import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import http_ece
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.worker.providers.http_contract import PushHttpContract, Refusal
from tests.worker.providers.http_server import Answer, Seen, VendorServer, unused_url
from tests.worker.providers.messages import Outcomes, make_push
from tests.worker.providers.push.keys import pem
from worker.engine.http_door import http_door
from worker.providers.base import Ports, Result
from worker.providers.http_wire.provider import HttpProvider
from worker.providers.push.web_push import WebPushProvider

KEY = ec.generate_private_key(ec.SECP256R1())
BROWSER = ec.generate_private_key(ec.SECP256R1())
AUTH = bytes(range(16))
SETTINGS = {"private_key": pem(KEY), "subject": "mailto:push@example.com"}


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def subscription(endpoint: str, auth: bytes = AUTH) -> str:
    return json.dumps({"endpoint": endpoint, "keys": {"p256dh": b64(point(BROWSER)), "auth": b64(auth)}})


def provider_at(url: str, **settings: Any) -> WebPushProvider:
    return WebPushProvider({**SETTINGS, "services": url, **settings}, Ports())


class TestContract(PushHttpContract):
    adapter = WebPushProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    secret = pem(KEY).splitlines()[1]
    expected_message_id = "m{}".format
    malformed = (Answer(200, "<html>Gateway</html>"), Answer(204, ""), Answer(502, ""))
    refusals = (
        *(Refusal(Answer(status, "gone"), Result.BOUNCED, "unregistered") for status in (404, 410)),
        Refusal(Answer(403, "the VAPID credentials do not correspond"), Result.BOUNCED, "unregistered"),
        Refusal(Answer(401, "VAPID public key mismatch"), Result.BOUNCED, "unregistered"),
        Refusal(Answer(400, "bad"), Result.FAILED, "http_400"),
        Refusal(Answer(413, ""), Result.FAILED, "payload_too_large"),
        Refusal(Answer(429, "slower"), Result.RETRY, "http_429"),
        Refusal(Answer(500, "down"), Result.RETRY, "http_500"),
    )
    misconfigurations = (Answer(401, "bad signature"), Answer(403, "bad signature"))
    url = ""

    def make(self, url: str, **settings: Any) -> HttpProvider:
        self.url = url
        return provider_at(url, **settings)

    def message(self, reference: int) -> Any:
        return make_push(reference, token=subscription(f"{self.url}/push/{reference}"))

    def accept(self, seen: Seen) -> Answer:
        return Answer(201, b"", {"Location": f"https://push.example.com/m{seen.path.rpartition('/')[2]}"})

    def test_the_browser_reads_what_was_written(self, provider: HttpProvider, server: VendorServer) -> None:
        until = datetime.now(UTC) + timedelta(hours=1)
        self.send(provider, replace(self.message(7), collapse_key="order 7", expires_at=until, category="otp"))
        (seen,) = server.seen
        plain = http_ece.decrypt(seen.body, private_key=BROWSER, auth_secret=AUTH, version="aes128gcm")
        assert json.loads(plain) == {
            "title": "Hello", "body": "Day.", "link": "app://orders", "tag": "order 7", "data": {"a": "b"},
        }  # fmt: skip
        assert seen.headers["content-encoding"] == "aes128gcm"
        assert seen.headers["ttl"] in ("3600", "3599", "3598")
        assert (seen.headers["urgency"], seen.headers["topic"]) == ("high", b64(b"order 7"))

    def test_the_service_can_verify_the_signature(self, provider: HttpProvider, server: VendorServer) -> None:
        self.send(provider, *(self.message(number) for number in range(20)))
        (header,) = {seen.headers["authorization"] for seen in server.seen}
        token, key = header.removeprefix("vapid t=").split(",k=")
        assert key == b64(point(KEY))
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), base64.urlsafe_b64decode(key + "="))
        claims = jwt.decode(token, public, algorithms=["ES256"], audience=server.url)
        assert claims["sub"] == "mailto:push@example.com"
        left = claims["exp"] - datetime.now(UTC).timestamp()
        assert 12 * 3600 < left < 24 * 3600

    def test_the_connection_test_tells_the_key_for_browsers(self, provider: HttpProvider) -> None:
        assert b64(point(KEY)) in provider.test_connection().steps[-1][2]

    def test_a_message_that_stays_a_while_says_so(self, server: VendorServer) -> None:
        self.send(self.make(server.url, time_to_live=60))
        assert server.seen[0].headers["ttl"] == "60"

    @pytest.mark.parametrize(
        "endpoint", ["https://evil.example.com/x", "http://127.0.0.1:1/x", "ftp://a/b", "x", "http://[x"]
    )
    def test_endpoints_elsewhere_get_nothing(
        self, provider: HttpProvider, server: VendorServer, endpoint: str
    ) -> None:  # fmt: skip
        outcomes = self.send(provider, make_push(1, token=subscription(endpoint)), self.message(2))
        assert outcomes.results == {1: Result.FAILED, 2: Result.SENT}
        assert outcomes.of(1).code in ("endpoint_refused", "bad_subscription")

    @pytest.mark.parametrize(
        "token", ["abc", "[]", "{}", '{"endpoint": "https://a", "keys": {"p256dh": "AA", "auth": "AA"}}']
    )
    def test_a_token_that_is_no_subscription_fails_alone(self, provider: HttpProvider, token: str) -> None:
        outcomes = self.send(provider, make_push(1, token=token), self.message(2))
        assert outcomes.results == {1: Result.FAILED, 2: Result.SENT}
        assert outcomes.of(1).code == "bad_subscription"

    def test_a_long_message_is_told_before_it_is_sent(self, provider: HttpProvider, server: VendorServer) -> None:
        outcome = self.send(provider, replace(self.message(1), body="x" * 4000)).only
        assert (outcome.result, outcome.code) == (Result.FAILED, "payload_too_large")
        assert not server.seen

    def test_a_private_address_is_the_messages_fault_alone(self, server: VendorServer) -> None:
        provider = WebPushProvider({**SETTINGS, "services": server.url}, Ports(http=http_door(allow_private=False)))
        outcomes, session = Outcomes(), provider.open()
        session.send([make_push(n, token=subscription(f"{server.url}/{n}")) for n in range(3)], outcomes)
        session.close()
        assert set(outcomes.results.values()) == {Result.FAILED}
        assert {outcome.code for outcome in outcomes.all} == {"address_refused"}
        assert not server.seen


def test_the_usual_services_are_known() -> None:
    provider = WebPushProvider(SETTINGS, Ports())
    for host in ("fcm.googleapis.com", "wns2-par02p.notify.windows.com", "web.push.apple.com"):
        assert provider.build([make_push(1, token=subscription(f"https://{host}/x"))]).url == f"https://{host}/x"
    assert provider.front_door() == "https://fcm.googleapis.com"


@pytest.mark.parametrize("number", [1, 2**200, KEY.private_numbers().private_value], ids=["least", "middle", "ours"])
def test_a_raw_key_serves(number: int) -> None:
    assert WebPushProvider.validate({**SETTINGS, "private_key": b64(number.to_bytes(32))}) == {}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("private_key", "abc"),
        ("private_key", pem(ec.generate_private_key(ec.SECP384R1()))),
        ("subject", "push@example"),
    ],
)
def test_settings_that_do_not_serve_are_told(name: str, value: str) -> None:
    assert set(WebPushProvider.validate({**SETTINGS, name: value})) == {name}


def test_without_a_reachable_service_the_test_fails() -> None:
    assert not provider_at(unused_url()).test_connection().ok
