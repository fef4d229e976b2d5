"""Why a connection could not be opened, and whose fault that is."""

from worker.providers.smtp_wire.replies import Reply, one_line


class OpenFailed(Exception):
    """A connection did not come to stand.

    `at_fault`: no later attempt with the same settings can do better. `busy`: the server has connections enough.
    """

    def __init__(self, step: str, code: str, detail: str, *, at_fault: bool = False, busy: bool = False) -> None:
        super().__init__(detail)
        self.step = step
        self.code = code
        self.detail = one_line(detail)
        self.at_fault = at_fault
        self.busy = busy

    @classmethod
    def refused(cls, step: str, reply: Reply, words: str) -> "OpenFailed":
        """From a reply that was not the hoped-for one: 4yz passes, anything else needs somebody to act."""
        temporary = 400 <= reply.code < 500
        return cls(
            step.capitalize(),
            "connect_failed" if temporary else f"{step}_refused",
            f"{words}: {reply.code} {reply.words}",
            at_fault=not temporary,
            busy=reply.code == 421,
        )
