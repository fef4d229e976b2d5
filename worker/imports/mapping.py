"""What each column of a file is for: guessed from its header and its first values, with the reason in words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from worker.imports.emails import NotAnEmail
from worker.imports.emails import normalised as normalised_email
from worker.imports.phones import NotAPhone, PhoneColumn
from worker.imports.rejects import REJECT_COLUMNS


class Target(StrEnum):
    EMAIL = "email"
    PHONE = "phone"
    EXTERNAL_ID = "external_id"
    PUSH_TOKEN = "push_token"  # noqa: S105 - a column's name
    VARIABLE = "variable"
    IGNORE = "ignore"


#: Where a message can go; one of them has to be there.
ADDRESSES: Final = (Target.EMAIL, Target.PHONE, Target.PUSH_TOKEN)
#: A file has at most one column for each of them.
SINGLE: Final = (*ADDRESSES, Target.EXTERNAL_ID)
TARGET_LABELS: Final[dict[Target, str]] = {
    Target.EMAIL: "Email address",
    Target.PHONE: "Phone number",
    Target.EXTERNAL_ID: "Customer id (external id)",
    Target.PUSH_TOKEN: "Push token",
    Target.VARIABLE: "Variable",
    Target.IGNORE: "Ignore",
}
#: Share of values that makes a column an address by itself; below the other one its header is doubted.
_SHARE: Final = 0.8
_UNLIKELY: Final = 0.2


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_ALIASES: Final[dict[Target, frozenset[str]]] = {
    Target.EMAIL: _words(
        "email e_mail mail emailaddress email_address e_mail_address mail_address recipient recipient_email to",
        "correo correo_electronico courriel epost e_posta eposta почта эл_почта メール メールアドレス 邮箱 电子邮件",
    ),
    Target.PHONE: _words(
        "phone phone_number phonenumber mobile mobile_number mobile_no mobilephone cell cellphone cell_phone msisdn",
        "telephone tel phone_no contact_number whatsapp handy mobil telefon telefonnummer movil telefono portable",
        "телефон 電話番号 手机 手机号",
    ),
    Target.EXTERNAL_ID: _words(
        "external_id externalid customer_id customerid user_id userid client_id contact_id crm_id member_id",
        "customer_number kundennummer kunden_id",
    ),
    Target.PUSH_TOKEN: _words("push_token device_token fcm_token apns_token registration_id push_id"),
}
#: Names with a meaning of their own in templates and records.
RESERVED: Final = _words(
    "email phone external_id push_token unsubscribe_url message_id",
    "true false none and or not in is if else elif for loop self super varargs kwargs caller range dict lipsum",
    "cycler joiner namespace",
)
_DATE_OR_AMOUNT: Final = re.compile(r"\d{4}-\d\d-\d\d|\d\d?[./]\d\d?[./]\d\d|\d:\d\d|[.,]\d{1,2}\Z", re.ASCII)
_IDENTIFIER: Final = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """One column's use. `target` is "" while the operator has to choose; `variable` counts for variables alone."""

    name: str
    target: str
    variable: str = ""
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {"name": self.name, "target": self.target, "variable": self.variable, "reason": self.reason}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Column:
        return cls(data["name"], data["target"], data.get("variable", ""), data.get("reason", ""))


def is_variable_name(text: str) -> bool:
    """Whether a template can use it: ASCII letters, digits, _; not a word of Jinja or a name taken by the record."""
    return bool(_IDENTIFIER.fullmatch(text)) and len(text) <= 80 and text not in RESERVED and not text.startswith("__")


def variable_name(header: str, taken: Iterable[str] = ()) -> str:
    """A variable's name made from a header, different from those taken: "First Name" gives first_name."""
    name = _plain(header)[:70] or "column"
    if name[0].isdigit():
        name = f"column_{name}"
    used = set(taken)
    candidate, number = name, 2
    while not is_variable_name(candidate) or candidate in used:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def _plain(header: str) -> str:
    """Small ASCII letters, digits and _: "Straße Nr." gives strasse_nr, "lastOrder" last_order."""
    plain = unicodedata.normalize("NFKD", header.replace("ß", "ss").replace("æ", "ae").replace("ø", "o"))
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    letters = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", letters)
    return re.sub(r"[^a-z0-9]+", "_", letters.lower()).strip("_")


def guess(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, country: str, known: Sequence[Mapping[str, Any]] = ()
) -> list[Column]:
    """The likely use of every column.

    `rows` are the first records, `country` that of phone numbers without a code, `known` the columns of the
    audience's version in use ({"name", "target", "variable"}): the same header means the same as last time.
    """
    before = {str(column["name"]).casefold(): column for column in known}
    twice = {name.casefold() for name in header if sum(other.casefold() == name.casefold() for other in header) > 1}
    opinions = [_opinion(index, name, rows, country, before) for index, name in enumerate(header)]
    for target in SINGLE:
        _settle(target, opinions)
    columns: list[Column] = []
    taken = {opinion.variable for opinion in opinions if opinion.variable}
    for name, opinion in zip(header, opinions, strict=True):
        variable = opinion.variable
        if opinion.target == Target.VARIABLE and not variable:
            variable = variable_name(name, taken)
            taken.add(variable)
        reason = f"two columns have this name; {opinion.reason}" if name.casefold() in twice else opinion.reason
        columns.append(Column(name, opinion.target, variable, reason))
    return columns


