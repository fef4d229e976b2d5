"""Phone numbers of a column, as E.164. The library takes 33 µs a number, so the plain shapes (+CC…, national digits
with or without the trunk prefix) are matched against the patterns of its own metadata first; a property test holds
both ways together.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, NumberParseException, PhoneMetadata, PhoneNumberType

_SEPARATORS: Final = str.maketrans(
    "", "", " \u00a0\u202f\u2009-()./\u2010\u2011\u2013\t'\u200e\u200f\u202a\u202c\ufeff"
)
_DIGITS: Final = re.compile(r"\+?[0-9]{4,17}", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"[+-]?\d([.,]\d+)?[eE]\+?\d+", re.ASCII)
_DECIMAL: Final = re.compile(r"(\+?\d{6,15})\.0+", re.ASCII)


class NotAPhone(ValueError):
    """The words of the error say what is wrong with it."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the numbers of one country look like, as far as it can be told without the whole library."""

    country_code: str
    valid: re.Pattern[str]
    mobile: re.Pattern[str] | None
    general: re.Pattern[str]
    trunk: re.Pattern[str] | None  # national_prefix_for_parsing
    plain_trunk: str  # "0" where the trunk prefix is just that
    plain: re.Pattern[str] | None  # national digits (the group), also after +CC or "0"; None where it is not as simple


class PhoneColumn:
    """Normalises the numbers of one column; those without a country code belong to `country` (ISO 3166)."""

    def __init__(self, country: str) -> None:
        self.country = country
        self._home = _plan(country)
        self._plans: dict[str, _Plan | None] = {}

    def normalised(self, text: str) -> str:
        """The number as E.164; NotAPhone says in one sentence what is wrong."""
        return self.quick(text) or _by_library(text, self.country)

    def check_mobile(self, number: str) -> None:
        """NotAPhone where a number (E.164) is a landline or a service number, which get no SMS."""
        if not self._plainly_mobile(number):
            kind = phonenumbers.number_type(phonenumbers.parse(number))
            if kind in _WITHOUT_SMS:
                raise NotAPhone(f"{_WITHOUT_SMS[kind]} gets no SMS")

    def _plainly_mobile(self, number: str) -> bool:
        """Does the number look like a mobile one of its country? Without the library."""
        for length in (1, 2, 3):
            plan = self._known(number[1 : 1 + length])
            if plan:
                return plan.mobile is not None and plan.mobile.fullmatch(number[1 + length :]) is not None
        return False

    def _known(self, code: str) -> _Plan | None:
        if code not in self._plans:
            regions = COUNTRY_CODE_TO_REGION_CODE.get(int(code)) if code.isdigit() else None
            self._plans[code] = _plan(regions[0]) if regions else None
        return self._plans[code]

    def quick(self, text: str) -> str | None:
        """The same for plain mobile and fixed-line numbers, without the library; None where it has to be asked."""
        return None if "." in text else self._of_digits(text.translate(_SEPARATORS))

    def quick_all(self, texts: Sequence[str]) -> list[str]:
        """The same for a column; "" where the library has to be asked, and where there is no number."""
        text = "\n".join(texts)
        column = text.translate(_SEPARATORS).split("\n")
        match = self._home.plain.fullmatch if self._home and self._home.plain else None
        if match is None or "." in text or len(column) != len(texts):
            return [self.quick(text) or "" for text in texts]
        before = f"+{self._home.country_code}" if self._home else ""
        matches = zip(map(match, column), column, strict=True)
        return [before + found[1] if found else self._of_digits(digits) or "" for found, digits in matches]

    def _of_digits(self, digits: str) -> str | None:
        if not _DIGITS.fullmatch(digits):
            return None
        return self._abroad(digits) if digits[0] == "+" else self._at_home(digits)

    def _abroad(self, digits: str) -> str | None:
        for length in (1, 2, 3):
            plan = self._known(digits[1 : 1 + length])
            if plan:
                rest = digits[1 + length :]
                trunk = plan.trunk is not None and plan.trunk.match(rest)
                usual = rest[:1] != "0" and not trunk and plan.valid.fullmatch(rest)
                return digits if usual else None
        return None

    def _at_home(self, digits: str) -> str | None:
        plan = self._home
        if plan is None:
            return None
        if plan.plain_trunk and digits.startswith(plan.plain_trunk):
            digits = digits[len(plan.plain_trunk) :]
        elif plan.trunk is not None and plan.trunk.match(digits):
            return None
        usual = digits[:1] != "0" and plan.valid.fullmatch(digits) and not (plan.trunk and plan.trunk.match(digits))
        return f"+{plan.country_code}{digits}" if usual else None


