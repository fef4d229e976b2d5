"""One-time codes of the API case: sent by email within the request, and verified.

The code itself leaves the web process in the message alone. The bench's configuration repeats a code on a resend, so
its seed is kept encrypted, and the bench, which has the installation's key, can work the code out.
"""

from __future__ import annotations

import json
from itertools import count
from typing import Any

import httpx
from sqlalchemy import select

from dashboard.crypto import decrypt
from dashboard.current import current_settings
from dashboard.extensions import db, read_connection
from dashboard.message_templates.models import Category
from dashboard.otp.codes import code_of
from dashboard.otp.models import OtpRequest, Resend
from dashboard.otp.services import create_configuration
from dashboard.providers.models import Provider
from tests.bench.api_web import percentiles, timed
from tests.factories.otp import EMAIL
from tests.factories.sending import new_template

_WARM = 20


class Codes:
    """Sends codes to addresses that never had one."""

    def __init__(self, client: httpx.Client, provider: Provider) -> None:
        values = {"name": "bench", "channels": ["email"], "email_provider_id": provider.id, "destination_limit": 0}
        template = new_template(EMAIL, Category.OTP)[0]
        create_configuration({**values, "email_template_id": template.id, "resend": Resend.SAME.value})
        self._client = client
        self._numbers = count()
        self._last = ""

    def send(self) -> None:
        """One code."""
        body = {"email": f"bench{next(self._numbers)}@example.com"}
        answer = self._post("send", body)
        code = answer.json()["codes"][0] if answer.status_code == 200 else {}
        if code.get("state") != "sent":
            raise SystemExit(f"{answer.status_code}: {answer.text}")
        self._last = code["request_id"]

    def figures(self, n: int) -> dict[str, Any]:
        """Latencies of send and of verify, in milliseconds, and both together per second."""
        for _ in range(_WARM):
            self.send()
        sends, checks = [], []
        for _ in range(n):
            sends.append(timed(self.send))
            checks.append(self._verified())
        per_second = n / (sum(sends) + sum(checks))
        return {"send": percentiles(sends), "verify": percentiles(checks), "per_second": round(per_second)}

    def _verified(self) -> float:
        body: dict[str, object] = {"request_id": self._last, "code": _newest_code()}
        answers: list[httpx.Response] = []
        seconds = timed(lambda: answers.append(self._post("verify", body)))
        if answers[0].status_code != 200 or not answers[0].json()["verified"]:
            raise SystemExit(f"{answers[0].status_code}: {answers[0].text}")
        return seconds

    def _post(self, what: str, body: dict[str, Any]) -> httpx.Response:
        return self._client.post(f"/api/v1/otp/{what}", content=json.dumps(body).encode())


def _newest_code() -> str:
    wanted = select(OtpRequest.seed, OtpRequest.length, OtpRequest.alphabet)
    with read_connection(db.engine) as connection:
        row = connection.execute(wanted.order_by(OtpRequest.id.desc()).limit(1)).one()
    return code_of(str(decrypt(current_settings().key, row.seed)["seed"]), row.length, row.alphabet)
