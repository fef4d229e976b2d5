"""An inbox for the tests of sandboxes."""

from collections.abc import Sequence

from worker.providers.base import InboxMail


class ListInbox:
    """Keeps mails in the order of their batches; `broken` makes it refuse."""

    def __init__(self) -> None:
        self.batches: list[list[InboxMail]] = []
        self.broken: Exception | None = None

    def deliver(self, mails: Sequence[InboxMail]) -> None:
        if self.broken:
            raise self.broken
        self.batches.append(list(mails))

    @property
    def mails(self) -> list[InboxMail]:
        return [mail for batch in self.batches for mail in batch]
