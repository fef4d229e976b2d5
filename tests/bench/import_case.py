"""An audience file of N rows checked and loaded by a Dramatiq worker; reference: a bare csv.reader pass over it.

PHONES=1: each row has a phone number, which is validated, in place of the code.
"""

from __future__ import annotations

import csv
import io
import os
import tempfile
import time
from pathlib import Path

from dashboard.audiences import import_services, services
from dashboard.audiences.models import AudienceImport, ImportState
from dashboard.extensions import db
from tests.bench import figures
from tests.bench.installation import installation
from worker.imports.mapping import Column
from worker.queues import Queue

N = 1_000_000
#: Bytes of a row, about: six columns, some accents, one row in 150 a duplicate.
SIZE = 72
#: The best counts: other programs of the machine make an import slower, never quicker.
_ROUNDS = 3
_NAMES = ("Mira", "Jürgen", "Anna", "Ravi", "Chloé", "Li", "José", "Asha")
_CITIES = ("Köln", "Pune", "São Paulo", "Oslo", "Delhi")


def run(*, database: str, n: int, size: int) -> dict[str, object]:
    """Check and load; the clock runs while the import is in these states, the worker warm and waiting.

    Also the processor time a row, of the worker and of PostgreSQL.
    """
    with tempfile.TemporaryDirectory() as folder, installation(database) as desk:
        path = Path(folder) / "people.csv"
        phones = bool(os.environ.get("PHONES"))
        write_file(path, n, size, phones=phones)
        reference = n / _csv_pass(path)
        desk.start_workers(Queue.IMPORTS, processes=1)
        _import(_warm_up_file(Path(folder)), "Warm-up")
        desk.peak_rss_mb = 0.0
        rounds = []
        for number in range(_ROUNDS):
            spent = figures.Spent(desk.settings.var_dir)
            row, check_seconds, load_seconds = _import(path, f"Bench {number}")
            rounds.append((n / (check_seconds + load_seconds), check_seconds, load_seconds, spent.by_program(n)))
        per_second, check_seconds, load_seconds, cpu = max(rounds, key=lambda found: found[0])
        name = "rows/s, every phone number validated" if phones else "rows/s, email alone"
        figures.beside_target(name, per_second, 40_000 if phones else 100_000)
        return {
            "n": n, "size": size, "phones": phones, "bytes": path.stat().st_size, "loaded": row.report["to_load"],
            "rejected": row.report["rejected"], "check_seconds": round(check_seconds, 2),
            "load_seconds": round(load_seconds, 2), "per_second": round(per_second),
            "rounds_per_second": [round(rate) for rate, *_ in rounds],
            "cpu_us": {name: round(value, 2) for name, value in cpu.items()},
            "reference": "csv.reader over the same file", "reference_per_second": round(reference),
            "ratio": round(per_second / reference, 3), "peak_rss_mb": round(desk.peak_rss_mb, 1),
        }  # fmt: skip


def write_file(path: Path, n: int, size: int = SIZE, *, phones: bool = False) -> None:
    """A file of `n` rows of six columns; `size` above the usual makes the last column longer."""
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(f"email,first_name,last_name,city,amount,{'phone' if phones else 'code'}\n")
        for number in range(n):
            address = number if number % 150 else max(0, number - 77)
            last = _phone(number) if phones else f"C{number:07d}"
            file.write(
                f"user{address}.{address % 97}@mail{address % 50}.example.com,{_NAMES[number % 8]},Name{number},"
                f"{_CITIES[number % 5]},{number * 7 % 10_000}.50,{last}{'x' * max(0, size - SIZE)}\n"
            )


def _phone(number: int) -> str:
    """Indian mobile numbers as people write them, and some of elsewhere."""
    digits = f"{9 - number % 3}{number * 7919 % 1_000_000_000:09d}"
    return (
        digits,
        f"+91 {digits[:5]} {digits[5:]}",
        f"0{digits}",
        f"+1 212 {number % 900 + 100} {number % 10_000:04d}",
    )[number % 4]


def _warm_up_file(folder: Path) -> Path:
    path = folder / "warm-up.csv"
    write_file(path, 2_000)
    return path


def _csv_pass(path: Path) -> float:
    """Seconds of the better of two bare passes."""
    best = float("inf")
    for _ in range(2):
        started = time.perf_counter()
        with path.open(newline="", encoding="utf-8") as file:
            for _row in csv.reader(file):
                pass
        best = min(best, time.perf_counter() - started)
    return best


def _import(path: Path, name: str) -> tuple[AudienceImport, float, float]:
    audience = services.create_audience(name=name)
    row = import_services.create_import(
        audience_id=audience.id, source="upload", filename=path.name, size=os.stat(path).st_size
    )
    with path.open("rb") as file:
        row = import_services.receive_all(import_id=row.id, source=io.BufferedReader(file.raw))
    started = time.perf_counter()
    import_services.start_check(
        import_id=row.id,
        columns=[Column.from_dict(column) for column in row.options["mapping"]],
        duplicates="first",
        duplicate_by="email",
        mode="replace",
        default_country="IN",
        version=None,
    )
    _wait(row.id, ImportState.READY)
    checked = time.perf_counter()
    import_services.start_load(import_id=row.id)
    row = _wait(row.id, ImportState.LOADED, ImportState.LOADED_WITH_REJECTS)
    return row, checked - started, time.perf_counter() - checked


def _wait(import_id: int, *states: ImportState) -> AudienceImport:
    """Until the import is in one of the states (20 minutes at most)."""
    deadline = time.monotonic() + 1200
    while time.monotonic() < deadline:
        db.session.rollback()
        row = import_services.get_import(import_id)
        if row.state in states:
            return row
        if row.state == ImportState.FAILED:
            raise SystemExit(f"the import failed: {row.problem}")
        time.sleep(0.05)
    raise SystemExit("the import did not end in twenty minutes")
