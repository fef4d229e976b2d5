"""All binds of one account: what waits goes out as fast as windows, throughput and the message centre allow."""

import asyncio
import contextlib
import logging
import random

from worker.providers.smpp_wire.bind import Bind, Deliver, OpenFailed
from worker.providers.smpp_wire.letters import Letter, Queue, Refusal, Slip, refusal_of
from worker.providers.smpp_wire.receipts import id_of_answer
from worker.providers.smpp_wire.settings import WireSettings
from worker.providers.smpp_wire.statuses import QUEUE_FULL, THROTTLED, kind_of

logger = logging.getLogger(__name__)

_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)  # after binds that failed in a row
_FAULT_PAUSE = 30.0  # after a refusal that somebody has to mend
_FIRST_REST, _LONGEST_REST = 1.0, 30.0  # of the whole line after "throttled"
_THROTTLED_TIMES = 3  # then the message goes back to the engine
_STOP_SECONDS = 5.0


class Line:
    """Keeps its binds open from `start` to `stop`. All in one event loop."""

    def __init__(self, settings: WireSettings, deliver: Deliver) -> None:
        self.settings = settings
        self._deliver = deliver
        self._queue = Queue()
        self._binds: list[Bind] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble: Refusal | None = None  # since when no bind could be opened
        self._open_again_at = 0.0
        self._rest = 0.0
        self._rests_until = 0.0
        self._allowance = 0.0
        self._counted_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = False
        self._statuses = dict(settings.statuses)

    @property
    def open_binds(self) -> int:
        return len(self._binds)

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._keep()) for _ in range(self.settings.binds)]

    async def stop(self) -> None:
        """Give back what waits, let what is on the wire be answered for a moment, take leave."""
        self._stopping = True
        self._queue.refuse_all(Refusal("retry", "not_attempted", "The connector ends, or the settings have changed."))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_SECONDS):
                while any(bind.under_way for bind in self._binds):
                    await asyncio.sleep(0.02)
        await asyncio.gather(*(bind.close() for bind in list(self._binds)))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()

    def submit(self, letter: Letter) -> None:
        """Send it as soon as its turn comes, or refuse it at once while the account cannot be used."""
        trouble = self._current_trouble()
        self._queue.add(letter)
        if trouble is not None:
            self._queue.refuse_all(trouble)
        self._move()

    def forget(self, owner: object) -> None:
        self._queue.drop(owner)

    def _current_trouble(self) -> Refusal | None:
        if self._stopping:
            return Refusal("retry", "not_attempted", "The connector ends, or the settings have changed.")
        if self._trouble is None or self._binds:
            return None
        rest = max(0.1, self._open_again_at - asyncio.get_running_loop().time())
        return self._trouble._replace(retry_after=round(rest, 1))

    async def _keep(self) -> None:
        """One bind, opened again whenever it ends."""
        failures = 0
        while not self._stopping:
            bind = Bind(self.settings, self._deliver)
            try:
                await bind.open()
            except OpenFailed as problem:
                pause = _FAULT_PAUSE if problem.at_fault else _PAUSES[min(failures, len(_PAUSES) - 1)]
                pause *= random.uniform(0.8, 1.2)
                failures += 1
                self._cannot_open(problem, pause)
                await asyncio.sleep(pause)
                continue
            failures, self._trouble = 0, None
            self._binds.append(bind)
            self._move()
            try:
                words = await bind.serve()
            finally:
                self._binds.remove(bind)
            if not self._stopping:
                logger.warning("a bind ended", extra={"host": self.settings.host, "detail": words})
                await asyncio.sleep(random.uniform(0.05, 0.3))

    def _cannot_open(self, problem: OpenFailed, pause: float) -> None:
        logger.warning("no bind", extra={"host": self.settings.host, "code": problem.code, "detail": problem.detail})
        self._trouble = Refusal("configuration" if problem.at_fault else "retry", problem.code, problem.detail)
        self._open_again_at = asyncio.get_running_loop().time() + pause
        trouble = self._current_trouble()
        if trouble is not None:
            self._queue.refuse_all(trouble)

    def _move(self) -> None:
        """Hand parts to binds with room until one of both runs out, or a pause holds."""
        while self._queue:
            bind = min(self._binds, key=lambda bind: bind.under_way, default=None)
            if bind is None or bind.under_way >= self.settings.window or self._must_wait():
                return
            slip = self._queue.take()
            if slip.letter.refusal is not None and slip.letter.refusal.kind == "permanent":
                slip.letter.refuse(slip.letter.refusal)  # a part is refused for good: the rest would be of no use
                continue
            self._submit(bind, slip)

    def _submit(self, bind: Bind, slip: Slip) -> None:
        def answer(status: int | None, words: str) -> None:
            self._answered(slip, status, words)
            self._move()

        try:
            bind.submit(slip.letter.parts[slip.part], answer)
        except ValueError as error:
            slip.letter.refuse(Refusal("permanent", "compose_failed", f"{type(error).__name__}: {error}"))

    def _answered(self, slip: Slip, status: int | None, words: str) -> None:
        if status is None:
            slip.letter.lose(words)
        elif status == 0:
            self._rest = 0.0
            slip.letter.take(slip.part, id_of_answer(self.settings, words))
        elif status in (THROTTLED, QUEUE_FULL) and status not in self._statuses:
            self._throttle()
            refusal = refusal_of(status, "retry", self._rest)
            if slip.throttled < _THROTTLED_TIMES and not self._stopping:
                slip.letter.hold_back(refusal)
                self._queue.put_back(slip)
            else:
                slip.letter.refuse(refusal)
        else:
            slip.letter.refuse(refusal_of(status, kind_of(status, self._statuses)))

    def _throttle(self) -> None:
        """Rest the whole line, twice as long as the last time; those refused together count once."""
        now = asyncio.get_running_loop().time()
        if now >= self._rests_until:
            self._rest = min(_LONGEST_REST, self._rest * 2 or _FIRST_REST)
            self._rests_until = now + self._rest

    def _must_wait(self) -> bool:
        """True while the line rests or the throughput is used up; `_move` is called again when that is over."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        wait = self._rests_until - now
        if wait <= 0 and self.settings.throughput:
            rate = self.settings.throughput
            most = max(1.0, rate / 10)  # a burst of a tenth of a second
            self._allowance = min(most, self._allowance + (now - self._counted_at) * rate)
            self._counted_at = now
            if self._allowance >= 1.0:
                self._allowance -= 1.0
                return False
            wait = (1.0 - self._allowance) / rate
        if wait <= 0:
            return False
        if self._timer is None or self._timer.cancelled() or self._timer.when() <= now:
            self._timer = loop.call_later(wait, self._move)
        return True
