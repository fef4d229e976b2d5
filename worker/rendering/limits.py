"""What one rendering may cost: processor time and memory.

Time. Loops inside loops need neither much source nor much output, so only a clock stops them. A watchdog thread looks
at every running rendering a few times a second and raises RenderTimeout inside a thread that has spent more than
CPU_SECONDS on one. It reads the thread's processor clock, not the wall clock: on a machine under load, or after a
pause of the virtual machine, an innocent message must not fail for good. Starting and ending a rendering costs 0.5 µs.

Memory. Every string and list that an operator, a filter or a method call makes is charged by its bytes to an allowance
of the rendering (`spend`); results that could be huge in one step are measured before they are made (see sandbox.py).
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar
from weakref import WeakSet

__all__ = ["CPU_SECONDS", "LONGEST_LINE", "MAXIMUM_OUTPUT", "LimitExceeded", "RenderTimeout", "limited", "spend"]

CPU_SECONDS: Final = 1.0
"""Processor seconds of one rendering of a whole email; a 10 KB one needs 0.00005."""

MAXIMUM_OUTPUT: Final = 2_000_000
"""Most characters of one rendered part, and of any string made on the way; Gmail clips at 102,000 bytes."""

LONGEST_LINE: Final = 998
"""Most bytes of a line of mail without its line end (RFC 5322 2.1.1)."""

ALLOWANCE: Final = 64_000_000
"""Most bytes of strings and lists made by all steps of one rendering together."""

_POLL_SECONDS: Final = 0.1

_Result = TypeVar("_Result")


class LimitExceeded(Exception):
    """A step would make, or has made, more than a rendering may hold."""


class RenderTimeout(BaseException):
    """Raised into a rendering that has used up its time; not an Exception, so that no template construct eats it."""


class _Slot:
    """What one thread is rendering at the moment. `lock` orders its end against the watchdog's strike."""

    __slots__ = ("__weakref__", "clock", "left", "lock", "running", "serial", "struck", "thread_id")

    def __init__(self) -> None:
        self.thread_id = threading.get_ident()
        # Taken by the thread itself: asking for the clock of a thread that has ended is undefined behaviour.
        self.clock = time.pthread_getcpuclockid(self.thread_id)
        self.lock = threading.Lock()
        self.serial = 0
        self.left = ALLOWANCE
        self.running = False
        self.struck = False

    def begin(self) -> None:
        """A rendering starts, with the whole allowance."""
        self.left = ALLOWANCE
        self.serial += 1
        self.running = True

    def end(self) -> None:
        """The rendering is over: no strike may reach this thread any more."""
        with self.lock:
            self.running = False
            struck, self.struck = self.struck, False
        if struck:  # the exception may still be on its way: take it back
            _raise_in(self.thread_id, None)


class _Watchdog:
    """One daemon thread per process, started by the first rendering."""

    def __init__(self) -> None:
        self._slots: WeakSet[_Slot] = WeakSet()
        self._lock = threading.Lock()
        self._started = False
        self._first_seen: dict[int, tuple[int, float]] = {}

    def add(self, slot: _Slot) -> None:
        """Watches a thread's slot, for as long as the thread keeps it."""
        with self._lock:
            self._slots.add(slot)
            if not self._started:
                self._started = True
                threading.Thread(target=self._watch, name="render-watchdog", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(_POLL_SECONDS)
            with self._lock:
                slots = list(self._slots)
            running = {slot.thread_id for slot in slots if self._look_at(slot)}
            self._first_seen = {key: seen for key, seen in self._first_seen.items() if key in running}
            del slots  # a thread that ends must take its slot with it

    def _look_at(self, slot: _Slot) -> bool:
        """Strikes a rendering that is over its time; False where the thread renders nothing."""
        with slot.lock:
            if not slot.running:
                return False
            try:
                spent = time.clock_gettime(slot.clock)
            except OSError:  # the thread has just ended
                return False
            serial, since = self._first_seen.setdefault(slot.thread_id, (slot.serial, spent))
            if serial != slot.serial:
                self._first_seen[slot.thread_id] = (slot.serial, spent)
            elif spent - since >= CPU_SECONDS and not slot.struck:
                slot.struck = True
                _raise_in(slot.thread_id, RenderTimeout)
        return True


# An own prototype: setting argtypes on ctypes.pythonapi's function would change it for Dramatiq's time limits too.
_set_asynchronous_exception = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_ulong, ctypes.py_object)(
    ("PyThreadState_SetAsyncExc", ctypes.pythonapi)
)


def _raise_in(thread_id: int, exception: type[BaseException] | None) -> None:
    """Raises the exception in that thread at its next instruction; None takes back one not yet raised."""
    _set_asynchronous_exception(thread_id, ctypes.py_object() if exception is None else exception)


class _State(threading.local):
    slot: _Slot | None = None


_state = _State()
_watchdog = _Watchdog()


def _start_afresh() -> None:
    """After a fork only the forking thread lives: the watchdog and the slots of the parent are gone."""
    global _state, _watchdog
    _state = _State()
    _watchdog = _Watchdog()


os.register_at_fork(after_in_child=_start_afresh)


def _own_slot() -> _Slot:
    slot = _state.slot
    if slot is None:
        slot = _state.slot = _Slot()
        _watchdog.add(slot)
    return slot


def limited(function: Callable[[], _Result]) -> _Result:
    """Runs the function under both limits; inside a limited call it just runs it.

    Raises RenderTimeout after CPU_SECONDS of processor time, LimitExceeded when the allowance is used up.
    """
    slot = _state.slot or _own_slot()
    if slot.running:
        return function()
    slot.begin()
    try:
        try:
            return function()
        finally:
            slot.end()
    except RenderTimeout:
        slot.end()  # the strike may have hit inside end() itself
        raise


def spend(amount: int) -> None:
    """Charges bytes to the running rendering; raises LimitExceeded when nothing is left."""
    slot = _state.slot
    if slot is None or not slot.running:
        return
    slot.left -= amount
    if slot.left < 0:
        raise LimitExceeded(f"the template makes more than {ALLOWANCE:,} bytes on the way to its output")
