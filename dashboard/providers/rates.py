"""How much a provider may be given: a second, a minute, a day, and a second for single domains of recipients."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from dashboard.figures import number
from dashboard.jobs.models import Job
from dashboard.jobs.throttling import wake_limited
from dashboard.problems import DomainError
from dashboard.providers.models import Provider

#: Field -> the most that makes sense, and the word for its time.
PERIODS: Final[Mapping[str, tuple[int, str]]] = {
    "rate_per_second": (100_000, "second"),
    "rate_per_minute": (6_000_000, "minute"),
    "rate_per_day": (1_000_000_000, "day"),
}
_MOST_DOMAINS = 200
_DOMAIN = re.compile(r"(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class Rates(TypedDict, total=False):
    """Limits by their columns; 0 is none. `domain_rates`: domain of recipients -> messages a second."""

    rate_per_second: float
    rate_per_minute: float
    rate_per_day: float
    domain_rates: Mapping[str, float]


def check_rates(rates: Rates) -> None:
    """DomainError at the field whose number cannot be used."""
    for name, (most, _) in PERIODS.items():
        if not 0 <= rates.get(name, 0) <= most:  # type: ignore[operator]  # its name is no literal
            raise DomainError(f"Use a number from 0 to {number(most)}; 0 is no limit.", field=name, code="out_of_range")


def apply_rates(provider: Provider, rates: Rates) -> None:
    """Set what is given, and call back the runs that rest because of a limit; inside `transaction()`."""
    for name, value in rates.items():
        setattr(provider, name, dict(value) if isinstance(value, Mapping) else value)
    wake_limited(Job.provider_id == provider.id)


def rates_of(provider: Provider) -> dict[str, Any]:
    """The limits of a provider for the audit log: 5 rather than 5.0, and only what is set beside the first."""
    known = {name: _plain(getattr(provider, name) or 0) for name in PERIODS}
    shown = {name: value for name, value in known.items() if value or name == "rate_per_second"}
    return shown | ({"domain_rates": dict(provider.domain_rates)} if provider.domain_rates else {})


def rate_words(provider: Provider) -> str:
    """ "at most 400 a second and 50 000 a day", "as fast as it can"."""
    parts = [
        f"{number(getattr(provider, name))} a {word}" for name, (_, word) in PERIODS.items() if getattr(provider, name)
    ]
    if not parts:
        return "as fast as it can"
    return "at most " + " and ".join([", ".join(parts[:-1]), parts[-1]] if parts[1:] else parts)


def read_domain_rates(text: str) -> dict[str, float]:
    """From lines such as "gmail.com 20". DomainError(domain_rates) names the line that cannot be read."""
    rates: dict[str, float] = {}
    for line in filter(None, (line.strip().lower() for line in text.splitlines())):
        domain, _, typed = line.replace("=", " ").replace(":", " ").partition(" ")
        rate = _number(typed)
        if not _DOMAIN.fullmatch(domain) or not 0 < rate <= PERIODS["rate_per_second"][0]:
            words = f"“{line[:80]}” is not a domain with the messages a second, such as gmail.com 20."
            raise DomainError(words, field="domain_rates", code="not_a_rate")
        rates[domain] = rate
    if len(rates) > _MOST_DOMAINS:
        raise DomainError(f"Use at most {_MOST_DOMAINS} domains.", field="domain_rates", code="too_many")
    return rates


def domain_lines(rates: Mapping[str, float]) -> str:
    """As `read_domain_rates` takes them."""
    return "\n".join(f"{domain} {rate:g}" for domain, rate in sorted(rates.items()))


def _number(typed: str) -> float:
    try:
        return float(typed)
    except ValueError:
        return 0.0


def _plain(value: float) -> float:
    return int(value) if float(value).is_integer() else value
