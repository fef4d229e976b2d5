from __future__ import annotations

import pytest

from dashboard.api_keys.models import Scope
from tests.dashboard.api.conftest import Call
from tests.factories.api_keys import new_key

BODY = {"token": "abc", "platform": "android", "app": "shop", "customer_id": "C-1"}


def test_a_device_from_registration_to_removal(call: Call) -> None:
    made = call("POST", "/push-tokens", BODY)
    assert made.status_code == 200
    path = f"/push-tokens/{made.json['id']}"
    assert call("POST", "/push-tokens", BODY).json["id"] == made.json["id"]
    assert call("GET", path).json["state"] == "active"
    changed = call("PUT", path, {"token": "new"}).json
    assert (changed["token"], changed["customer_id"]) == ("new", "C-1")
    assert [row["id"] for row in call("GET", "/push-tokens?customer_id=C-1").json["items"]] == [made.json["id"]]
    assert call("GET", "/push-tokens?token=abc").json["items"] == []
    assert call("DELETE", path).json["token"] == "new"
    for method, body in (("GET", None), ("PUT", {}), ("DELETE", None)):
        assert call(method, path, body).status_code == 404


@pytest.mark.parametrize("change", [{"token": "a b"}, {"token": ""}, {"platform": "fax"}, {"more": 1}])
def test_what_is_no_device_is_refused(call: Call, change: dict[str, object]) -> None:
    assert call("POST", "/push-tokens", {**BODY, **change}).status_code == 422


def test_a_key_for_reports_registers_nothing(call: Call) -> None:
    token = new_key(scopes=[Scope.REPORTS])[1]
    assert call("POST", "/push-tokens", BODY, token=token).status_code == 403
