"""The provider's row while a slice runs: is it still the same, how fast may it be fed."""

from __future__ import annotations

from sqlalchemy import Engine, select, update

from dashboard.extensions import read_connection, write_connection
from dashboard.providers.models import Provider


class Watch:
    """Looks at one provider when asked. `rate` is in messages a second, 0 for no limit."""

    def __init__(self, engine: Engine, provider_id: int, version: int) -> None:
        self.provider_id = provider_id
        self.rate = 0.0
        self._engine = engine
        self._version = version
        self._last_error = ""
        self.unchanged()

    def unchanged(self) -> bool:
        """False where its settings were saved, or it was disabled, since the plan was made."""
        statement = select(
            Provider.version, Provider.enabled, Provider.rate_per_second, Provider.settings, Provider.last_error
        ).where(Provider.id == self.provider_id)
        with read_connection(self._engine) as connection:
            row = connection.execute(statement).one()
        self.rate = lowest_rate(row.rate_per_second, row.settings.get("rate_per_second"))
        self._last_error = row.last_error
        return bool(row.enabled) and row.version == self._version

    def remember_error(self, words: str) -> None:
        """What the provider's page shows as its last trouble; an empty text ends it."""
        if words != self._last_error:
            with write_connection(self._engine) as connection:
                connection.execute(update(Provider).where(Provider.id == self.provider_id).values(last_error=words))
            self._last_error = words


def lowest_rate(*rates: float | str | None) -> float:
    """The strictest of several limits; 0, empty and what is not a number are none."""
    limits = [limit for rate in rates if (limit := _number(rate)) > 0]
    return min(limits, default=0.0)


def _number(rate: float | str | None) -> float:
    try:
        return float(rate or 0)
    except ValueError:
        return 0.0
