"""Packages of npm that play the other end, fetched by their lock file."""

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

PEERS = Path(__file__).parents[3] / "tools" / "peers"


def prepared() -> str:
    """node, with the packages of the lock file fetched once."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        with (PEERS / "package-lock.json").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # test processes side by side
            if all((PEERS / "node_modules" / name).is_dir() for name in _packages()):
                return node
            return _fetched(node, npm)
    return _missing("node and npm are not installed (`apt-get install nodejs npm`)")


def _packages() -> list[str]:
    return list(json.loads((PEERS / "package.json").read_text())["dependencies"])


def _fetched(node: str, npm: str) -> str:
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=PEERS, capture_output=True, text=True, check=False)
    return node if done.returncode == 0 else _missing(f"npm ci in tools/peers: {done.stderr.strip()[-300:]}")


def _missing(reason: str) -> NoReturn:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
