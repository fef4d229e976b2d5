"""One worker's slice in this process, sampled: processor time a message, by stage; reference: smtp-source and sink."""

from __future__ import annotations

import resource
import signal
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import psutil

from dashboard.extensions import db
from tests.bench import content, smtp_tools
from tests.bench.installation import installation
from worker.engine.deliver import work

N = 20_000
SIZE = 10_240

_TICK_SECONDS = 0.001
_ROOT = str(Path(__file__).parent.parent.parent)
#: The first that fits counts; paths below the project, from the innermost frame of ours outwards.
_STAGES = (
    ("variables and values", ("worker/rendering/values", "worker/engine/composing", "dashboard/ids")),
    ("unsubscribe link", ("dashboard/suppressions", "dashboard/crypto")),
    ("rendering", ("worker/rendering/compiler", "worker/rendering/part", "worker/rendering/limits",
                   "worker/rendering/sandbox", "worker/rendering/bounded", "worker/rendering/segments")),
    ("MIME", ("worker/rendering/", "worker/providers/outgoing")),
    ("SMTP", ("worker/providers/",)),
    ("journal", ("worker/engine/journal",)),
    ("books and database", ("worker/engine/booking", "worker/engine/dialects", "worker/engine/ledger",
                            "worker/engine/chunks", "dashboard/extensions")),
    ("feeding", ("worker/engine/",)),
)  # fmt: skip


class Sampler:
    """Counts where the processor time of this thread goes, a thousand times a second of it."""

    def __init__(self) -> None:
        self.stages: Counter[str] = Counter()
        self.functions: Counter[str] = Counter()

    def __enter__(self) -> Sampler:
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, _TICK_SECONDS, _TICK_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)

    def _sample(self, _number: int, frame: FrameType | None) -> None:
        innermost = frame
        while frame is not None:
            name = frame.f_code.co_filename
            if name == "<template>":
                self._count("rendering", "template code")
                return
            if name.startswith(_ROOT) and "/.venv" not in name and "site-packages" not in name:
                path = name[len(_ROOT) + 1 :]
                self._count(_stage_of(path), f"{path}:{frame.f_code.co_qualname}")
                return
            frame = frame.f_back
        self._count("other", innermost.f_code.co_filename if innermost else "")

    def print_shares(self, per_message: float) -> None:
        """The stages, and the functions that take most."""
        total = sum(self.stages.values())
        for stage, count in self.stages.most_common():
            print(f"  {stage:24} {count / total * per_message:6.1f} us  {count / total:5.1%}")
        for function, count in self.functions.most_common(25):
            print(f"    {function:84} {count / total * per_message:5.1f}")

    def _count(self, stage: str, function: str) -> None:
        self.stages[stage] += 1
        self.functions[function] += 1


def _stage_of(path: str) -> str:
    return next((stage for stage, prefixes in _STAGES if path.startswith(prefixes)), "other")


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _cpu_of_children(name: str) -> float:
    """Processor seconds so far of the processes of that name that we started (PostgreSQL's are its master's)."""
    found = [child for child in psutil.Process().children(recursive=True) if child.name() == name]
    return sum(sum(child.cpu_times()[:2]) for child in found)


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """Send n messages without sampling for the figures, and as many with it for the shares."""
    with smtp_tools.sink() as port, installation(database):
        template, version = content.make_template(size)
        provider = content.make_provider(port)
        warm_up, dataset = content.make_dataset(500), content.make_dataset(n)
        _work(content.launch(template, version, warm_up, provider).id)
        sampler = Sampler()
        with sampler:
            _work(content.launch(template, version, dataset, provider).id)
        figures = min(_measure(content.launch(template, version, dataset, provider).id, n) for _ in range(2))
        before = _cpu_of_children("smtp-sink"), resource.getrusage(resource.RUSAGE_CHILDREN)
        smtp_tools.source_rate(port, n=n, size=size)
        after = _cpu_of_children("smtp-sink"), resource.getrusage(resource.RUSAGE_CHILDREN)
        source = after[1].ru_utime + after[1].ru_stime - before[1].ru_utime - before[1].ru_stime
        sampler.print_shares(figures[0])
        return {
            "n": n, "size": size, "cpu_us_per_message": figures[0], "sink_cpu_us": figures[1],
            "per_second": figures[2], "reference": "smtp-source -d, CPU of its own and of the sink",
            "reference_cpu_us": round(source / n / 2 * 1e6, 1),
            "reference_sink_cpu_us": round((after[0] - before[0]) / n / 2 * 1e6, 1),
        }  # fmt: skip


def _measure(job_id: int, n: int) -> tuple[float, float, int]:
    """(our CPU µs a message, the sink's, messages a second) of one job."""
    before, sink_before, started = _cpu(), _cpu_of_children("smtp-sink"), time.perf_counter()
    _work(job_id)
    seconds = time.perf_counter() - started
    ours, sink = _cpu() - before, _cpu_of_children("smtp-sink") - sink_before
    return round(ours / n * 1e6, 1), round(sink / n * 1e6, 1), round(n / seconds)


def _work(job_id: int) -> None:
    while work(job_id, seconds=600).more:
        pass
    db.session.rollback()
