"""What a command_status means for a message (SMPP 3.4, section 5.1.3; providers.md 5.3)."""

from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["permanent", "retry", "configuration"]

THROTTLED: Final = 0x58
QUEUE_FULL: Final = 0x14
ALREADY_BOUND: Final = 0x05
NOT_STORED: Final = 0x64
"""What we answer to a receipt that could not be kept: the message centre brings it again."""

_PERMANENT: Final = {
    0x01: "invalid message length", 0x02: "invalid command length", 0x03: "invalid command",
    0x06: "invalid priority", 0x07: "invalid registered_delivery", 0x0A: "invalid source address",
    0x0B: "invalid destination address", 0x0C: "invalid message id", 0x11: "cancel failed", 0x13: "replace failed",
    0x33: "invalid number of destinations", 0x34: "invalid list name", 0x40: "invalid destination flag",
    0x42: "invalid submit with replace", 0x43: "invalid esm_class", 0x44: "cannot submit to the list",
    0x54: "invalid replace flag", 0x55: "invalid number of messages", 0x61: "invalid scheduled time",
    0x62: "invalid validity period", 0x63: "invalid predefined message", 0x65: "permanent application error",
    0x66: "rejected by the application", 0xC0: "invalid optional part", 0xC1: "optional parameter not allowed",
    0xC2: "invalid parameter length", 0xC3: "an expected optional parameter is missing",
    0xC4: "invalid optional parameter value", 0xFE: "delivery failure",
}  # fmt: skip
_RETRY: Final = {
    0x04: "not bound for this", 0x05: "already bound", 0x08: "system error", 0x14: "message queue full",
    0x45: "submit failed", 0x58: "throttled", 0x64: "temporary application error", 0x67: "query failed",
    0xFF: "unknown error",
}  # fmt: skip
_CONFIGURATION: Final = {
    0x0D: "bind failed", 0x0E: "invalid password", 0x0F: "invalid system id", 0x15: "invalid service type",
    0x48: "invalid type of the source number", 0x49: "invalid plan of the source number",
    0x50: "invalid type of the destination number", 0x51: "invalid plan of the destination number",
    0x53: "invalid system type",
}  # fmt: skip
_WORDS: Final = _PERMANENT | _RETRY | _CONFIGURATION
_NAMES: Final[Mapping[str | None, Kind]] = {
    "permanent": "permanent",
    "retry": "retry",
    "configuration": "configuration",
}
_KINDS: Final[Mapping[int, Kind]] = {
    **dict.fromkeys(_PERMANENT, "permanent"),
    **dict.fromkeys(_RETRY, "retry"),
    **dict.fromkeys(_CONFIGURATION, "configuration"),
}


def kind_of(status: int, exceptions: Mapping[int, str]) -> Kind:
    """The class of a status that is not 0. `exceptions` are the operator's; unknown codes, as vendors' own from 0x400
    on, are final: a message that is refused for good must not be tried for days."""
    chosen = exceptions.get(status)
    return _NAMES[chosen] if chosen in _NAMES else _KINDS.get(status, "permanent")


def code_of(status: int) -> str:
    """As outcomes show it: 0x0000000B is "0x0B"."""
    return f"0x{status:02X}"


def words_of(status: int) -> str:
    """The status in words."""
    return f"The message centre answers {code_of(status)}: {_WORDS.get(status, 'a code of its own')}."


def read_exceptions(text: str) -> tuple[tuple[int, str], ...]:
    """Lines such as "0x45 = retry". Raises ValueError with a sentence for the form."""
    found = []
    for line in filter(None, map(str.strip, text.splitlines())):
        number, equals, kind = (part.strip() for part in line.partition("="))
        if not equals or kind not in _NAMES:
            raise ValueError(f"{line!r} is not of the form 0x45 = permanent, retry or configuration.")
        found.append((read_number(number), kind))
    return tuple(found)


def read_number(text: str) -> int:
    """A number in decimal, or in hexadecimal with 0x. Raises ValueError with a sentence."""
    try:
        return int(text, 0)
    except ValueError:
        raise ValueError(f"{text!r} is no number: write 5121 or 0x1401.") from None
