"""SMTP: any mail server or relay, over a pipelining client of our own."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from worker.providers.base import ConfigurationProblem, ConnectionReport, Ports, Provider, Session
from worker.providers.fields import SettingField, read_settings
from worker.providers.mailbox.opening import try_out
from worker.providers.mailbox.settings import BOUNCE_FIELDS, MailboxSettings, bounce_errors, mailbox_of
from worker.providers.smtp_wire.probe import probe
from worker.providers.smtp_wire.session import SmtpSession
from worker.providers.smtp_wire.settings import WireSettings

_HOST = re.compile(r"[^\s/@:,;<>\[\]()]+|[0-9A-Fa-f:.]+")
_HELO_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[A-Za-z0-9:.]+\]")


class SmtpProvider(Provider):
    """Sends through one SMTP server.

    A private address is as good as a public one: the relay of an operator's own network is the usual choice.
    """

    vendor: ClassVar[str] = "smtp"
    label: ClassVar[str] = "SMTP"
    channel: ClassVar[str] = "email"
    description: ClassVar[str] = "Any mail server or relay that speaks SMTP."
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("host", "Host", help="Name or IP address, such as mail.example.com.", required=True),
        SettingField(
            "port",
            "Port",
            "number",
            help="587 for STARTTLS, 465 for TLS, 25 for a relay.",
            required=True,
            default=587,
            minimum=1,
            maximum=65535,
        ),
        SettingField(
            "security",
            "Encryption",
            "choice",
            help="STARTTLS and TLS never fall back to an open connection.",
            required=True,
            default="starttls",
            choices=(("starttls", "STARTTLS"), ("tls", "TLS"), ("none", "None")),
        ),
        SettingField(
            "verify_certificate",
            "Verify certificate",
            "boolean",
            help="Turn this off only for a server of your own that has a self-signed certificate.",
            default=True,
        ),
        SettingField("username", "User name", help="Leave empty for a server that asks for none."),
        SettingField("password", "Password", "secret"),
        SettingField(
            "helo_name",
            "Name in EHLO",
            help="What this machine calls itself. Empty: its own host name or address.",
            advanced=True,
        ),
        SettingField(
            "connections",
            "Connections",
            "number",
            help="How many to keep open at most, for each worker.",
            default=8,
            minimum=1,
            maximum=50,
        ),
        SettingField(
            "messages_per_connection",
            "Messages per connection",
            "number",
            help="Open a new connection after this many. 0: no limit.",
            default=0,
            minimum=0,
            maximum=1_000_000,
            advanced=True,
        ),
        SettingField(
            "connect_timeout",
            "Seconds to connect",
            "number",
            help="How long to wait for the server to take a connection.",
            default=10,
            minimum=1,
            maximum=120,
            advanced=True,
        ),
        SettingField(
            "reply_timeout",
            "Seconds for a reply",
            "number",
            help="How long to wait for the answer to a command.",
            default=60,
            minimum=1,
            maximum=600,
            advanced=True,
        ),
        SettingField(
            "final_timeout",
            "Seconds to accept a message",
            "number",
            help="How long a server may scan a message before it answers. Too short a time doubles messages.",
            default=300,
            minimum=10,
            maximum=1200,
            advanced=True,
        ),
        *BOUNCE_FIELDS,
    )

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Check each field, and those that only make sense together."""
        errors = super().validate(settings)
        if errors:
            return errors
        values = read_settings(cls.fields, settings)
        if not _HOST.fullmatch(values["host"]):
            errors["host"] = "Write only the name or IP address of the server, without protocol, path or port."
        if values["helo_name"] and not _HELO_NAME.fullmatch(values["helo_name"]):
            errors["helo_name"] = "Use a host name such as mail.example.com, or an address in brackets."
        if values["username"] and not values["password"]:
            errors["password"] = "Enter the password of this user name, or remove the user name."  # noqa: S105
        for name in ("port", "connections", "messages_per_connection"):
            if not isinstance(values[name], int):
                errors[name] = "Use a whole number."
        return errors | bounce_errors(values)

    def __init__(self, settings: Mapping[str, Any], ports: Ports) -> None:
        """Settings as in `fields`; raises ConfigurationProblem where a value cannot be used."""
        super().__init__(settings, ports)
        for problem in self.validate(settings).values():
            raise ConfigurationProblem("invalid_settings", problem)
        values = read_settings(self.fields, settings)
        self._wire = _wire_settings(values)
        self._mailbox = mailbox_of(values)

    def open(self) -> Session:
        """A session that connects when the first message is there."""
        return SmtpSession(self._wire)

    def test_connection(self) -> ConnectionReport:
        """Find, connect, encrypt, greet, sign in; each with the server's words. Takes at most a few time-outs.

        Then the mailbox of bounces, where there is one, as far as opening its folder.
        """
        report = probe(self._wire)
        if self._mailbox is None or not report.ok:
            return report
        steps = try_out(self._mailbox)
        return ConnectionReport(all(ok for _, ok, _ in steps), (*report.steps, *steps))

    @property
    def bounce_mailbox(self) -> MailboxSettings | None:
        """Where mail that came back is to be read; None where it is not."""
        return self._mailbox


def _wire_settings(values: Mapping[str, Any]) -> WireSettings:
    return WireSettings(
        host=values["host"],
        port=values["port"],
        security=values["security"],
        verify_certificate=values["verify_certificate"],
        username=values["username"],
        password=values["password"],
        helo_name=values["helo_name"],
        connections=values["connections"],
        messages_per_connection=values["messages_per_connection"],
        connect_timeout=float(values["connect_timeout"]),
        reply_timeout=float(values["reply_timeout"]),
        final_timeout=float(values["final_timeout"]),
    )
