"""What an event is, as a value: its names, variables, conditions, channels and rules. That it is on is no part of it.

Services change it part by part; a version in the history keeps the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from dashboard.events.conditions import Conditions
from dashboard.events.models import Event
from dashboard.events.schema import EventVariable, read_variables


@dataclass(frozen=True, slots=True)
class Names:
    """What an event is called."""

    name: str
    slug: str
    description: str = ""
    group: str = ""
    subgroup: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a channel does; as dashboard.events.models.EventDelivery has it."""

    subscribed: bool = False
    template_id: int | None = None
    category: str = ""
    delay_seconds: int = 0
    fallback_of: str = ""
    fallback_seconds: int = 600


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds repetitions back, and when nothing is sent; as dashboard.events.models.Event has it."""

    idempotency_path: str = ""
    dedup_seconds: int = 0
    cap_count: int = 0
    cap_seconds: int = 86_400
    expires_seconds: int = 0
    send_window: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definition:
    """The whole of an event. `deliveries` by channel."""

    names: Names
    variables: tuple[EventVariable, ...]
    conditions: Conditions
    deliveries: Mapping[str, Delivery]
    rules: Rules

    @classmethod
    def of(cls, event: Event) -> Self:
        """As the event is now."""
        return cls(
            names=Names(**_taken(Names, event)),
            variables=tuple(read_variables(event.variables)),
            conditions=Conditions.read(event.conditions),
            deliveries={row.channel: Delivery(**_taken(Delivery, row)) for row in event.deliveries},
            rules=Rules(**_taken(Rules, event)),
        )

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Self:
        """From a version's column."""
        return cls(
            names=Names(**content["names"]),
            variables=tuple(read_variables(content["variables"])),
            conditions=Conditions.read(content["conditions"]),
            deliveries={channel: Delivery(**values) for channel, values in content["deliveries"].items()},
            rules=Rules(**content["rules"]),
        )

    def written(self) -> dict[str, Any]:
        """As the column has it."""
        return {
            "names": asdict(self.names),
            "variables": [variable.written() for variable in self.variables],
            "conditions": self.conditions.written(),
            "deliveries": {channel: asdict(one) for channel, one in sorted(self.deliveries.items())},
            "rules": asdict(self.rules),
        }


def _taken(part: type[Names | Delivery | Rules], row: Any) -> dict[str, Any]:
    """The fields of a part, from the columns of the same names."""
    return {name: getattr(row, name) for name in part.__dataclass_fields__}
