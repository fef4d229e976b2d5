"""The provider's row while a slice runs: is it still the same, how fast may it be fed, how fast may the job go."""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import Engine, select, update

from dashboard.extensions import single_reads, write_connection
from dashboard.jobs.models import Job
from dashboard.providers.models import Provider
from worker.engine.buckets import Limit
from worker.engine.pacing import limits_of


class Watch:
    """Looks at the provider of a job, and at the job's throttle, when asked."""

    def __init__(
        self, engine: Engine, provider_id: int, version: int, job_id: int, *, leave_if_open: bool = False
    ) -> None:
        self.provider_id = provider_id
        self.limits: tuple[Limit, ...] = ()
        self.domain_rates: dict[str, float] = {}
        self._job_id = job_id
        self._engine = engine
        self._version = version
        self._leave_if_open = leave_if_open
        self._last_error = ""
        self.unchanged()

    def unchanged(self) -> bool:
        """False where its settings were saved, it was disabled, or (with `leave_if_open`) its breaker was opened, since
        the plan was made."""
        statement = (
            select(
                Provider.id,
                Provider.version,
                Provider.enabled,
                Provider.rate_per_second,
                Provider.rate_per_minute,
                Provider.rate_per_day,
                Provider.domain_rates,
                Provider.settings,
                Provider.last_error,
                Provider.breaker_opened_at,
                Job.rate_per_minute.label("throttle"),
            )
            .join(Job, Job.id == self._job_id)
            .where(Provider.id == self.provider_id)
        )
        with single_reads(self._engine) as connection:
            row = connection.execute(statement).one()
        self.domain_rates = row.domain_rates
        self.limits = provider_limits(row, self._job_id, row.throttle)
        self._last_error = row.last_error
        if self._leave_if_open and row.breaker_opened_at is not None:
            return False
        return bool(row.enabled) and row.version == self._version

    def remember_error(self, words: str) -> None:
        """What the provider's page shows as its last trouble; an empty text ends it."""
        if words != self._last_error:
            with write_connection(self._engine) as connection:
                connection.execute(update(Provider).where(Provider.id == self.provider_id).values(last_error=words))
            self._last_error = words


class Rated(Protocol):
    """A provider's row, or the columns of it that say how much it may be given."""

    @property
    def id(self) -> int: ...
    @property
    def settings(self) -> dict[str, Any]: ...
    @property
    def rate_per_second(self) -> float: ...
    @property
    def rate_per_minute(self) -> float: ...
    @property
    def rate_per_day(self) -> float: ...


def provider_limits(provider: Rated, job_id: int, throttle_per_minute: float = 0.0) -> tuple[Limit, ...]:
    """The limits of a job at a provider."""
    return limits_of(
        provider.id,
        job_id,
        per_second=lowest_rate(provider.rate_per_second, provider.settings.get("rate_per_second")),
        per_minute=provider.rate_per_minute,
        per_day=provider.rate_per_day,
        throttle_per_minute=throttle_per_minute,
    )


def lowest_rate(*rates: float | str | None) -> float:
    """The strictest of several limits; 0, empty and what is not a number are none."""
    limits = [limit for rate in rates if (limit := _number(rate)) > 0]
    return min(limits, default=0.0)


def _number(rate: float | str | None) -> float:
    try:
        return float(rate or 0)
    except ValueError:
        return 0.0
