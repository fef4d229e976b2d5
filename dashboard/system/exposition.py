"""The figures in the text format of Prometheus; docs/metrics.md lists them, and a test holds the two together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from dashboard import VERSION
from dashboard.system.measures import Measures
from worker.engine.provider_figures import BOUNDS

_BOUND_NAMES = (*(f"{bound:g}" for bound in BOUNDS), "+Inf")


def exposition(measures: Measures | None) -> bytes:
    """The whole answer; None stands for a database that is away."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Look(measures))
    return generate_latest(registry)


class _Look(Collector):
    """One look as metric families."""

    def __init__(self, measures: Measures | None) -> None:
        self._measures = measures

    def describe(self) -> Iterable[Metric]:
        """Nothing: names are known when collected."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Every family, also those without a sample."""
        found = self._measures or Measures()
        yield _one("carillon_database_up", "1 where the database answers.", self._measures is not None)
        reached = self._measures is not None and not found.away
        yield _one("carillon_broker_up", "1 where the broker answers.", reached)
        yield _by("carillon_build", "1, with the version of the program.", "version", {VERSION: 1})
        yield from _of_lanes(found)
        yield from _of_processes(found)
        yield from _of_work(found)
        yield from _of_providers(found)


def _of_lanes(found: Measures) -> Iterator[Metric]:
    for name, words, attribute in (
        ("carillon_lane_ready", "Calls on a lane that a worker may take now.", "ready"),
        ("carillon_lane_delayed", "Calls on a lane that wait for their time.", "delayed"),
        ("carillon_lane_dead_letters", "Calls of a lane whose every try failed.", "dead"),
        ("carillon_lane_oldest_seconds", "Age of the call that waits longest on a lane; 0 for none.", "oldest_seconds"),
    ):
        yield _by(name, words, "lane", {lane.name: getattr(lane, attribute) for lane in found.lanes})


def _of_processes(found: Measures) -> Iterator[Metric]:
    yield _by("carillon_workers_alive", "Worker processes heard of within 15 s, by lane.", "lane", found.workers)
    yield _by("carillon_worker_threads", "Threads of these processes, by lane.", "lane", found.threads)
    yield _one("carillon_schedulers_alive", "Schedulers heard of within 15 s.", found.schedulers)


def _of_work(found: Measures) -> Iterator[Metric]:
    yield _by("carillon_messages", "Messages of jobs made in the last 24 hours, by state.", "state", found.messages)
    yield _one(
        "carillon_lease_takeovers",
        "Chunks of these jobs that were taken over from a worker that had stopped.",
        found.takeovers,
    )
    yield _by("carillon_jobs", "Jobs by state: open ones, and ended ones of the last 24 hours.", "state", found.jobs)
    yield _by("carillon_imports", "Audience imports by state.", "state", found.imports)


def _of_providers(found: Measures) -> Iterator[Metric]:
    latency = HistogramMetricFamily(
        "carillon_provider_latency_seconds",
        "From the hand-over of a message to the provider's session until its answer.",
        labels=["provider", "vendor"],
    )
    answers = CounterMetricFamily(
        "carillon_provider_answers",
        "Answers of a provider by result: sent, failed, retry (to be tried again), unknown, bounced.",
        labels=["provider", "vendor", "result"],
    )
    for line in found.providers:
        total, labels = line.figures.total, [line.public_id, line.vendor]
        buckets = list(zip(_BOUND_NAMES, map(float, accumulate(total.by_bound)), strict=True))
        latency.add_metric(labels, buckets, sum_value=total.seconds)
        for result, count in total.results.items():
            answers.add_metric([*labels, result], count)
    yield latency
    yield answers
    names = GaugeMetricFamily(
        "carillon_provider_info", "1, with a provider's name.", labels=["provider", "name", "channel"]
    )
    for line in found.providers:
        names.add_metric([line.public_id, line.name, line.channel], 1)
    yield names


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=float(value))


def _by(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family
