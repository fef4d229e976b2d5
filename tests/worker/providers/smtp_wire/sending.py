"""Sends messages to a scripted server and tells what came of it."""

from collections.abc import Iterable

from tests.worker.providers.messages import Outcomes
from tests.worker.providers.smtp_server import ScriptedServer
from worker.providers.base import OutgoingEmail, Wait
from worker.providers.smtp_wire.session import SmtpSession
from worker.providers.smtp_wire.settings import WireSettings


def wire_settings(server: ScriptedServer, **changes: object) -> WireSettings:
    """One connection and no long pauses, unless told otherwise."""
    values = {"connections": 1, "reply_timeout": 20.0, "reconnect_delays": (0.01, 0.01), "cool_down": 30.0}
    return WireSettings("127.0.0.1", server.port, **(values | changes))


def send(server: ScriptedServer, messages: Iterable[OutgoingEmail | Wait], **changes: object) -> Outcomes:
    """One session, one send."""
    outcomes = Outcomes()
    session = SmtpSession(wire_settings(server, **changes))
    try:
        session.send(messages, outcomes)
    finally:
        session.close()
    return outcomes


def verbs(commands: list[str]) -> list[str]:
    """The first word of each command line."""
    return [command.split(" ")[0] for command in commands]
