"""PDUs: those we send, written by aiosmpplib, and those we get, read here.

The library's reader refuses what it does not know (a vendor's command_status, an unusual data_coding, a TLV of three
bytes). A receipt must not be lost for that, so ours takes what it understands and passes over the rest.
"""

from dataclasses import dataclass, field
from struct import Struct, pack
from typing import Final, NamedTuple

from aiosmpplib import NPI, TON, OptionalParam, PhoneNumber, SubmitSm
from aiosmpplib.protocol import BindTransceiver, EnquireLink, Unbind

from worker.providers.smpp_wire.settings import WireSettings

HEADER: Final = Struct("!IIII")
LARGEST: Final = 70_000
"""Bytes of the largest PDU we read: a message_payload has at most 64 KiB."""

GENERIC_NACK: Final = 0x80000000
SUBMIT_RESP: Final = 0x80000004
BIND_RESP: Final = 0x80000009
UNBIND, UNBIND_RESP = 0x00000006, 0x80000006
DELIVER: Final = 0x00000005
ENQUIRE, ENQUIRE_RESP = 0x00000015, 0x80000015
_RESPONSE: Final = 0x80000000
_PAYLOAD: Final = 0x0424


class Header(NamedTuple):
    """The sixteen bytes that begin every PDU."""

    length: int
    command: int
    status: int
    sequence: int


@dataclass(frozen=True, slots=True)
class Delivery:
    """A deliver_sm: `tlvs` by tag, `text` the message in bytes, wherever it stood."""

    esm_class: int
    source: str
    destination: str
    data_coding: int
    text: bytes
    tlvs: dict[int, bytes] = field(default_factory=dict)


def read_header(data: bytes) -> Header:
    """Raises ValueError for a length that no PDU has: the stream is out of step then."""
    header = Header(*HEADER.unpack(data))
    if not HEADER.size <= header.length <= LARGEST:
        raise ValueError(f"a PDU of {header.length} bytes")
    return header


def bind(settings: WireSettings, sequence: int) -> bytes:
    """bind_transceiver. Raises ValueError where the settings do not fit its fields."""
    request = BindTransceiver(
        sequence_num=sequence,
        system_id=settings.system_id,
        password=settings.password,
        system_type=settings.system_type,
        addr_ton=TON(settings.addr_ton),
        addr_npi=NPI(settings.addr_npi),
        address_range=settings.address_range,
    )
    return bytes(request.pdu())


def enquire_link(sequence: int) -> bytes:
    """The question whether they are there."""
    return bytes(EnquireLink(sequence_num=sequence).pdu())


def unbind(sequence: int) -> bytes:
    """The leave-taking."""
    return bytes(Unbind(sequence_num=sequence).pdu())


def response(command: int, sequence: int, status: int = 0) -> bytes:
    """The answer to a request of theirs; deliver_sm is answered with an empty message id."""
    body = b"\x00" if command == DELIVER else b""
    return pack("!IIII", HEADER.size + len(body), command | _RESPONSE, status, sequence) + body


class EncodedSubmit(SubmitSm):
    """A submit_sm whose text is bytes already, kept as Latin-1; the library moves long ones to message_payload."""

    def smpp_encode(self, text: str) -> bytes:
        return text.encode("latin-1")


def submit(
    settings: WireSettings, text: bytes, source: PhoneNumber, destination: str, **values: object
) -> EncodedSubmit:
    """One part of a message; `values` are the library's."""
    return EncodedSubmit(
        short_message=text.decode("latin-1"),
        source=source,
        destination=PhoneNumber(destination, TON(settings.destination_ton), NPI(settings.destination_npi)),
        service_type=settings.service_type,
        registered_delivery=settings.registered_delivery,
        **values,
    )


def parameter(tag: int, value: str, *, null_terminated: bool) -> OptionalParam:
    """A TLV of text; operators differ in whether its end is marked."""
    return OptionalParam(tag, f"{value}\x00" if null_terminated else value)


def c_string(body: bytes) -> str:
    """The text up to the first NUL, as the answer to submit_sm carries its id. Latin-1: it never fails."""
    return body.partition(b"\x00")[0].decode("latin-1")


def read_delivery(body: bytes) -> Delivery:
    """A deliver_sm without its header. Raises ValueError where the fixed part is cut off."""
    reader = _Reader(body)
    reader.c_string()  # service_type
    reader.take(2)
    source = reader.c_string()
    reader.take(2)
    destination = reader.c_string()
    esm_class = reader.take(3)[0]
    reader.c_string()
    reader.c_string()
    data_coding = reader.take(4)[2]
    text = reader.take(reader.take(1)[0])
    tlvs = reader.tlvs()
    return Delivery(esm_class, source, destination, data_coding, text or tlvs.get(_PAYLOAD, b""), tlvs)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        piece = self._data[self._at : self._at + count]
        if len(piece) < count:
            raise ValueError("the PDU is cut off")
        self._at += count
        return piece

    def c_string(self) -> str:
        end = self._data.find(b"\x00", self._at)
        if end < 0:
            raise ValueError("a text without its end")
        piece = self._data[self._at : end]
        self._at = end + 1
        return piece.decode("latin-1")

    def tlvs(self) -> dict[int, bytes]:
        """Those that are whole; what follows a broken one is left out."""
        found = {}
        while len(self._data) - self._at >= 4:
            tag, length = int.from_bytes(self.take(2)), int.from_bytes(self.take(2))
            if len(self._data) - self._at < length:
                break
            found[tag] = self.take(length)
        return found
