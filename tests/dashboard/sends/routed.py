"""A route of several providers whose answers are written down, and requests that wait for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import select, update

from dashboard.api_keys.services import Caller
from dashboard.extensions import db, transaction
from dashboard.messages.models import Message
from dashboard.providers.models import Provider, Route
from dashboard.sends.at_once import Answer, send_at_once
from dashboard.sends.orders import Addressee, Order, Part
from tests.factories.api_keys import new_key, new_slug
from tests.factories.sending import new_provider
from tests.worker.engine.slices import ScriptedSession, script
from worker.engine.outages import outages
from worker.engine.provider_figures import store_at
from worker.providers.base import Outcome, OutgoingEmail, Result

PEOPLE = tuple(Addressee(email=f"person{number}@example.com", variables={"name": "Ada"}) for number in range(3))


@contextmanager
def nothing_happened() -> Iterator[None]:
    """What processes remember of providers begins empty, and does not outlive the test."""
    store_at.cache_clear()
    outages._pauses.clear()
    yield
    outages._pauses.clear()
    store_at.cache_clear()


class Routed:
    """Providers of transactional email with these weights, in this order."""

    def __init__(self, *weights: int) -> None:
        self.providers = [new_provider() for _ in weights]
        self.first, self.second = self.providers[:2]
        with transaction() as session:
            for position, (provider, weight) in enumerate(zip(self.providers, weights, strict=True)):
                route = {"channel": "email", "category": "transactional", "position": position, "weight": weight}
                session.add(Route(provider_id=provider.id, **route))
        key, self.slug = new_key()[0], new_slug()
        self.caller = Caller(key.id, key.name, frozenset(key.scopes), frozenset(), 0, None)
        self.sessions: list[ScriptedSession] = []

    def script(self, *answers: Callable[[OutgoingEmail], Outcome]) -> None:
        """What each of them answers from now on."""
        self.sessions = [ScriptedSession(answer) for answer in answers]
        for provider, session in zip(self.providers, self.sessions, strict=True):
            script(self.fresh(provider), session)

    def order(self, *, provider: Provider | None = None, people: tuple[Addressee, ...] = PEOPLE) -> Order:
        chosen = None if provider is None else provider.public_id
        return Order(self.caller, (Part("", self.slug, chosen),), people)

    def send(
        self, *, provider: Provider | None = None, people: tuple[Addressee, ...] = PEOPLE, seconds: float = 20
    ) -> Answer:
        answer = send_at_once(self.order(provider=provider, people=people), seconds=seconds)
        assert answer is not None
        return answer

    def change(self, provider: Provider, **values: Any) -> None:
        with transaction() as session:
            session.execute(update(Provider).where(Provider.id == provider.id).values(**values))
        db.session.expire_all()

    def fresh(self, provider: Provider) -> Provider:
        db.session.rollback()
        db.session.expire_all()
        return db.session.get_one(Provider, provider.id)

    def taken(self) -> list[int]:
        """How many messages each of them got."""
        return [len(session.taken) for session in self.sessions]


def unreachable(message: OutgoingEmail) -> Outcome:
    return Outcome(message.reference, Result.RETRY, code="connect_failed", detail="Refused.", retry_after=5)


def rows() -> list[Message]:
    db.session.rollback()
    return list(db.session.scalars(select(Message).order_by(Message.record_no)))


def verdicts(answer: Answer) -> set[str]:
    return {str(verdict.state) for verdict in answer.jobs[0].verdicts.values()}
