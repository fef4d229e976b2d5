"""The engine's side of a send: an iterable that may pause, end or fail at any item."""

import time
from collections.abc import Iterable
from typing import Generic, TypeVar

from worker.providers.base import Outgoing, Wait

Message = TypeVar("Message", bound=Outgoing)


class Source(Generic[Message]):
    """Pulls messages one at a time. After the end, or a failure kept in `error`, it gives nothing more."""

    def __init__(self, outgoing: Iterable[Message | Wait]) -> None:
        self._items = iter(outgoing)
        self.paused_until = 0.0
        self.exhausted = False
        self.error: BaseException | None = None

    def take(self) -> Message | None:
        """The next message, or None while a Wait lasts and after the end."""
        if self.exhausted or (self.paused_until and time.monotonic() < self.paused_until):
            return None
        try:
            item = next(self._items)
        except StopIteration:
            self.exhausted = True
            return None
        except BaseException as error:
            # A worker that is told to stop raises here. What is on the wire is settled before that goes on.
            self.stop(error)
            return None
        if isinstance(item, Wait):
            self.paused_until = time.monotonic() + item.seconds
            return None
        self.paused_until = 0.0
        return item

    def resume(self) -> None:
        """An outcome was reported: what the engine waited for may have come."""
        self.paused_until = 0.0

    def stop(self, error: BaseException) -> None:
        """Give nothing more. The first error is the one that counts."""
        self.exhausted = True
        self.error = self.error or error
