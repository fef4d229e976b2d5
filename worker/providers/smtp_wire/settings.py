"""Everything the SMTP client can be told, as plain values."""

from dataclasses import dataclass
from typing import Literal

Security = Literal["none", "starttls", "tls"]


@dataclass(frozen=True, slots=True)
class WireSettings:
    """Where to connect, how to be trusted, how hard to push. Times are in seconds.

    `reconnect_delays` are the pauses between attempts while no connection stands: one attempt more than delays, then
    the session reports its messages as not sent and rests for `cool_down` before it tries again.
    """

    host: str
    port: int = 25
    security: Security = "none"
    verify_certificate: bool = True
    username: str = ""
    password: str = ""
    helo_name: str = ""
    connections: int = 8
    messages_per_connection: int = 0  # 0 = no limit of ours
    connect_timeout: float = 10.0
    reply_timeout: float = 60.0
    final_timeout: float = 300.0  # after the final dot, where servers scan and queue; RFC 5321 asks for 10 minutes
    reconnect_delays: tuple[float, ...] = (0.5, 2.0)
    cool_down: float = 10.0
    noop_after: float = 30.0  # a connection that rested longer is asked with NOOP before it gets a message
    regrow_after: float = 60.0  # a limit lowered by the server's 421 rises by one connection this often
