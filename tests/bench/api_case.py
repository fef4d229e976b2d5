"""The JSON API of a real web process, sending to a local SMTP sink: at once (sync) and queued (async).

Each request has one recipient. Latencies of sync are taken on one connection, in turn with the bare adapter call, so
that both see the same machine; per_second is that of sync over four connections.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx

from dashboard.api_keys.models import Scope
from dashboard.api_keys.services import create_key
from dashboard.extensions import db, transaction
from dashboard.message_templates.models import Category, Template
from dashboard.providers.models import Provider, Route
from tests.bench import content, smtp_tools
from tests.bench.api_codes import otp_figures
from tests.bench.installation import ROOT, Installation, installation
from worker.engine.plan import make_provider
from worker.processes import web_process
from worker.providers.base import Outcome, OutgoingEmail
from worker.rendering.compiler import compile_email
from worker.rendering.content import EmailContent
from worker.rendering.mime import MimeBuilder

N = 400
SIZE = 2_048
CONNECTIONS = 4


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """Every mode of sending; other ways into the API (events, codes) get a line of their own here."""
    with smtp_tools.sink() as port, installation(database, port=smtp_tools.free_port()) as desk:
        slug, provider = _prepare(port, size)
        _, token = create_key(name="bench", scopes=[Scope.SEND, Scope.OTP])
        with _web(desk) as address, _client(address, token) as client:
            sync = partial(_ask, client, _body(slug, "sync"))
            bare = _bare_call(desk, provider, size)
            for _ in range(20):
                sync()
                bare()
            latencies, bare_latencies = _in_turn(sync, bare, n)
            result: dict[str, object] = {"n": n, "size": size, **_figures(latencies)}
            result["overhead_p50_ms"] = _ms(_quantile(latencies, 50) - _quantile(bare_latencies, 50))
            result["overhead_p95_ms"] = _ms(_quantile(latencies, 95) - _quantile(bare_latencies, 95))
            result["bare"] = _figures(bare_latencies)
            result["per_second"] = round(_rate(address, token, _body(slug, "sync"), n))
            asynchronous = partial(_ask, client, _body(slug, "async"))
            result["async"] = _figures([_timed(asynchronous) for _ in range(n)])
            result["async_per_second"] = round(_rate(address, token, _body(slug, "async"), n))
            result["otp"] = otp_figures(partial(_post, client), provider, n)
            result["load_average"] = round(os.getloadavg()[0], 1)
            return result


def _prepare(port: int, size: int) -> tuple[str, Provider]:
    template, _version = content.make_template(size)
    provider = content.make_provider(port)
    with transaction() as session:
        row = db.session.get_one(Template, template.id)
        row.category = Category.TRANSACTIONAL
        session.add(Route(channel="email", category="transactional", position=0, provider_id=provider.id))
        slug = row.slug
    return slug, db.session.get_one(Provider, provider.id)


def _body(slug: str, mode: str) -> bytes:
    values = json.loads(str(next(content._records(0, 1))["variables"]))
    people = [{"email": "ada@example.com", "variables": values}]
    return json.dumps({"template": slug, "mode": mode, "recipients": people}).encode()


@contextmanager
def _web(desk: Installation) -> Iterator[str]:
    """The web process as the supervisor starts it."""
    process = web_process(desk.settings)
    command = (sys.executable, "-m", process.module, *process.arguments)
    environment = {**desk.environment, **process.environment}
    running = subprocess.Popen(command, env=environment, cwd=ROOT, start_new_session=True)
    address = f"http://127.0.0.1:{desk.settings.port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/healthz", trust_env=False)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield address
    finally:
        running.terminate()
        running.wait(20)


def _client(address: str, token: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return httpx.Client(base_url=address, headers=headers, trust_env=False, timeout=60)


def _ask(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/api/v1/messages", content=body)
    if answer.status_code not in (200, 202) or not set(answer.json()["counts"]) <= {"sent", "queued"}:
        raise SystemExit(f"{answer.status_code}: {answer.text}")


def _post(client: httpx.Client, path: str, body: dict[str, object]) -> httpx.Response:
    return client.post(f"/api/v1{path}", content=json.dumps(body).encode())


def _bare_call(desk: Installation, provider: Provider, size: int) -> Callable[[], None]:
    """The adapter alone: a message of the same size over a warm session, without ledger or HTTP."""
    session = make_provider(db.engine, desk.settings, provider.id).open()
    made = compile_email(EmailContent(subject="Hello", html="x" * size, text="x")).render({})
    builder = MimeBuilder(from_address="desk@shop.example", default_from_name="", attachments=())
    outcomes: list[Outcome] = []

    def mime(eight_bit: bool) -> bytes:
        return builder.build(
            made, to="ada@example.com", message_id="<b@shop.example>", date=datetime.now(UTC), eight_bit=eight_bit
        )

    message = OutgoingEmail(
        reference=1, envelope_from="desk@shop.example", recipients=("ada@example.com",), to="ada@example.com",
        from_address="desk@shop.example", message_id="<b@shop.example>", rendered=made, mime=mime,
    )  # fmt: skip
    return lambda: session.send([message], outcomes.append)


def _in_turn(first: Callable[[], None], second: Callable[[], None], n: int) -> tuple[list[float], list[float]]:
    pairs = [(_timed(first), _timed(second)) for _ in range(n)]
    return [one for one, _ in pairs], [other for _, other in pairs]


def _timed(action: Callable[[], None]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def _rate(address: str, token: str, body: bytes, n: int) -> float:
    """Requests a second of CONNECTIONS clients that ask one after the other."""

    def ask(count: int) -> None:
        with _client(address, token) as client:
            for _ in range(count):
                _ask(client, body)

    threads = [threading.Thread(target=ask, args=(n // CONNECTIONS,)) for _ in range(CONNECTIONS)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return n // CONNECTIONS * CONNECTIONS / (time.perf_counter() - started)


def _quantile(latencies: list[float], percent: int) -> float:
    return sorted(latencies)[min(len(latencies) - 1, len(latencies) * percent // 100)]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _figures(latencies: list[float]) -> dict[str, Any]:
    return {f"p{percent}_ms": _ms(_quantile(latencies, percent)) for percent in (50, 95, 99)}
