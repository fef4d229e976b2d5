"""Delivery receipts in both layouts: the text of the specification's appendix B, and TLVs."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from worker.providers.receipts import Receipt, ReceiptKind
from worker.providers.smpp_wire.pdus import Delivery
from worker.providers.smpp_wire.settings import WireSettings

_MESSAGE_ID, _STATE, _NETWORK_ERROR = 0x001E, 0x0427, 0x0423
_TYPE_MASK, _RECEIPT, _INTERMEDIATE = 0x3C, 0x04, 0x20
_FIELD: Final = re.compile(r"(id|sub|dlvrd|submit date|done date|stat|err):\s*(\S*)", re.IGNORECASE)
_STATES: Final = {
    1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD",
}  # fmt: skip
_KINDS: Final[Mapping[str, ReceiptKind]] = {  # the first six letters: some write the words out
    "ENROUT": ReceiptKind.ACCEPTED,
    "DELIVR": ReceiptKind.DELIVERED,
    "DELIVE": ReceiptKind.DELIVERED,
    "EXPIRE": ReceiptKind.EXPIRED,
    "DELETE": ReceiptKind.FAILED,
    "UNDELI": ReceiptKind.BOUNCED,
    "ACCEPT": ReceiptKind.ACCEPTED,
    "REJECT": ReceiptKind.FAILED,
}


def is_receipt(delivery: Delivery) -> bool:
    """False for what a person wrote."""
    return delivery.esm_class & _TYPE_MASK in (_RECEIPT, _INTERMEDIATE) or _MESSAGE_ID in delivery.tlvs


def read_receipt(settings: WireSettings, delivery: Delivery) -> Receipt | None:
    """What it says; None where it names no message. TLVs count before the text, which vendors vary."""
    words = {name.lower(): value for name, value in reversed(_FIELD.findall(_before_text(delivery.text)))}
    tlvs = delivery.tlvs
    identifier = tlvs.get(_MESSAGE_ID, b"").rstrip(b"\x00").decode("latin-1") or words.get("id", "")
    if not identifier:
        return None
    state = _STATES.get(int.from_bytes(tlvs[_STATE]), "") if _STATE in tlvs else ""
    state = state or words.get("stat", "").upper()
    moment = words.get("done date", "")
    return Receipt(
        _KINDS.get(state[:6], ReceiptKind.UNKNOWN),
        f"{identifier}:{state}:{moment}",
        provider_message_id=id_of_receipt(settings, identifier),
        recipient=delivery.source,
        code=_error(tlvs.get(_NETWORK_ERROR, b""), words.get("err", "")),
        detail=f"{state} {_before_text(delivery.text)}".strip()[:500],
        occurred_at=_moment(moment, settings.time_zone),
    )


def id_of_answer(settings: WireSettings, identifier: str) -> str:
    """The id in the answer to submit_sm, in the form in which receipts are compared with it."""
    if settings.receipt_ids == "hex_then_decimal":
        return _in_decimal(identifier, 16)
    return _plain(settings, identifier)


def id_of_receipt(settings: WireSettings, identifier: str) -> str:
    """The id that a receipt names, in the same form."""
    if settings.receipt_ids == "decimal_then_hex":
        return _in_decimal(identifier, 16)
    return _plain(settings, identifier)


def _plain(settings: WireSettings, identifier: str) -> str:
    return identifier if settings.receipt_ids == "same" else identifier.lstrip("0") or identifier


def _in_decimal(identifier: str, base: int) -> str:
    try:
        return str(int(identifier, base))
    except ValueError:
        return identifier


def _before_text(text: bytes) -> str:
    """Without the message's own beginning, which could hold anything; Latin-1 never fails."""
    return re.split(r"\btext:", text.decode("latin-1"), maxsplit=1, flags=re.IGNORECASE)[0].strip()


def _error(network: bytes, word: str) -> str:
    if len(network) == 3 and any(network[1:]):
        return str(int.from_bytes(network[1:]))
    return "" if not word.strip("0") else word


def _moment(text: str, time_zone: str) -> datetime | None:
    """YYMMDDhhmm, with or without seconds; None for anything else."""
    for length, layout in ((10, "%y%m%d%H%M"), (12, "%y%m%d%H%M%S")):
        if len(text) == length and text.isdigit():
            try:
                return datetime.strptime(text, layout).replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
            except ValueError:
                return None
    return None
