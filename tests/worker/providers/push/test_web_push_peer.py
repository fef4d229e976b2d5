"""Web Push against a push service that other people wrote: the npm package "web-push-testing"."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.worker.providers.messages import Outcomes, make_push
from tests.worker.providers.node_packages import PEERS, prepared
from tests.worker.providers.push.keys import pem
from tests.worker.providers.push.test_web_push import KEY, provider_at
from worker.providers.base import Result
from worker.providers.push.web_push import WebPushProvider


@pytest.fixture
def service() -> Iterator[httpx.Client]:
    process = subprocess.Popen([prepared(), str(PEERS / "web_push_server.cjs")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        port = json.loads(process.stdout.readline())["port"]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def subscribed(service: httpx.Client, provider: WebPushProvider) -> dict[str, Any]:
    options = {"userVisibleOnly": "true", "applicationServerKey": provider.public_key}
    found: dict[str, Any] = service.post("/subscribe", json=options).raise_for_status().json()["data"]
    return found


def test_its_browser_reads_our_notification(service: httpx.Client) -> None:
    provider = provider_at(str(service.base_url).rstrip("/"), private_key=pem(KEY))
    subscription = subscribed(service, provider)
    outcomes, session = Outcomes(), provider.open()
    session.send([make_push(1, token=json.dumps(subscription), title="नमस्ते")], outcomes)
    assert outcomes.only.result is Result.SENT, outcomes.only
    asked = {"clientHash": subscription["clientHash"]}
    [message] = service.post("/get-notifications", json=asked).raise_for_status().json()["data"]["messages"]
    assert json.loads(message)["title"] == "नमस्ते"

    service.post(f"/expire-subscription/{subscription['clientHash']}").raise_for_status()
    outcomes = Outcomes()
    session.send([make_push(2, token=json.dumps(subscription))], outcomes)
    session.close()
    assert (outcomes.only.result, outcomes.only.code) == (Result.BOUNCED, "unregistered")
