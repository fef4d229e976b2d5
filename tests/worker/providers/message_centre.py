"""A message centre that other people wrote: the npm package "smpp", run by node on loopback."""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.worker.providers.node_packages import PEERS, prepared


class Centre:
    """The running server and what it told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.events: list[dict[str, Any]] = []
        self._asked = self._answered = 0
        self._heard = threading.Condition()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.port = int(self.wait_for("listening")[0]["port"])

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if not line.endswith("\n"):
                break  # it was killed in the middle of a line
            with self._heard:
                if (entry := json.loads(line))["event"] == "asked":
                    self._answered += 1
                else:
                    self.events.append(entry)
                self._heard.notify_all()

    def of(self, event: str) -> list[dict[str, Any]]:
        """All that it has told of this name; what it wrote before it answered a client is among it."""
        self._catch_up()
        return self._heard_of(event)

    def _heard_of(self, event: str) -> list[dict[str, Any]]:
        with self._heard:
            return [entry for entry in self.events if entry["event"] == event]

    def _catch_up(self) -> None:
        """Its lines take a way of their own, and may come after the answer that followed them: ask for one more."""
        assert self._process.stdin is not None
        with self._heard:
            if not self._listener.is_alive():
                return
            with contextlib.suppress(BrokenPipeError):
                os.write(self._process.stdin.fileno(), b"?")
            self._asked += 1
            while self._answered < self._asked and self._listener.is_alive():
                self._heard.wait(0.1)

    def wait_for(self, event: str, count: int = 1, seconds: float = 150.0) -> list[dict[str, Any]]:
        """So many events of this name, once they have come."""
        deadline = time.monotonic() + seconds
        while len(found := self._heard_of(event)) < count:
            with self._heard:
                self._heard.wait(0.1)
            assert time.monotonic() < deadline, f"{event} did not come {count} times: {self.events[-20:]}"
        return found

    def kill(self) -> None:
        """As a machine dies: no leave is taken, and nobody listens at the port any more."""
        self._process.kill()

    def listened(self) -> None:
        """Once its process has ended and everything it told has been heard."""
        self._process.wait()
        self._listener.join()

    @property
    def submits(self) -> list[dict[str, Any]]:
        return self.of("submit")


@contextmanager
def message_centre(**options: Any) -> Iterator[Centre]:
    """One with these options (see tools/peers/smpp_server.cjs). Without node or npm the test fails in CI only."""
    node = prepared()
    process = subprocess.Popen(
        [node, str(PEERS / "smpp_server.cjs"), json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    centre = None
    try:
        centre = Centre(process)
        yield centre
    finally:
        process.kill()
        process.wait()
        if centre is not None:
            centre.listened()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()
