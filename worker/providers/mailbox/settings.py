"""Where undeliverable mail comes back: what an operator can say about it, and what of that cannot be used."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from worker.providers.fields import SettingField

#: Of a mail so many bytes are read; a report stands before the mail it returns.
MOST_BYTES = 64 * 1024

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*/=?^_`{|}~-]{1,34}@(?=.{1,253}$)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_HOST = re.compile(r"[^\s/@:,;<>\[\]()]+|[0-9A-Fa-f:.]+")
_PORTS = {("imap", "tls"): 993, ("pop3", "tls"): 995, ("imap", "starttls"): 143, ("pop3", "starttls"): 110}

#: The settings of a provider whose bounces come back by mail.
BOUNCE_FIELDS: tuple[SettingField, ...] = (
    SettingField(
        "bounce_address",
        "Bounce address",
        help=(
            "Such as bounces@example.com. Mail then leaves as bounces+token@example.com, so that what comes back "
            "names its message; its mailbox has to take the part after the plus sign. Empty: the From address."
        ),
        advanced=True,
    ),
    SettingField(
        "bounce_protocol",
        "Read bounces by",
        "choice",
        help="Read once a minute; messages that came back become bounced, deferred or complained about.",
        default="none",
        choices=(("none", "Not read"), ("imap", "IMAP"), ("pop3", "POP3")),
        advanced=True,
    ),
    SettingField("bounce_host", "Bounce mailbox host", help="Such as imap.example.com.", advanced=True),
    SettingField(
        "bounce_port",
        "Bounce mailbox port",
        "number",
        help="0: the usual one, 993 for IMAP and 995 for POP3 with TLS.",
        default=0,
        minimum=0,
        maximum=65535,
        advanced=True,
    ),
    SettingField(
        "bounce_security",
        "Bounce mailbox encryption",
        "choice",
        help="STARTTLS and TLS never fall back to an open connection.",
        default="tls",
        choices=(("tls", "TLS"), ("starttls", "STARTTLS"), ("none", "None")),
        advanced=True,
    ),
    SettingField(
        "bounce_verify_certificate",
        "Bounce mailbox verify certificate",
        "boolean",
        help="Turn this off only for a server of your own that has a self-signed certificate.",
        default=True,
        advanced=True,
    ),
    SettingField("bounce_username", "Bounce mailbox user name", advanced=True),
    SettingField("bounce_password", "Bounce mailbox password", "secret", advanced=True),
    SettingField("bounce_folder", "Bounce mailbox folder", help="Of IMAP only.", default="INBOX", advanced=True),
    SettingField(
        "bounce_after",
        "Bounce mailbox after reading",
        "choice",
        help="Mail that is no bounce stays in an IMAP folder, marked as read.",
        default="delete",
        choices=(("delete", "Delete"), ("seen", "Mark as read")),
        advanced=True,
    ),
)


@dataclass(frozen=True, slots=True)
class MailboxSettings:
    """One mailbox, as plain values. `protocol` is "imap" or "pop3", `security` "tls", "starttls" or "none"; with
    `delete` what was taken is removed, else marked as read. `timeout` bounds each wait for the server, in seconds."""

    protocol: str
    host: str
    port: int
    security: str
    verify_certificate: bool
    username: str
    password: str
    folder: str = "INBOX"
    delete: bool = True
    timeout: float = 20.0


def mailbox_of(values: Mapping[str, Any]) -> MailboxSettings | None:
    """The mailbox in typed settings (`read_settings`), None where none is to be read."""
    protocol, security = values["bounce_protocol"], values["bounce_security"]
    if protocol == "none":
        return None
    return MailboxSettings(
        protocol=protocol,
        host=values["bounce_host"],
        port=values["bounce_port"] or _PORTS.get((protocol, security)) or _PORTS[protocol, "starttls"],
        security=security,
        verify_certificate=values["bounce_verify_certificate"],
        username=values["bounce_username"],
        password=values["bounce_password"],
        folder=values["bounce_folder"],
        delete=values["bounce_after"] == "delete",
    )


def bounce_errors(values: Mapping[str, Any]) -> dict[str, str]:
    """Field name -> what to change, for typed settings that do not make sense."""
    errors = {}
    if values["bounce_address"] and not _ADDRESS.fullmatch(values["bounce_address"]):
        errors["bounce_address"] = "Use an address such as bounces@example.com, at most 34 characters before the @."
    if values["bounce_protocol"] == "none":
        return errors
    if not _HOST.fullmatch(values["bounce_host"]):
        errors["bounce_host"] = "Write the name or IP address of the mailbox's server, without protocol or port."
    if not values["bounce_username"]:
        errors["bounce_username"] = "Enter the user name of the mailbox."
    if not values["bounce_password"]:
        errors["bounce_password"] = "Enter the password of the mailbox."  # noqa: S105
    if not isinstance(values["bounce_port"], int):
        errors["bounce_port"] = "Use a whole number."
    if values["bounce_protocol"] == "pop3" and values["bounce_after"] != "delete":
        errors["bounce_after"] = "POP3 knows no read marks. Choose Delete, or IMAP."
    if not values["bounce_folder"].isascii() or re.search(r'[\x00-\x1f"\\]', values["bounce_folder"]):
        errors["bounce_folder"] = "Use a folder name of plain letters, such as INBOX."
    return errors
