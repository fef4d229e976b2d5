"""Commands that a page offers to copy, run as they stand there."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from playwright.sync_api import Locator


def in_a_shell(command: str, **environment: str) -> dict[str, Any]:
    """What a shell prints for a command that was copied."""
    silent = command.replace("curl ", "curl --silent --show-error --noproxy '*' ", 1)
    values = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(["bash", "-c", silent], env=values, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def code(inside: Locator, beginning: str) -> str:
    """The text of the block of code that begins so."""
    return inside.locator("pre", has_text=beginning).first.inner_text()
