"""SMPP 3.4: a bind at an operator's or aggregator's message centre."""

import socket
from collections.abc import Mapping
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from worker.providers.base import ConfigurationProblem, ConnectionReport, Provider, Session
from worker.providers.fields import SettingField, read_settings
from worker.providers.smpp_wire.local import open_local
from worker.providers.smpp_wire.probe import probe
from worker.providers.smpp_wire.session import HubSession
from worker.providers.smpp_wire.settings import Tlv, WireSettings
from worker.providers.smpp_wire.statuses import read_exceptions, read_number

_TONS = (
    ("0", "0, unknown"),
    ("1", "1, international"),
    ("2", "2, national"),
    ("3", "3, network"),
    ("4", "4, subscriber"),
    ("5", "5, letters"),
    ("6", "6, abbreviated"),
)
_NPIS = (("0", "0, unknown"), ("1", "1, E.164"), ("3", "3, data"), ("8", "8, national"), ("9", "9, private"))
_FROM_SENDER = ("auto", "As the sender looks")
_TAGS = ("entity_tag", "template_tag", "chain_tag")


class SmppProvider(Provider):
    """Its binds are held by the connector process, for all workers together."""

    vendor: ClassVar[str] = "smpp"
    label: ClassVar[str] = "SMPP"
    channel: ClassVar[str] = "sms"
    description: ClassVar[str] = "A bind (SMPP 3.4, transceiver) at an operator's or aggregator's message centre."
    receipts_by_id: ClassVar[bool] = True
    held_by_connector: ClassVar[bool] = True
    fields: ClassVar[tuple[SettingField, ...]] = (
        SettingField("host", "Server", required=True),
        SettingField("port", "Port", "number", default=2775, minimum=1, maximum=65535),
        SettingField(
            "tls",
            "Encryption",
            "choice",
            default="none",
            choices=(
                ("none", "None (in a VPN or a private network)"),
                ("verified", "TLS"),
                ("unverified", "TLS, any certificate"),
            ),
        ),
        SettingField("system_id", "System id", help="At most 15 characters.", required=True),
        SettingField("password", "Password", "secret", help="At most 8 characters.", required=True),
        SettingField("system_type", "System type", help="Only where your account was given one."),
        SettingField("entity_id", "Entity id", help="Your principal entity id (PE id) at the DLT; goes as a TLV."),
        SettingField("chain", "Telemarketer chain", help="Chain of ids or its hash; leave empty unless asked for."),
        SettingField(
            "throughput",
            "Parts a second",
            "number",
            help="What your contract allows on all binds together; 0 for no limit.",
            default=0,
            minimum=0,
        ),
        SettingField("binds", "Binds", "number", help="Your account limits them.", default=1, minimum=1, maximum=20),
        SettingField(
            "window",
            "Window",
            "number",
            help="Messages on a bind that wait for their answer.",
            default=10,
            minimum=1,
            maximum=1000,
        ),
        SettingField("enquire_seconds", "Seconds between enquire_link", "number", default=30, minimum=1, maximum=3600),
        SettingField(
            "reply_seconds", "Seconds until an answer counts as lost", "number", default=60, minimum=1, maximum=600
        ),
        SettingField("source_ton", "Type of the sender", "choice", default="auto", choices=(_FROM_SENDER, *_TONS)),
        SettingField("source_npi", "Plan of the sender", "choice", default="auto", choices=(_FROM_SENDER, *_NPIS)),
        SettingField("destination_ton", "Type of the recipient", "choice", default="1", choices=_TONS),
        SettingField("destination_npi", "Plan of the recipient", "choice", default="1", choices=_NPIS),
        SettingField("service_type", "Service type", advanced=True),
        SettingField(
            "alphabet",
            "Default alphabet",
            "choice",
            help="What data_coding 0 means there. Other characters go as UCS-2.",
            default="gsm0338",
            choices=(("gsm0338", "GSM 03.38, unpacked"), ("ascii", "ASCII"), ("latin_1", "Latin-1")),
            advanced=True,
        ),
        SettingField(
            "long_messages",
            "Long messages",
            "choice",
            default="udh",
            choices=(("udh", "In parts (UDH)"), ("payload", "In one piece (message_payload)")),
            advanced=True,
        ),
        SettingField(
            "registered_delivery",
            "Receipts",
            "choice",
            default="1",
            choices=(("1", "For every message"), ("2", "For failures"), ("0", "None")),
            advanced=True,
        ),
        SettingField(
            "receipt_ids",
            "Ids in receipts",
            "choice",
            help="How they differ from those in the answers to submit_sm.",
            default="same",
            choices=(
                ("same", "The same"),
                ("zeros", "Leading zeros differ"),
                ("hex_then_decimal", "Answer in hexadecimal, receipt in decimal"),
                ("decimal_then_hex", "Answer in decimal, receipt in hexadecimal"),
            ),
            advanced=True,
        ),
        SettingField("time_zone", "Time zone of receipts", help="As Asia/Kolkata.", default="UTC", advanced=True),
        SettingField("send_validity", "Send the validity period", "boolean", default=False, advanced=True),
        SettingField("entity_tag", "TLV of the entity id", default="0x1400", advanced=True),
        SettingField("template_tag", "TLV of the template id", default="0x1401", advanced=True),
        SettingField("chain_tag", "TLV of the chain", default="0x1402", advanced=True),
        SettingField("null_terminated", "TLVs end with a NUL", "boolean", default=False, advanced=True),
        SettingField(
            "statuses",
            "Statuses of their own",
            "textarea",
            help="A line each: 0x45 = retry. Classes: permanent, retry, configuration. Unknown ones are permanent.",
            advanced=True,
        ),
    )

    @classmethod
    def validate(cls, settings: Mapping[str, Any]) -> dict[str, str]:
        """Lengths as the protocol has them; tags, statuses and time zone that can be read."""
        errors = super().validate(settings)
        if not errors:
            errors = _further_errors(read_settings(cls.fields, settings))
        return errors

    def line_settings(self) -> WireSettings:
        """Typed settings of the line. Raises ConfigurationProblem where they cannot be used."""
        errors = type(self).validate(self.settings)
        if errors:
            raise ConfigurationProblem("bad_settings", " ".join(errors.values()))
        values = read_settings(self.fields, self.settings)
        for name in ("source_ton", "source_npi"):
            values[name] = None if values[name] == "auto" else int(values[name])
        for name in ("destination_ton", "destination_npi", "registered_delivery", *_TAGS):
            values[name] = read_number(str(values[name]))
        entity = _tlv(values.pop("entity_tag"), values.pop("entity_id"))
        chain = _tlv(values.pop("chain_tag"), values.pop("chain"))
        statuses = read_exceptions(values.pop("statuses"))
        return WireSettings(**values, entity=entity, chain=chain, statuses=statuses)

    def open(self) -> Session:
        """A session at the connector process, or where there is none on a bind of its own."""
        connector = self.ports.connector
        if connector is None:
            wire = self.line_settings()
            return HubSession(lambda: open_local(wire), "")
        address = str(connector.socket)

        def connect() -> socket.socket:
            stream = socket.socket(socket.AF_UNIX)
            stream.settimeout(5)
            stream.connect(address)
            return stream

        return HubSession(connect, connector.key)

    def test_connection(self) -> ConnectionReport:
        """A bind of its own, for a moment: an account whose binds are all in use refuses it."""
        try:
            return probe(self.line_settings())
        except ConfigurationProblem as problem:
            return ConnectionReport(False, (("Read the settings", False, problem.detail),))


def _tlv(tag: int, value: str) -> Tlv | None:
    return Tlv(tag, value) if value else None


def _further_errors(values: Mapping[str, Any]) -> dict[str, str]:
    errors = {}
    for name, most in (("system_id", 15), ("password", 8), ("system_type", 12), ("service_type", 5)):
        if len(values[name]) > most or not values[name].isascii():
            errors[name] = f"At most {most} ASCII characters."
    for name in ("entity_id", "chain"):
        if not values[name].isascii():
            errors[name] = "ASCII characters only."
    for name in _TAGS:
        try:
            if not 0 < read_number(values[name]) < 0x10000:
                errors[name] = "A tag is between 1 and 0xFFFF."
        except ValueError as error:
            errors[name] = str(error)
    try:
        read_exceptions(values["statuses"])
    except ValueError as error:
        errors["statuses"] = str(error)
    try:
        ZoneInfo(values["time_zone"])
    except (LookupError, ValueError, OSError):
        errors["time_zone"] = "No such time zone. One is Asia/Kolkata."
    return errors