@lru_cache(maxsize=300)
def _plan(region: str) -> _Plan | None:
    metadata: Any = PhoneMetadata.metadata_for_region(region, None)
    if metadata is None or metadata.leading_digits is not None or not metadata.general_desc.national_number_pattern:
        return None
    mobile, fixed = (_pattern(kind, metadata) for kind in (metadata.mobile, metadata.fixed_line))
    patterns = [pattern for pattern in (mobile, fixed) if pattern]
    if not patterns:
        return None
    general = metadata.general_desc.national_number_pattern
    trunk = metadata.national_prefix_for_parsing
    plain = metadata.national_prefix or ""
    plain_trunk = plain if plain == trunk == "0" and not metadata.national_prefix_transform_rule else ""
    valid = rf"(?=(?:{general})\Z)(?:{'|'.join(patterns)})"
    beginning = rf"(?=\+?[0-9]{{4,17}}\Z)(?:\+{metadata.country_code}{'|0' if plain_trunk else ''})?(?!0)"
    return _Plan(
        country_code=str(metadata.country_code),
        valid=re.compile(valid),
        # Where both kinds look the same (North America), every number may be a mobile one.
        mobile=re.compile(mobile) if mobile else None,
        general=re.compile(general),
        trunk=re.compile(trunk) if trunk else None,
        plain_trunk=plain_trunk,
        plain=re.compile(f"{beginning}({valid})") if plain_trunk or trunk is None else None,
    )


def _pattern(kind: Any, metadata: Any) -> str:
    """What the national numbers of a kind look like, "" where the country has none."""
    if kind is None or not kind.national_number_pattern:
        return ""
    lengths = kind.possible_length or metadata.general_desc.possible_length
    sizes = "|".join(rf"\d{{{length}}}" for length in lengths if length > 0)
    return rf"(?=(?:{sizes})\Z)(?:{kind.national_number_pattern})"


def _by_library(text: str, country: str) -> str:
    text = text.strip().lstrip("'\u200e\u202a").rstrip("\u202c")
    decimal = _DECIMAL.fullmatch(text)
    if decimal:
        text = decimal[1]
    if _SCIENTIFIC.fullmatch(text):
        raise NotAPhone("a spreadsheet shortened this number: format the column as text and export again")
    if sum(character.isalpha() for character in text) > 0:
        raise NotAPhone("a phone number without letters")
    try:
        number = phonenumbers.parse(text, country)
    except NumberParseException as error:
        raise NotAPhone(_WORDS.get(error.error_type, "digits, with a + and the country code where abroad")) from None
    if not phonenumbers.is_valid_number(number):
        code = f"+{number.country_code}"
        raise NotAPhone(f"a number that exists in the numbering plan of {code}; check its length and its first digits")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


_WITHOUT_SMS: Final = {
    PhoneNumberType.FIXED_LINE: "a landline",
    PhoneNumberType.TOLL_FREE: "a free-phone number",
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.UAN: "a company's service number",
    PhoneNumberType.VOICEMAIL: "a voice mailbox",
}
_WORDS: Final = {
    NumberParseException.INVALID_COUNTRY_CODE: "a known country code after the +, or a national number",
    NumberParseException.TOO_SHORT_NSN: "more digits",
    NumberParseException.TOO_SHORT_AFTER_IDD: "more digits after the international prefix",
    NumberParseException.TOO_LONG: "fewer digits",
}


def countries() -> list[str]:
    """Every country whose numbers are known (ISO 3166), in alphabetical order."""
    return sorted(phonenumbers.SUPPORTED_REGIONS)


def country_choices() -> list[tuple[str, str]]:
    """(code, "DE +49") of every country, for a select."""
    return [(code, f"{code} +{phonenumbers.country_code_for_region(code)}") for code in countries()]
