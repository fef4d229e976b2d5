import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.worker.providers.http_contract import PushHttpContract, Refusal
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import make_push
from tests.worker.providers.push.keys import pem
from worker.providers.base import Ports, Result
from worker.providers.http_wire.provider import HttpProvider
from worker.providers.push.firebase import FirebaseProvider

KEY = rsa.generate_private_key(65537, 2048)
ACCOUNT = {
    "type": "service_account",
    "project_id": "parcels",
    "private_key": pem(KEY),
    "client_email": "sender@parcels.example.com",
    "token_uri": "https://token.example.com/token",
}
SIGNED_IN = json_answer({"access_token": "ya29.first", "expires_in": 3599, "token_type": "Bearer"})


def error(status: int, name: str, code: str = "", **details: Any) -> Answer:
    listed = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}] if code else []
    listed += [details] if details else []
    return json_answer(
        {"error": {"code": status, "message": f"words about {code or name}", "status": name, "details": listed}}, status
    )


BAD_TOKEN = error(
    400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", fieldViolations=[{"field": "message.token", "description": "no token"}]
)


class TestContract(PushHttpContract):
    adapter = FirebaseProvider
    settings: ClassVar[dict[str, Any]] = {"service_account": json.dumps(ACCOUNT)}
    addresses: ClassVar[dict[str, str]] = {"url": "", "token_url": "/token"}
    secret = pem(KEY).splitlines()[3]
    expected_message_id = "0:{}".format
    refusals = (
        Refusal(error(404, "NOT_FOUND", "UNREGISTERED"), Result.BOUNCED, "unregistered"),
        Refusal(error(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"), Result.BOUNCED, "unregistered"),
        Refusal(BAD_TOKEN, Result.BOUNCED, "unregistered"),
        Refusal(error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), Result.FAILED, "INVALID_ARGUMENT"),
        Refusal(error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"), Result.RETRY, "QUOTA_EXCEEDED"),
        Refusal(error(503, "UNAVAILABLE", "UNAVAILABLE"), Result.RETRY, "UNAVAILABLE"),
        Refusal(error(500, "INTERNAL", "INTERNAL"), Result.RETRY, "INTERNAL"),
        Refusal(error(500, "INTERNAL"), Result.RETRY, "INTERNAL"),
        Refusal(error(500, "UNKNOWN", "UNSPECIFIED_ERROR"), Result.RETRY, "UNSPECIFIED_ERROR"),
        Refusal(Answer(502, "<html>"), Result.UNKNOWN, "http_502"),
    )
    misconfigurations = (
        error(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
        error(401, "UNAUTHENTICATED"),
        error(403, "PERMISSION_DENIED"),
        error(404, "NOT_FOUND"),
    )

    @pytest.fixture(autouse=True)
    def sign_in(self, server: VendorServer) -> None:
        server.always_at["/token"] = SIGNED_IN

    def accept(self, seen: Seen) -> Answer:
        number = seen.json["message"]["token"].removeprefix("token")
        return json_answer({"name": f"projects/parcels/messages/0:{number}"})

    def test_the_message_is_the_vendors(self, provider: HttpProvider, server: VendorServer) -> None:
        until = datetime.now(UTC) + timedelta(hours=1)
        message = replace(make_push(7), collapse_key="order", expires_at=until, link="https://example.com/o")
        self.send(provider, message)
        (seen,) = server.seen_at("/v1/projects/parcels/messages:send")
        assert seen.headers["authorization"] == "Bearer ya29.first"
        written = seen.json["message"]
        assert written.pop("android")["ttl"] in ("3600s", "3599s", "3598s")
        written.pop("webpush")
        assert written == {
            "token": "token7",
            "notification": {"title": "Hello", "body": "Day."},
            "data": {"a": "b", "link": "https://example.com/o"},
            "apns": {"headers": {"apns-collapse-id": "order", "apns-expiration": str(int(until.timestamp()))}},
        }

    def test_the_account_signs_in_once(self, provider: HttpProvider, server: VendorServer) -> None:
        self.send(provider, *(self.message(number) for number in range(30)))
        (seen,) = server.seen_at("/token")
        assert seen.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        audience = f"{server.url}/token"
        claims = jwt.decode(seen.form["assertion"], KEY.public_key(), algorithms=["RS256"], audience=audience)
        assert claims["iss"] == ACCOUNT["client_email"]
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert claims["exp"] - claims["iat"] == 3600

    def test_a_token_at_its_end_is_replaced(self, provider: HttpProvider, server: VendorServer) -> None:
        server.always_at["/token"] = json_answer({"access_token": "short", "expires_in": 60})
        self.send(provider, self.message(1), self.message(2))
        assert len(server.seen_at("/token")) == 2

    def test_a_call_refused_for_its_token_is_made_once_more(self, provider: HttpProvider, server: VendorServer) -> None:
        answers = iter([error(401, "UNAUTHENTICATED")])
        server.answer = lambda seen: next(answers, None) or self.accept(seen)
        assert self.send(provider).only.result is Result.SENT

    @pytest.mark.parametrize("answer", [Answer(503, "busy"), Answer(429, ""), Answer(cut=True)])
    def test_nothing_was_sent_where_signing_in_fails(
        self, provider: HttpProvider, server: VendorServer, answer: Answer
    ) -> None:
        server.always_at["/token"] = answer
        outcome = self.send(provider).only
        assert (outcome.result, outcome.code) == (Result.RETRY, "sign_in_failed")

    def test_a_refused_account_is_told(self, provider: HttpProvider, server: VendorServer) -> None:
        server.always_at["/token"] = json_answer({"error": "invalid_grant", "error_description": "No such key."}, 400)
        report = provider.test_connection()
        assert not report.ok
        assert "No such key." in report.steps[0][2]


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", json.dumps({**ACCOUNT, "private_key": "x"}), json.dumps({**ACCOUNT, "private_key": ""})]
)
def test_a_key_file_that_is_none_is_refused(text: str) -> None:
    assert set(FirebaseProvider.validate({"service_account": text})) == {"service_account"}


def test_the_key_files_own_address_holds_where_none_is_set() -> None:
    provider = FirebaseProvider({"service_account": json.dumps(ACCOUNT)}, Ports())
    assert provider._account["token_uri"] == "https://token.example.com/token"
