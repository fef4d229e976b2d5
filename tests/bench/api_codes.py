"""One-time codes of the API case: sent by email through the same sink, each verified once with a wrong code.

The bench cannot read a code, which only the message has; a wrong one takes the same way to its refusal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from dashboard.message_templates.models import Category
from dashboard.otp.services import create_configuration
from dashboard.providers.models import Provider
from tests.factories.otp import EMAIL
from tests.factories.sending import new_template

Post = Callable[[str, dict[str, object]], httpx.Response]


def otp_figures(post: Post, provider: Provider, n: int) -> dict[str, Any]:
    """Latencies of send and of verify, in milliseconds, and both together per second."""
    values = {"name": "bench", "channels": ["email"], "email_provider_id": provider.id, "destination_limit": 0}
    template = new_template(EMAIL, Category.OTP)[0]
    create_configuration({**values, "email_template_id": template.id})
    sends, checks = [], []
    for number in range(n):
        started = time.perf_counter()
        answer = post("/otp/send", {"email": f"bench{number}@example.com"})
        sends.append(time.perf_counter() - started)
        code = answer.json()["codes"][0] if answer.status_code == 200 else {}
        if code.get("state") != "sent":
            raise SystemExit(f"{answer.status_code}: {answer.text}")
        started = time.perf_counter()
        refused = post("/otp/verify", {"request_id": code["request_id"], "code": "wrong"})
        checks.append(time.perf_counter() - started)
        if refused.status_code != 422:
            raise SystemExit(f"{refused.status_code}: {refused.text}")
    per_second = n / (sum(sends) + sum(checks))
    return {"send": _figures(sends), "verify": _figures(checks), "per_second": round(per_second)}


def _figures(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        f"p{percent}_ms": round(1000 * ordered[min(len(ordered) - 1, len(ordered) * percent // 100)], 2)
        for percent in (50, 95, 99)
    }
