"""How many statements a request costs: latencies move with the machine, these numbers only with the code.

Each kind is asked for until nothing is learned any more: what rarely changes is kept, and looked at each time. What the
sandbox writes in place of a provider does not count.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

from flask import Flask

from dashboard.extensions import db
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_route, new_slug
from tests.factories.events import PAYLOAD, new_event
from tests.factories.otp import code_from_sandbox, new_configuration
from tests.statements import recorded


def statements(ask: Callable[[], object]) -> int:
    """Of the third request of its kind."""
    ask()
    ask()
    with recorded("") as found:
        ask()
    return len([text for text in found if "sandbox" not in text and not text.startswith("BEGIN")])


def most(*, sqlite: int, postgres: int) -> int:
    """On PostgreSQL rows of several tables are one statement."""
    return postgres if db.engine.dialect.name == "postgresql" else sqlite


def _send(call: Call, mode: str) -> int:
    body = {
        "template": new_slug(),
        "mode": mode,
        "recipients": [{"email": "a@example.com", "variables": {"name": "A"}}],
    }
    new_route()
    return statements(lambda: call("POST", "/messages", body).json["messages"][0])


def test_sync(call: Call) -> None:
    assert _send(call, "sync") <= most(sqlite=13, postgres=7)


def test_async(call: Call) -> None:
    assert _send(call, "async") <= most(sqlite=8, postgres=4)


def test_event(call: Call) -> None:
    slug = new_event("email", rows=(("country", "is", "IN"),), idempotency_path="order.number").slug
    numbers = count()

    def ask() -> None:
        payload = {**PAYLOAD, "order": {**PAYLOAD["order"], "number": str(next(numbers))}}  # type: ignore[dict-item]
        body = {"payload": payload, "recipient": {"email": "ada@example.com"}}
        assert [one["state"] for one in call("POST", f"/events/{slug}", body).json["messages"]] == ["sent"]

    assert statements(ask) <= most(sqlite=11, postgres=8)


def test_codes(call: Call, app: Flask) -> None:
    new_configuration(channels=["email"])
    numbers = count()

    def send() -> str:
        answer = call("POST", "/otp/send", {"email": f"{next(numbers)}@example.com"})
        assert answer.json["success"]
        return str(answer.json["codes"][0]["request_id"])

    assert statements(send) <= most(sqlite=20, postgres=11)
    found = [(send(), code_from_sandbox(f"{number}@example.com")) for number in range(3, 6)]
    tries = iter([{"request_id": request, "code": code} for request, code in found])
    assert statements(lambda: call("POST", "/otp/verify", next(tries)).json["verified"]) <= most(sqlite=5, postgres=5)
