"""What a line to a message centre needs to know, typed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tlv:
    """A vendor's parameter of each message: its tag and its value in ASCII."""

    tag: int
    value: str


@dataclass(frozen=True, slots=True)
class WireSettings:
    """One account at a message centre. Times are in seconds; `throughput` in parts a second, 0 for no limit.

    `source_ton` and `source_npi` are None where they follow from the sender. `entity` and `chain` go with each
    message where they have a value, `template_tag` with those that have a registered template.
    """

    host: str
    port: int
    system_id: str
    password: str
    system_type: str = ""
    tls: str = "none"  # none, verified, unverified
    binds: int = 1
    window: int = 10
    throughput: float = 0.0
    enquire_seconds: float = 30.0
    reply_seconds: float = 60.0
    connect_seconds: float = 10.0
    source_ton: int | None = None
    source_npi: int | None = None
    destination_ton: int = 1
    destination_npi: int = 1
    service_type: str = ""
    alphabet: str = "gsm0338"  # what data_coding 0 means there: gsm0338, ascii, latin_1
    long_messages: str = "udh"  # udh, payload
    registered_delivery: int = 1
    send_validity: bool = False
    entity: Tlv | None = None
    chain: Tlv | None = None
    template_tag: int = 0x1401
    null_terminated: bool = False
    receipt_ids: str = "same"  # same, zeros, hex_then_decimal, decimal_then_hex
    time_zone: str = "UTC"
    statuses: tuple[tuple[int, str], ...] = ()  # command_status -> permanent, retry, configuration
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""

    @property
    def room(self) -> int:
        """How many messages may be under way."""
        return self.binds * self.window
