"""The connections of a session: how many may stand, when the next may be opened, which one is free."""

import random
import selectors
import ssl
import time
from collections.abc import Callable

from worker.providers.smtp_wire.connection import Connection, Owner
from worker.providers.smtp_wire.opening import Opening, resolve, tls_context
from worker.providers.smtp_wire.problems import OpenFailed
from worker.providers.smtp_wire.settings import WireSettings
from worker.providers.smtp_wire.stream import Address

_SWEEP_EVERY = 0.1
_ADDRESSES_STAY = 60.0


class Pool:
    """Connections up to a limit, grown one after another, shrunk when the server says it has enough.

    While no connection stands only one is tried at a time, so that a wrong password is tried once and not fifty
    times. When the attempts are used up there is an outage until a time; after it, one attempt decides whether there is
    another. `on_fault` hears of a failure that no retry can mend.
    """

    def __init__(
        self,
        settings: WireSettings,
        owner: Owner,
        on_fault: Callable[[OpenFailed], None],
    ) -> None:
        self._settings = settings
        self._owner = owner
        self._on_fault = on_fault
        self._selector = selectors.DefaultSelector()
        self._context: ssl.SSLContext | None = None
        self._addresses: list[Address] = []
        self._addresses_until = 0.0
        self._proven_address: Address | None = None
        self._openings: set[Opening] = set()
        self._connections: set[Connection] = set()
        self._checking: set[Connection] = set()
        self._leaving: set[Connection] = set()
        self._resting: list[Connection] = []
        self._limit = settings.connections
        self._regrow_at = 0.0
        self._failures = 0
        self._next_sweep = 0.0
        self.open_not_before = 0.0
        self.outage_until = 0.0
        self.last_problem = ""

    @property
    def on_the_way(self) -> int:
        """Connections that will be free without anything being finished first."""
        return len(self._openings) + len(self._checking)

    @property
    def has_room(self) -> bool:
        """Does a connection rest, or are there fewer than there might be? Where not, all have their next message."""
        return bool(self._resting) or len(self._connections) < self._settings.connections

    @property
    def carrying(self) -> bool:
        """Is a message on any connection?"""
        return any(connection.carrying for connection in self._connections)

    def in_outage(self, now: float) -> bool:
        """Have the attempts to connect been used up a moment ago?"""
        return now < self.outage_until and not self._connections

    def may_open(self, now: float) -> bool:
        """Would one more connection be allowed now?"""
        standing = len(self._connections)
        if now < self.open_not_before or (not standing and self._openings):
            return False
        if self._limit < self._settings.connections and now >= self._regrow_at:
            self._limit += 1
            self._regrow_at = now + self._settings.regrow_after
        return standing + len(self._openings) < self._limit

    def open(self) -> None:
        """Start one more connection. What becomes of it is told later, or at once when it fails at once."""
        try:
            opening = Opening(self._settings, self._find(), self._selector, self._tls, self._opened)
        except OpenFailed as failure:
            self._failed(failure)
            return
        self._openings.add(opening)
        opening.start()

    def take_resting(self) -> Connection | None:
        """The connection that came to rest last, because it is the least likely to have been closed meanwhile."""
        return self._resting.pop() if self._resting else None

    def rest(self, connection: Connection) -> None:
        """The connection is free for a message, or has carried as many as it may and leaves."""
        self._checking.discard(connection)
        if connection.spent:
            self._connections.discard(connection)
            self._dismiss(connection)
        else:
            self._resting.append(connection)

    def gone(self, connection: Connection, words: str) -> None:
        """The connection has closed. One that ended before it carried anything counts as a failed attempt."""
        standing = connection in self._connections
        for group in (self._connections, self._checking, self._leaving):
            group.discard(connection)
        if connection in self._resting:
            self._resting.remove(connection)
        if standing and not connection.completed:
            self._failed(OpenFailed("Connect", "connect_failed", words))

    def proven(self) -> None:
        """A message went through: earlier failures no longer count."""
        self._failures = 0

    def wake(self) -> None:
        """After a pause between two sends: drop what the server closed, question what rested long."""
        now = time.monotonic()
        for opening in [opening for opening in self._openings if opening.deadline < now]:
            self._openings.discard(opening)
            opening.close()
        self.poll(0)
        stale = [rested for rested in self._resting if now - rested.resting_since >= self._settings.noop_after]
        for connection in stale:
            self._resting.remove(connection)
            self._checking.add(connection)
            connection.check()

    def poll(self, timeout: float) -> None:
        """Serve what is ready, waiting at most `timeout` seconds, and let go of what has waited too long."""
        now = time.monotonic()
        for key, _ in self._selector.select(max(0.0, min(timeout, self._next_sweep - now))):
            key.data.owner.service()
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_EVERY
            self._sweep(now)

    def close(self, *, politely: bool) -> None:
        """Close everything, with a QUIT to connections at rest when there is time for manners."""
        if politely:
            while self._resting:
                self._dismiss(self._resting.pop())
            until = time.monotonic() + 0.5
            while self._leaving and time.monotonic() < until:
                self.poll(0.05)
        for opening in self._openings:
            opening.close()
        for connection in self._connections | self._leaving:
            connection.close()
        for group in (self._openings, self._connections, self._checking, self._leaving, self._resting):
            group.clear()
        if politely:
            self._selector.close()

    def _opened(self, opening: Opening) -> None:
        self._openings.discard(opening)
        if opening.failure is not None:
            self._failed(opening.failure)
            return
        self._proven_address = opening.address
        connection = Connection(self._settings, self._owner, opening.stream, opening.reader, opening.capabilities)
        self._connections.add(connection)
        self._resting.append(connection)

    def _failed(self, failure: OpenFailed) -> None:
        """Decide between giving up, resting and trying again.

        A fault that shows while other connections stand (the same password let them in) is taken for the server's
        passing trouble, and so is a refused connection: the standing ones carry on.
        """
        now = time.monotonic()
        standing = len(self._connections)
        delays = self._settings.reconnect_delays
        self.last_problem = failure.detail
        self._addresses_until = 0.0
        if failure.at_fault and not standing:
            self._on_fault(failure)
            return
        if failure.busy and standing:
            self._limit = standing
            self._regrow_at = now + self._settings.regrow_after
        self._failures += 1
        if not standing and self._failures > len(delays):
            self.outage_until = self.open_not_before = now + self._settings.cool_down
        elif delays:
            delay = delays[min(self._failures, len(delays)) - 1]
            self.open_not_before = now + delay * random.uniform(0.75, 1.25)

    def _dismiss(self, connection: Connection) -> None:
        self._leaving.add(connection)
        connection.leave()

    def _sweep(self, now: float) -> None:
        everything: list[Opening | Connection] = [*self._openings, *self._connections, *self._leaving]
        for late in everything:
            if late.deadline < now:
                late.expire()

    def _find(self) -> list[Address]:
        now = time.monotonic()
        if now >= self._addresses_until:
            self._addresses = resolve(self._settings.host, self._settings.port)
            self._addresses_until = now + _ADDRESSES_STAY
        # The one that worked comes first: an IPv6 address without a route would cost a time-out each time.
        return sorted(self._addresses, key=lambda address: address != self._proven_address)

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = tls_context(self._settings)
        return self._context
