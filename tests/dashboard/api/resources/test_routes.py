"""Routes in order and with weights by the API."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.dashboard.api.conftest import Call
from tests.factories.sending import SANDBOXES, new_provider

WHERE = "/routes/email/transactional"


def test_a_route_has_an_order_and_weights(app: Flask, call: Call) -> None:
    first, second, third = (new_provider(SANDBOXES["email"]).public_id for _ in range(3))
    wanted = [{"provider": first, "weight": 90}, {"provider": second, "weight": 10}, {"provider": third, "weight": 0}]
    made = call("PUT", WHERE, {"providers": wanted}).json or {}
    assert (made["provider"], made["providers"]) == (first, wanted)
    listed = {(one["channel"], one["category"]): one for one in (call("GET", "/routes").json or {})["items"]}
    assert listed["email", "transactional"]["providers"] == wanted
    assert listed["sms", "otp"]["providers"] == []
    before = (call("PUT", WHERE, {"provider": third}).json or {})["providers"]
    assert [one["provider"] for one in before] == [third, first, second]
    assert (call("PUT", WHERE, {"provider": None}).json or {})["providers"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"provider": None, "providers": []},
        {"providers": [{"provider": "prv_nonsense"}]},
        {"providers": [{"provider": "{own}", "weight": 101}]},
        {"providers": [{"provider": "{own}"}, {"provider": "{own}"}]},
        {"providers": [{"provider": "{sms}"}]},
    ],
)
def test_what_is_no_route_is_refused(app: Flask, call: Call, wrong: dict[str, Any]) -> None:
    ids = {"{own}": new_provider(SANDBOXES["email"]).public_id, "{sms}": new_provider(SANDBOXES["sms"]).public_id}
    for entry in wrong.get("providers") or ():
        entry["provider"] = ids.get(entry["provider"], entry["provider"])
    assert call("PUT", WHERE, wrong).status_code == 422
