"""How tests are dealt out to the processes of pytest-xdist.

xdist's own `--dist loadgroup` writes its groups into `item._nodeid`, which the pytest of today no longer reads: every
group fell apart without a word, and each process started a desk, a Chromium and the installations of the chaos tests
of its own. Here a group follows from a test's address alone.
"""

from __future__ import annotations

import re
from typing import Final

import pytest
from xdist.scheduler import LoadScopeScheduling

#: Folders of which one process takes every test: they share a whole installation.
ONE_PROCESS: Final = ("tests/browser/", "tests/chaos/")
_DATABASE: Final = re.compile(r"\[(?:.*-)?(sqlite|postgres)(?:-.*)?\]$")


def group_of(address: str) -> str:
    """What a test (its node id) is dealt out with: its folder, or its file with its kind of database.

    A process keeps its application until the kind of database changes, so that a file of both kinds is two groups.
    """
    file, _, name = address.partition("::")
    for folder in ONE_PROCESS:
        if file.startswith(folder):
            return folder
    database = _DATABASE.search(name)
    return f"{file} {database[1]}" if database else file


class Groups(LoadScopeScheduling):
    """Group after group, in the order of collection: the folders above come first, the quick ones last."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
