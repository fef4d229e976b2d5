"""`make chaos`: campaigns under fire, RUNS of them with at least one fault each; the last line is one JSON object.

RUNS=100 DB=sqlite|postgres (both in turn) N=800 recipients a run, MINUTES=30 at most, SEED=<number> for the same order.
Two of three runs kill three workers each; the others go through everything else that can happen.
"""

from __future__ import annotations

import json
import os
import platform
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from dashboard.logs import configure
from tests.chaos.campaigns import under_fire
from tests.chaos.crew import Crew, crew
from tests.chaos.faults import Fault, faults_of, workers_killed

_SUMMED = ("kills", "recipients", "lost", "duplicates", "unmarked_duplicates")


@dataclass
class Totals:
    """What all runs came to."""

    until: float
    figures: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def run(self, workers: Crew, database: str, fault: Fault, recipients: int) -> None:
        """One campaign, told in a line."""
        started = time.monotonic()
        outcome = under_fire(workers, fault, recipients=recipients)
        workers.move_clock(0)
        faults = outcome.faults()
        self.figures.update({name: getattr(outcome, name) for name in _SUMMED} | {"runs": 1})
        self.broken += [f"{database}, {fault.__name__}: {words}" for words in faults]
        say(
            f"{database:9}{fault.__name__:22}{time.monotonic() - started:6.1f} s  {outcome.kills} kills,"
            f" {outcome.lost} lost, {outcome.duplicates} doubled of {outcome.may_double} allowed"
            f"{'  NOT AS PROMISED: ' + '; '.join(faults) if faults else ''}"
        )


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


def order_of(database: str, runs: int) -> list[Fault]:
    """Every fault in turn, each third run; the killing of workers between them."""
    others = [fault for fault in faults_of(database) if fault is not workers_killed]
    random.shuffle(others)
    return [others[number // 3 % len(others)] if number % 3 == 2 else workers_killed for number in range(runs)]


def main() -> int:
    os.environ["LOG_LEVEL"] = "CRITICAL"  # of the processes it starts, which meet what they would call errors
    configure("CRITICAL")
    wanted = {"RUNS": 100, "N": 800, "MINUTES": 30, "SEED": random.randrange(10**6)}
    runs, recipients, minutes, seed = (int(os.environ.get(name) or default) for name, default in wanted.items())
    random.seed(seed)
    databases = [os.environ["DB"]] if os.environ.get("DB") else ["sqlite", "postgres"]
    say(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, seed {seed}")
    totals = Totals(time.monotonic() + 60 * minutes)
    for number, database in enumerate(databases):
        share = runs // len(databases) + (number < runs % len(databases))
        until = time.monotonic() + (totals.until - time.monotonic()) / (len(databases) - number)
        with crew(database) as workers:
            for fault in order_of(database, share):
                if time.monotonic() < until:
                    totals.run(workers, database, fault, recipients)
    for words in totals.broken:
        say(words)
    say(json.dumps({"databases": databases, "seed": seed, **totals.figures, "not_as_promised": len(totals.broken)}))
    return 1 if totals.broken else 0


if __name__ == "__main__":
    sys.exit(main())
