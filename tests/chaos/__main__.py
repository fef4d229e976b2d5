"""`make chaos`: campaigns under fire, RUNS of them on each database; the last line is one JSON object."""

from __future__ import annotations

import json
import os
import signal
import sys

from dashboard.logs import configure
from tests.chaos.campaigns import crew, under_fire


def main() -> int:
    os.environ["LOG_LEVEL"] = "ERROR"  # of the processes it starts; the last line must be the totals
    configure("ERROR")
    runs, strikes, recipients = (
        int(os.environ.get(name) or default) for name, default in (("RUNS", 10), ("KILLS", 10), ("N", 3000))
    )
    totals = {"runs": 0, "kills": 0, "recipients": 0, "lost": 0, "duplicates": 0, "unmarked_duplicates": 0}
    for database in [os.environ["DB"]] if os.environ.get("DB") else ["sqlite", "postgres"]:
        for _ in range(runs):
            with crew(database) as workers:
                outcome = under_fire(workers, recipients=recipients, strikes=strikes, number=signal.SIGKILL)
            totals["runs"] += 1
            for name in ("kills", "recipients", "lost", "duplicates", "unmarked_duplicates"):
                totals[name] += getattr(outcome, name)
            print(f"{database}: {outcome.kills} kills, {outcome.lost} lost, {outcome.duplicates} doubled")  # noqa: T201
    print(json.dumps(totals))  # noqa: T201
    return 1 if totals["lost"] or totals["unmarked_duplicates"] else 0


if __name__ == "__main__":
    sys.exit(main())
