import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.scheduling import group_of

ROOT = Path(__file__).parent.parent
DEALING = """
from tests.scheduling import Groups

def pytest_xdist_make_scheduler(config, log):
    return Groups(config, log)
"""
ONE = """
import os
from pathlib import Path

def test_is_run_somewhere():
    (Path(__file__).parent / f"{Path(__file__).stem}.worker").write_text(os.environ["PYTEST_XDIST_WORKER"])
"""


@pytest.mark.parametrize(
    ("address", "group"),
    [
        ("tests/browser/test_tour.py::test_every_page", "tests/browser/"),
        ("tests/chaos/test_faults.py::test_kill[sqlite]", "tests/chaos/"),
        ("tests/dashboard/test_shell.py::test_width", "tests/dashboard/test_shell.py"),
        ("tests/dashboard/test_shell.py::test_width[sqlite]", "tests/dashboard/test_shell.py sqlite"),
        ("tests/dashboard/test_shell.py::test_width[postgres-wide]", "tests/dashboard/test_shell.py postgres"),
        ("tests/dashboard/test_shell.py::test_width[a-b-postgres]", "tests/dashboard/test_shell.py postgres"),
        ("tests/dashboard/test_shell.py::test_words[postgresql://x]", "tests/dashboard/test_shell.py"),
    ],
)
def test_group_is_the_folder_or_the_file_with_its_database(address: str, group: str) -> None:
    assert group_of(address) == group


def test_one_process_takes_all_of_a_folder_that_shares_an_installation(tmp_path: Path) -> None:
    folder = tmp_path / "tests" / "browser"
    folder.mkdir(parents=True)
    (tmp_path / "conftest.py").write_text(DEALING)
    for number in range(6):
        (folder / f"test_{number}.py").write_text(ONE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-n", "2", "--rootdir", ".", "tests"]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    for name in [name for name in environment if name.startswith("PYTEST_XDIST")]:
        del environment[name]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len({file.read_text() for file in folder.glob("*.worker")}) == 1
