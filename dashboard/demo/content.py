"""What the demonstration is made of: invented people, one invented shop."""

from __future__ import annotations

from collections.abc import Iterator

COUNT = 5_000
HEADER = ("email", "first_name", "last_name", "city", "discount", "ends_on", "code", "points")

_FIRST_NAMES = (
    "Asha", "Ben", "Chloé", "Dmitri", "Elif", "Femi", "Grace", "Hugo", "Ines", "Jonas", "Kavya", "Lars", "Mira",
    "Noor", "Olga", "Paulo", "Quinn", "Rosa", "Søren", "Tara", "Uma", "Vikram", "Wanda", "Xavi", "Yuki", "Zoë",
)  # fmt: skip
_LAST_NAMES = (
    "Almeida", "Baker", "Chandra", "Dubois", "Eriksen", "Fischer", "García", "Haddad", "Iyer", "Jansen", "Kowalski",
    "Lindqvist", "Mehta", "Novák", "Okafor", "Petrov", "Quintero", "Rossi", "Şahin", "Tanaka", "Ueda", "Vogel",
)  # fmt: skip
_CITIES = ("Pune", "Berlin", "Lisbon", "Lagos", "Kyoto", "Bogotá", "Tromsø", "İzmir", "Kraków", "Nantes", "")

GLOBALS = {
    "company_name": "Lumen & Linen",
    "company_domain": "lumen.example.com",
    "company_address": "Lumen & Linen, 12 Mill Lane, Exampleton",
    "support_email": "help@lumen.example.com",
    "privacy_policy_url": "https://lumen.example.com/privacy",
}


def people() -> Iterator[tuple[str, ...]]:
    """COUNT rows in the order of HEADER; addresses under example.com, which nobody owns (RFC 2606)."""
    for number in range(COUNT):
        first = _FIRST_NAMES[number % len(_FIRST_NAMES)]
        last = _LAST_NAMES[number // len(_FIRST_NAMES) % len(_LAST_NAMES)]
        yield (
            f"person{number + 1:04}@example.com",
            first,
            last,
            _CITIES[number % len(_CITIES)],
            f"{10 + number % 4 * 5} %",
            "Sunday",
            f"SPRING-{number * 7919 % 100_000:05}",
            str(number * 37 % 1_000),
        )
