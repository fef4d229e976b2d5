"""The JSON API of a real web process: sync, async, events and one-time codes, sent to local SMTP sinks.

Each request has one recipient. Latencies of sync are taken on one connection, in turn with the bare adapter call, so
that both see the same machine; per_second is that of sync over four connections. RECORDS=100000 is the size of the
campaign during which codes are sent. Workers run at their real niceness.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx

from dashboard.api_keys.models import Scope
from dashboard.api_keys.services import create_key
from dashboard.extensions import db, transaction
from dashboard.message_templates.models import Category, Template
from dashboard.providers.models import Provider, Route
from tests.bench import content, figures, smtp_tools
from tests.bench.api_campaign import during_a_campaign
from tests.bench.api_codes import Codes
from tests.bench.api_events import event_call
from tests.bench.api_web import client_of, in_turn, percentiles, rate, timed, web_process_of
from tests.bench.installation import Installation, installation
from worker.engine.plan import make_provider
from worker.providers.base import Outcome, OutgoingEmail
from worker.rendering.compiler import compile_email
from worker.rendering.content import EmailContent
from worker.rendering.mime import MimeBuilder

N = 400
SIZE = 2_048
RECORDS = 100_000
_WARM = 20


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """Every way into the API, each with its percentiles; the first figures are those of sync."""
    with smtp_tools.sink() as port, installation(database, port=smtp_tools.free_port()) as desk:
        slug, provider = _prepare(port, size)
        _, token = create_key(name="bench", scopes=[Scope.SEND, Scope.OTP, Scope.EVENTS])
        with web_process_of(desk) as (address, web), client_of(address, token) as client:
            result: dict[str, object] = {"n": n, "size": size}
            bare = _bare_call(desk, provider, size)
            result |= _sync(partial(_ask, client, _body(slug, "sync")), bare, n, web)
            result["per_second"] = round(rate(address, token, partial(_ask, body=_body(slug, "sync")), n))
            result["async"] = _timings(partial(_ask, client, _body(slug, "async")), n)
            result["async_per_second"] = round(rate(address, token, partial(_ask, body=_body(slug, "async")), n))
            result["event"] = _timings(event_call(client), n)
            codes = Codes(client, provider)
            result["otp"] = codes.figures(n)
            _show(result)
            records = int(os.environ.get("RECORDS") or RECORDS)
            result["campaign"] = during_a_campaign(desk, codes, records)
            result["load_average"] = round(os.getloadavg()[0], 1)
            return result


def _sync(call: Callable[[], None], bare: Callable[[], None], n: int, web: int) -> dict[str, object]:
    for _ in range(_WARM):
        call()
        bare()
    before = figures.cpu_seconds_of(web)
    latencies, bare_latencies = in_turn(call, bare, n)
    spent = figures.cpu_seconds_of(web) - before
    mine, theirs = percentiles(latencies), percentiles(bare_latencies)
    overhead = {f"overhead_p{share}_ms": round(mine[f"p{share}_ms"] - theirs[f"p{share}_ms"], 2) for share in (50, 95)}
    return {**mine, **overhead, "bare": theirs, "web_cpu_ms": round(1000 * spent / n, 2)}


def _timings(call: Callable[[], None], n: int) -> dict[str, Any]:
    for _ in range(_WARM):
        call()
    return percentiles([timed(call) for _ in range(n)])


def _show(result: dict[str, Any]) -> None:
    figures.beside_target("sync over the bare call, p50", result["overhead_p50_ms"], 5, at_most=True, unit=" ms")
    figures.beside_target("sync over the bare call, p95", result["overhead_p95_ms"], 15, at_most=True, unit=" ms")
    print(f"    the web process took {result['web_cpu_ms']} ms of a processor a request")
    rates = {"sync": result["per_second"], "async": result["async_per_second"], "otp": result["otp"]["per_second"]}
    print("    " + ", ".join(f"{name} {per_second}/s" for name, per_second in rates.items()))
    ways = {"sync": result, "async": result["async"], "event": result["event"]}
    ways |= {f"otp {name}": result["otp"][name] for name in ("send", "verify")}
    for name, way in ways.items():
        print(f"    {name}: p50 {way['p50_ms']}, p95 {way['p95_ms']}, p99 {way['p99_ms']} ms", flush=True)


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


def _ask(client: httpx.Client, body: bytes) -> None:
    answer = client.post("/api/v1/messages", content=body)
    if answer.status_code not in (200, 202) or not set(answer.json()["counts"]) <= {"sent", "queued"}:
        raise SystemExit(f"{answer.status_code}: {answer.text}")


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