@dataclass(slots=True)
class _Opinion:
    target: str
    reason: str
    weight: int = 0  # 3 as last time, 2 header, 1 values, 0 header against values
    variable: str = ""


def _opinion(
    index: int, name: str, rows: Sequence[Sequence[str]], country: str, before: dict[str, Mapping[str, Any]]
) -> _Opinion:
    if name.casefold() in REJECT_COLUMNS:
        return _Opinion(Target.IGNORE, "written by us beside rejected rows; not part of the data", 3)
    known = before.pop(name.casefold(), None)
    if known:
        return _Opinion(str(known["target"]), "as in this audience now", 3, str(known.get("variable") or ""))
    values = [row[index].strip() for row in rows if index < len(row) and row[index].strip()][:200]
    shares = {
        Target.EMAIL: _share(values, _is_email),
        Target.PHONE: _phone_share(values, country, _is_written_like_a_phone),
    }
    words = {_plain(name), re.sub(r"[^\w]+", "_", name.casefold()).strip("_")}
    named = next((target for target, aliases in _ALIASES.items() if words & aliases), None)
    if named == Target.PHONE:
        shares[named] = _phone_share(values, country, lambda _: True)
    if named and (not values or shares.get(named, 1.0) >= _UNLIKELY):
        return _Opinion(named, "the header says so", 2)
    for target, share in shares.items():
        if share >= _SHARE:
            noun = "are email addresses" if target == Target.EMAIL else "look like phone numbers"
            return _Opinion(target, f"{share:.0%} of the values {noun}", 1)
    if named == Target.EMAIL or (named == Target.PHONE and _share(values, _is_mostly_digits) >= _SHARE):
        return _Opinion(named, "the header says so, its values hardly do", 0)
    reason = "available in templates under this name" if values else "empty in the rows read"
    return _Opinion(Target.VARIABLE, reason)


def _share(values: Sequence[str], test: Callable[[str], bool]) -> float:
    return sum(map(bool, map(test, values))) / len(values) if values else 0.0


def _is_email(value: str) -> bool:
    if "@" not in value:
        return False
    try:
        normalised_email(value)
    except NotAnEmail:
        return False
    return True


def _is_mostly_digits(value: str) -> bool:
    return sum(map(str.isdigit, value)) >= 6


def _phone_share(values: Sequence[str], country: str, test: Callable[[str], bool]) -> float:
    """Share of valid phone numbers among the values that pass the test too."""
    column = PhoneColumn(country)

    def is_phone(value: str) -> bool:
        if not test(value):
            return False
        try:
            column.normalised(value)
        except NotAPhone:
            return False
        return True

    return _share(values, is_phone)


def _is_written_like_a_phone(value: str) -> bool:
    """Dates, amounts and short ids are valid numbers somewhere; without a header that says so they do not count."""
    digits = sum(map(str.isdigit, value))
    begins = value.lstrip("'(").startswith(("+", "0"))
    return digits >= (8 if begins else 10) and not _DATE_OR_AMOUNT.search(value)


def _settle(target: Target, opinions: list[_Opinion]) -> None:
    """One column per address: the clearly best one; where two are equally likely the operator has to choose."""
    rivals = [opinion for opinion in opinions if opinion.target == target]
    if len(rivals) < 2:
        return
    best = max(rival.weight for rival in rivals)
    first = [rival for rival in rivals if rival.weight == best]
    label = TARGET_LABELS[target].lower()
    for rival in rivals:
        if len(first) > 1 and rival in first:
            rival.target, rival.reason = "", f"{len(first)} columns could be the {label}: choose one"
        elif rival not in first:
            rival.target, rival.reason = Target.VARIABLE, f"another column is the {label}; kept as a variable"


def problems(columns: Sequence[Column]) -> dict[int, str]:
    """What keeps this mapping from being used: column number -> words; -1 is the mapping as a whole."""
    found: dict[int, str] = {}
    for target in SINGLE:
        same = [number for number, column in enumerate(columns) if column.target == target]
        for number in same[1:]:
            names = " and ".join(f"“{columns[other].name}”" for other in same)
            found[number] = (
                f"{names} are both the {TARGET_LABELS[target].lower()}. Keep one, use the other as a variable."
            )
    seen: dict[str, str] = {}
    for number, column in enumerate(columns):
        if column.target not in list(Target):
            found[number] = f"Choose what “{column.name}” is for."
        elif column.target == Target.VARIABLE:
            if not is_variable_name(column.variable):
                found[number] = (
                    f"“{column.variable}” cannot be a variable's name: use small letters, digits and _, beginning with "
                    "a letter, and no name that has a meaning already (email, phone, true, loop …)."
                )
            elif column.variable in seen:
                found[number] = f"“{seen[column.variable]}” has the name {column.variable} already. Choose another one."
            seen.setdefault(column.variable, column.name)
    if not any(column.target in ADDRESSES for column in columns):
        found[-1] = (
            "No column holds an address. Say which one is the email address, the phone number or the push token."
        )
    return found
