"""The one command, as a person starts it: real processes, a real broker, a fresh data folder."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.installations import Installation, until

pytestmark = pytest.mark.services


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation(tmp_path)
    yield made
    made.kill()


def test_start_sign_in_stop_and_start_again(installation: Installation) -> None:
    installation.start()
    installation.wait_until_healthy()
    until(lambda: "First password:" in installation.words(), 10, "no password printed")
    password = installation.words().split("First password:")[1].split()[0]
    with httpx.Client(base_url=installation.address, trust_env=False) as browser:
        page = browser.get("/login").text
        token = page.split('name="csrf_token" value="')[1].split('"')[0]
        answer = browser.post("/login", data={"csrf_token": token, "username": "admin", "password": password})
        assert answer.status_code == 303
        assert browser.get("/", follow_redirects=True).status_code == 200
    family = installation.family()
    assert len(family) >= 8
    for kind, niceness in {"worker-bulk": 5, "worker-background": 5, "worker-otp": 0, "web": 0}.items():
        assert {psutil.Process(pid).nice() for pid in installation.of_kind(kind)} == {os.nice(0) + niceness}
        sessions = {Path(f"/proc/{pid}/autogroup") for pid in installation.of_kind(kind)}
        assert all(f" nice {niceness}\n" in session.read_text() for session in sessions if session.exists())
    assert installation.stop() == 0
    until(lambda: not any(process.is_running() for process in family), 10, "a process was left behind")

    installation.start()
    installation.wait_until_healthy()
    assert installation.words().count("First password:") == 1
    assert installation.stop(signal.SIGTERM) == 0


KINDS = (
    "worker-bulk", "broker", "scheduler", "connector", "web", "worker-background", "worker-transactional", "worker-otp",
)  # fmt: skip


def test_the_demonstration_reaches_every_inbox_though_everything_is_killed(installation: Installation) -> None:
    """5,000 messages; kill -9 of each kind of process in its turn, at last of the supervisor itself."""
    installation.start(DEMO="1")
    installation.wait_until_healthy()
    sent = "SELECT count(*) FROM messages WHERE state = 'sent'"
    until(lambda: installation.rows(sent) > [(100,)], 60, "nothing was sent")
    for kind in KINDS:
        killed = installation.kill_kind(kind)
        until(lambda kind=kind, killed=killed: installation.of_kind(kind) - killed, 30, f"{kind} stayed away")
    installation.wait_until_healthy()
    family = installation.family()
    installation.stop(signal.SIGKILL)

    installation.start(DEMO="1")  # at once, while what the dead one left is still ending
    installation.wait_until_healthy()
    until(lambda: not any(process.is_running() for process in family), 30, "a process was left behind")
    finished = "SELECT count(*) FROM jobs WHERE state = 'finished'"
    until(lambda: installation.rows(finished)[0][0] == 1, 120, "the campaign did not finish")
    assert {kind for kind in KINDS if installation.of_kind(kind)} == set(KINDS)
    assert installation.rows("SELECT count(*) FROM jobs") == [(1,)]
    assert installation.rows("SELECT state, count(*) FROM messages GROUP BY state") == [("sent", 5000)]
    assert installation.rows("SELECT count(DISTINCT recipient) FROM sandbox_mails") == [(5000,)]
    doubled = set(installation.rows("SELECT recipient FROM sandbox_mails GROUP BY recipient HAVING count(*) > 1"))
    marked = set(installation.rows("SELECT recipient FROM messages WHERE maybe_twice"))
    assert doubled <= marked
    assert installation.stop() == 0


def test_a_taken_port_and_a_second_start_are_told_in_words(installation: Installation, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", installation.port))
        taken.listen()
        installation.start()
        assert installation.process is not None
        assert installation.process.wait(150) == 1
    assert "choose another HOST or PORT" in installation.words()

    installation.start()
    installation.wait_until_healthy()
    second = Installation(tmp_path)
    second.output = tmp_path / "second.txt"
    second.start()
    assert second.process is not None
    assert second.process.wait(150) == 1
    assert "Another Carillon already runs" in second.words()
    assert installation.stop() == 0
