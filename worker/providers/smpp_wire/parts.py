"""A text message as the submit_sm that carry it: one, or several joined by a header in front of each text."""

from datetime import timedelta
from itertools import count, pairwise

from aiosmpplib import NPI, TON, OptionalParam, PhoneNumber
from aiosmpplib.codec import find_codec_info

from worker.providers.outgoing import OutgoingSms
from worker.providers.smpp_wire import pdus
from worker.providers.smpp_wire.settings import WireSettings
from worker.rendering.segments import GSM7, measure

_UDHI = 0x40
_SINGLE_UCS2, _JOINED_UCS2 = 140, 134
_LONGEST_ADDRESS = 20
_references = count(1)


class Unsendable(Exception):
    """The message does not fit SMPP, or not this account: final, nothing was sent."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


def compose(settings: WireSettings, message: OutgoingSms, lifetime: float | None = None) -> list[pdus.EncodedSubmit]:
    """The parts in their order; `lifetime` is in seconds. Raises Unsendable, or UnicodeEncodeError for a text that no
    encoding holds."""
    if not message.text:
        raise Unsendable("empty_message", "The message has no text.")
    encoding, texts = _encoded(settings, message)
    header = len(texts) > 1 and settings.long_messages == "udh"
    if len(texts) > 1 and not header:
        texts = [b"".join(texts)]
    reference = next(_references) % 256
    parts = []
    for number, text in enumerate(texts, 1):
        part = pdus.submit(
            settings,
            bytes((5, 0, 3, reference, len(texts), number)) + text if header else text,
            _source(settings, message.sender),
            _digits(message.to),
            encoding=encoding,
            esm_class=_UDHI if header else 0,
            validity_period=_validity(settings, lifetime),
            optional_params=_parameters(settings, message),
        )
        parts.append(part)
    return parts


def _encoded(settings: WireSettings, message: OutgoingSms) -> tuple[str | None, list[bytes]]:
    """The library's name of the encoding (None: data_coding 0) and the texts of the parts, without headers."""
    if message.encoding == GSM7:
        encode = find_codec_info(settings.alphabet, None).encode
        cuts = (0, *measure(message.text).cuts, len(message.text))
        try:
            return None, [encode(message.text[first:last])[0] for first, last in pairwise(cuts)]
        except UnicodeEncodeError:
            pass  # an alphabet with fewer characters than GSM-7
    data = message.text.encode("utf-16-be")
    if len(data) <= _SINGLE_UCS2:
        return "ucs2", [data]
    return "ucs2", _cut_ucs2(data)


def _cut_ucs2(data: bytes) -> list[bytes]:
    parts = []
    while data:
        end = _JOINED_UCS2
        if len(data) > end and 0xD8 <= data[end - 2] <= 0xDB:
            end -= 2  # the first half of a pair stays with the second
        parts.append(data[:end])
        data = data[end:]
    return parts


def _source(settings: WireSettings, sender: str) -> PhoneNumber:
    """Type and plan as set, or else as the sender looks: letters, a short code, a number."""
    if not sender or len(sender) > _LONGEST_ADDRESS or not sender.isascii():
        raise Unsendable("bad_sender", f"{sender!r} is no sender of 1 to {_LONGEST_ADDRESS} ASCII characters.")
    bare = sender.lstrip("+")
    if not bare.isdigit():
        ton, npi, address = TON.ALPHANUMERIC, NPI.UNKNOWN, sender
    elif len(bare) <= 8 and bare == sender:
        ton, npi, address = TON.NETWORK_SPECIFIC, NPI.UNKNOWN, sender
    else:
        ton, npi, address = TON.INTERNATIONAL, NPI.ISDN, bare
    if settings.source_ton is not None:
        ton = TON(settings.source_ton)
    if settings.source_npi is not None:
        npi = NPI(settings.source_npi)
    return PhoneNumber(address, ton, npi)


def _digits(to: str) -> str:
    digits = to.lstrip("+")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST_ADDRESS:
        raise Unsendable("bad_recipient", f"{to!r} is no number in international form.")
    return digits


def _validity(settings: WireSettings, lifetime: float | None) -> timedelta | None:
    if lifetime is None or not settings.send_validity:
        return None
    return timedelta(seconds=int(min(max(lifetime, 60.0), 7 * 86_400.0)))


def _parameters(settings: WireSettings, message: OutgoingSms) -> list[OptionalParam]:
    values = [(tlv.tag, tlv.value) for tlv in (settings.entity, settings.chain) if tlv is not None]
    if message.registered_template:
        values.append((settings.template_tag, message.registered_template))
    return [pdus.parameter(tag, value, null_terminated=settings.null_terminated) for tag, value in sorted(values)]
