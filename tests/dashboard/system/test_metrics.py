"""/metrics: what it says, that the page says the same, who may read it, what it costs the database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from dashboard.accounts.models import Role
from dashboard.current import current_settings
from dashboard.extensions import db
from dashboard.providers.models import Provider
from dashboard.system.exposition import exposition
from dashboard.system.measures import measure
from tests.conftest import settings_for
from tests.dashboard.system.test_system import LANES, beat, bury, everything_up
from tests.factories.sending import new_job, people
from tests.statements import recorded
from tests.worker.engine.slices import deliver, dying_slice, scripted
from worker.engine.provider_figures import store_at
from worker.providers.base import Outcome, OutgoingEmail, Result
from worker.queues import Queue, enqueue

PAGE = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(text: str) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(client: FlaskClient) -> Samples:
    answer = client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.content_type.startswith("text/plain; version=")
    assert answer.headers["Cache-Control"] == "no-store"
    return read(answer.text)


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[(name, tuple(sorted(labels.items())))]


def test_it_lists_what_the_documentation_lists() -> None:
    answer = exposition(None).decode()
    families = {
        (match[1].removesuffix("_total"), match[2]) for match in re.finditer(r"^# HELP (\S+) (.*)$", answer, re.M)
    }
    rows = [[cell.strip() for cell in line.split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
    assert families == {(row[1].strip("`"), row[3]) for row in rows}
    assert all(words for _, words in families)


def test_labels_are_those_of_the_documentation(anonymous: FlaskClient) -> None:
    new_job(people(1))
    listed = {
        row[0].strip(" `"): {label.strip() for label in row[1].split(",") if label.strip()}
        for row in (line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| `"))
    }
    for family in text_string_to_metric_families(anonymous.get("/metrics").text):
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == listed[family.name], sample


def test_lanes_and_their_oldest_call(anonymous: FlaskClient, broker: SimpleNamespace) -> None:
    everything_up()
    enqueue("send_chunks", 1, queue=Queue.BULK)
    enqueue("send_chunks", 2, queue=Queue.BULK)
    enqueue("send_chunks", 3, queue=Queue.BULK, delay_ms=60_000)
    bury(Queue.OTP, 1)
    samples = scrape(anonymous)
    assert value(samples, "carillon_lane_ready", lane="bulk") == 2
    assert value(samples, "carillon_lane_delayed", lane="bulk") == 1
    assert value(samples, "carillon_lane_dead_letters", lane="otp") == 1
    assert 0 < value(samples, "carillon_lane_oldest_seconds", lane="bulk") < 60
    assert value(samples, "carillon_lane_oldest_seconds", lane="otp") == 0
    assert value(samples, "carillon_broker_up") == value(samples, "carillon_database_up") == 1


def test_processes_count_while_they_live(anonymous: FlaskClient) -> None:
    beat("scheduler", "host:1")
    beat("scheduler", "host:2", seconds_ago=60)
    beat("worker", "host:3", ["bulk"])
    beat("worker", "host:4", ["bulk", "otp"])
    beat("worker", "host:5", LANES, seconds_ago=60)
    samples = scrape(anonymous)
    assert value(samples, "carillon_schedulers_alive") == 1
    assert value(samples, "carillon_workers_alive", lane="bulk") == 2
    assert value(samples, "carillon_workers_alive", lane="otp") == 1
    assert value(samples, "carillon_workers_alive", lane="imports") == 0


def one_in_three_fails(message: OutgoingEmail) -> Outcome:
    if message.reference % 3:
        return Outcome(message.reference, Result.SENT)
    return Outcome(message.reference, Result.FAILED, code="550", detail="No such user")


def test_messages_jobs_takeovers_and_answers(app: Flask, anonymous: FlaskClient, broker: SimpleNamespace) -> None:
    job = new_job(people(30))
    provider = db.session.get_one(Provider, job.provider_id).public_id
    dying_slice(job.id, handed_over=5, outcomes=3)
    scripted(job, one_in_three_fails)
    deliver(job.id)
    samples = scrape(anonymous)
    by_state = {labels[0][1]: number for (name, labels), number in samples.items() if name == "carillon_messages"}
    assert sum(by_state.values()) == 30
    assert by_state["sent"] + by_state["failed"] == 30
    assert value(samples, "carillon_lease_takeovers") == 1
    assert value(samples, "carillon_jobs", state="running") == 1
    of_provider = {"provider": provider, "vendor": "sandbox"}
    answered = {
        result.value: value(samples, "carillon_provider_answers_total", result=result.value, **of_provider)
        for result in Result
    }
    assert answered["failed"] == by_state["failed"]
    assert value(samples, "carillon_provider_latency_seconds_count", **of_provider) == sum(answered.values())
    assert value(samples, "carillon_provider_latency_seconds_bucket", le="+Inf", **of_provider) == sum(
        answered.values()
    )


def test_the_page_says_the_same(client: FlaskClient, broker: SimpleNamespace) -> None:
    everything_up()
    job = new_job(people(10))
    scripted(job)
    deliver(job.id)
    page = client.get("/system").text
    samples = scrape(client)
    assert value(samples, "carillon_messages", state="sent") == 10
    line = measure().providers[0]
    assert line.figures.lately.count == line.figures.total.count == 10
    assert re.search(r'Sent</span></dt><dd><span class="figure">10<', page), page
    assert f"/providers/{line.public_id}" in page
    assert 'class="figure" title="0 of 10"' in page


def test_the_price_does_not_grow_with_the_ledger(anonymous: FlaskClient) -> None:
    new_job(people(1))
    with recorded() as few:
        scrape(anonymous)
    for _ in range(5):
        new_job(people(200))
    with recorded() as many:
        scrape(anonymous)
    assert len(many) == len(few)
    assert not [statement for statement in many if re.search(r"\bmessages\b", statement)]


def test_a_broker_that_is_away_is_a_figure(anonymous: FlaskClient, broker: SimpleNamespace) -> None:
    broker.process.stop()
    try:
        samples = scrape(anonymous)
    finally:
        broker.process.start()
    assert value(samples, "carillon_broker_up") == 0
    assert value(samples, "carillon_database_up") == 1


def test_a_database_that_is_away_is_a_figure(tmp_path: Path) -> None:
    from dashboard import create_app

    away = create_app(settings_for(tmp_path, "postgresql://nobody@127.0.0.1:1/none"))
    samples = scrape(away.test_client())
    assert value(samples, "carillon_database_up") == 0


@pytest.fixture
def token(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    settings = current_settings()
    changed = settings_for(settings.var_dir, settings.database_url, metrics_token="a long word")
    monkeypatch.setitem(app.extensions, "carillon_settings", changed)
    return "a long word"


@pytest.mark.parametrize(
    ("header", "status"),
    [("Bearer a long word", 200), ("bearer a long word", 200), ("Bearer a long", 401), ("Basic a long word", 401)],
)
def test_with_a_token_it_is_asked_for(anonymous: FlaskClient, token: str, header: str, status: int) -> None:
    assert anonymous.get("/metrics").status_code == 401
    answer = anonymous.get("/metrics", headers={"Authorization": header})
    assert answer.status_code == status
    if status == 401:
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "carillon_" not in answer.text


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("127.9.9.9", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("192.0.2.1", {}, 401),
        ("", {}, 401),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 401),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, 401),
    ],
)
def test_without_a_token_only_this_machine_reads(
    anonymous: FlaskClient, address: str, headers: dict[str, str], status: int
) -> None:
    answer = anonymous.get("/metrics", headers=headers, environ_overrides={"REMOTE_ADDR": address})
    assert answer.status_code == status


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 200), (Role.SENDER, 401), (Role.VIEWER, 401)])
def test_administrators_read_it_from_anywhere(
    sign_in: Callable[..., FlaskClient], token: str, role: Role, status: int
) -> None:
    answer = sign_in(role).get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.1"})
    assert answer.status_code == status


def test_figures_wait_while_redis_is_away(app: Flask, broker: SimpleNamespace) -> None:
    from worker.engine.provider_figures import Stopwatch

    watch = Stopwatch(store := store_at(broker.url), 7)
    watch.handed_over(1)
    watch.answered(Outcome(1, Result.SENT))
    broker.process.stop()
    watch.save()
    broker.process.start()
    watch.save()
    watch.save()
    figures = store.read([7, 8])
    assert [found.total.count for found in figures] == [1, 0]
    assert figures[0].lately == figures[0].total
    assert figures[0].total.quantile(0.95) == 0.005
    assert figures[1].total.quantile(0.5) is None
