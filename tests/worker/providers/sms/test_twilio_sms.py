import base64
import hmac
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from tests.worker.providers.http_contract import (
    ReceiptContract,
    Refusal,
    SmsHttpContract,
    form_callback,
    json_callback,
    query_callback,
)
from tests.worker.providers.http_server import Answer, Seen, VendorServer, json_answer
from tests.worker.providers.messages import make_sms
from worker.providers.base import Ports, Result, WebhookRequest
from worker.providers.receipts import Receipt, ReceiptKind
from worker.providers.sms.twilio_sms import TwilioSmsProvider

SETTINGS = {"account_sid": "AC1", "auth_token": "twilio-secret"}


def refused(code: int, status: int = 400) -> Answer:
    return json_answer({"code": code, "message": f"words about {code}", "more_info": "x", "status": status}, status)


class TestContract(SmsHttpContract):
    adapter = TwilioSmsProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    addresses: ClassVar[dict[str, str]] = {"url": "/2010-04-01/Accounts/{account_sid}/Messages.json"}
    secret = "twilio-secret"
    expected_message_id = "SM9198000{:05d}".format
    refusals = (
        *(Refusal(refused(code), Result.FAILED, str(code)) for code in (21211, 21610, 21614, 21901, 29999)),
        *(Refusal(refused(code, 429), Result.RETRY, str(code)) for code in (20429, 21611, 29999)),
        Refusal(refused(20500, 500), Result.RETRY, "20500"),
    )
    misconfigurations = (refused(20003, 401), *(refused(code) for code in (21408, 21606, 21608, 21612)))

    def accept(self, seen: Seen) -> Answer:
        return json_answer({"sid": f"SM{seen.form['To'][1:]}", "status": "queued", "num_segments": "1"}, 201)

    def test_the_form_is_the_vendors(self, provider: TwilioSmsProvider, server: VendorServer) -> None:
        self.send(provider, make_sms(7))
        (seen,) = server.seen
        assert seen.path == "/2010-04-01/Accounts/AC1/Messages.json"
        assert seen.headers["authorization"] == "Basic QUMxOnR3aWxpby1zZWNyZXQ="
        assert seen.form == {"To": "+919800000007", "From": "PARCEL", "Body": "Your parcel is on its way."}

    def test_a_service_and_a_callback(self, server: VendorServer) -> None:
        url = server.url + self.addresses["url"]
        settings = {**SETTINGS, "url": url, "messaging_service": "MG1"}
        provider = TwilioSmsProvider(settings, Ports(receipts_url="https://desk.example/webhooks/x/t"))
        self.send(provider, make_sms(7))
        form = server.seen[0].form
        assert form["StatusCallback"] == "https://desk.example/webhooks/x/t?reference=7"
        assert form["MessagingServiceSid"] == "MG1"
        assert "From" not in form


VALUES = {"MessageSid": "SM1", "To": "+919800000001", "From": "PARCEL"}


def callback(status: str, kind: ReceiptKind, code: str = "") -> tuple[WebhookRequest, list[Receipt]]:
    values = {**VALUES, "MessageStatus": status, **({"ErrorCode": code} if code else {})}
    request = replace(form_callback(values), query={"reference": "7"})
    return request, [Receipt(kind, "", 7, "SM1", "+919800000001", code or status)]


class TestReceipts(ReceiptContract):
    adapter = TwilioSmsProvider
    settings: ClassVar[dict[str, Any]] = SETTINGS
    callbacks = (
        callback("queued", ReceiptKind.ACCEPTED),
        callback("sent", ReceiptKind.ACCEPTED),
        callback("delivered", ReceiptKind.DELIVERED),
        callback("undelivered", ReceiptKind.BOUNCED, "30003"),
        callback("failed", ReceiptKind.FAILED, "30007"),
    )
    unreadable = (query_callback({}), json_callback(b"{"), form_callback(VALUES))

    def unknown_word(self) -> WebhookRequest:
        return form_callback({**VALUES, "MessageStatus": "scheduled"})


ADDRESS = "https://desk.example/webhooks/x/t"


def signed(url: str, token: str = "twilio-secret") -> WebhookRequest:
    request = replace(callback("delivered", ReceiptKind.DELIVERED)[0], url="http://10.0.0.5/webhooks/x/t")
    text = url + "".join(name + value for name, value in sorted(request.form.items()))
    signature = base64.b64encode(hmac.digest(token.encode(), text.encode(), "sha1")).decode()
    return replace(request, headers={**request.headers, "x-twilio-signature": signature})


@pytest.mark.parametrize(
    ("url", "token", "genuine"),
    [
        (f"{ADDRESS}?reference=7", "twilio-secret", True),
        ("http://10.0.0.5/webhooks/x/t", "twilio-secret", True),
        (f"{ADDRESS}?reference=8", "twilio-secret", False),
        (f"{ADDRESS}?reference=7", "other", False),
    ],
)
def test_only_the_vendors_signature_counts(url: str, token: str, genuine: bool) -> None:
    provider = TwilioSmsProvider(SETTINGS, Ports(receipts_url=ADDRESS))
    assert provider.verify(signed(url, token)) is genuine


def test_a_callback_without_signature_is_refused() -> None:
    provider = TwilioSmsProvider(SETTINGS, Ports(receipts_url=ADDRESS))
    assert not provider.verify(callback("delivered", ReceiptKind.DELIVERED)[0])
