"""`make bench CASE=<case> N=<n> SIZE=<bytes> DB=<sqlite|postgres>`; the last line is one JSON object."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from pathlib import Path

from dashboard.logs import configure
from tests.bench import programme

CASES = sorted(path.stem.removesuffix("_case") for path in Path(__file__).parent.glob("*_case.py"))


def main() -> None:
    os.environ["LOG_LEVEL"] = "WARNING"  # of the processes it starts; the last line must be the figures
    configure("WARNING")
    parser = argparse.ArgumentParser(prog="make bench CASE=…", description=__doc__)
    parser.add_argument("case", choices=[*CASES, "all"])
    case = parser.parse_args().case
    if case == "all":
        programme.run_all()
        return
    module = importlib.import_module(f"tests.bench.{case}_case")
    print(f"{case}: {module.__doc__.strip()}")
    print(f"machine: {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    databases = (
        [os.environ["DB"]] if os.environ.get("DB") else list(getattr(module, "DATABASES", ("sqlite", "postgres")))
    )
    for database in databases:
        result = module.run(
            database=database, n=int(os.environ.get("N") or module.N), size=int(os.environ.get("SIZE") or module.SIZE)
        )
        print(json.dumps({"case": case, "db": database, **result}))


if __name__ == "__main__":
    main()
