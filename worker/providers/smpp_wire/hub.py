"""The end to which sessions hand their messages: lines of JSON over a stream, one stream for each session.

A session greets with {"line": <key>} and hears {"room": <messages under way at most>}, or {"problem": [code, detail]}.
Then it sends [reference, to, sender, text, encoding, category, registered_template, lifetime] and hears
[reference, result, ids, code, detail, retry_after, at_fault] for each, in any order.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from worker.providers.base import ConfigurationProblem, Result
from worker.providers.outgoing import OutgoingSms
from worker.providers.smpp_wire.letters import Letter, Verdict
from worker.providers.smpp_wire.line import Line
from worker.providers.smpp_wire.parts import Unsendable, compose
from worker.rendering.errors import RenderError

_LONGEST_LINE = 2**20


class Hub:
    """`find` gives the line of a key; it raises ConfigurationProblem where there is none."""

    def __init__(self, find: Callable[[str], Awaitable[Line]]) -> None:
        self._find = find
        self._writers: set[asyncio.StreamWriter] = set()

    async def close(self) -> None:
        """End all streams: the sessions note it."""
        while self._writers:
            for writer in self._writers:
                writer.close()
            await asyncio.sleep(0.01)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One session, until it ends. A line that was replaced meanwhile is looked up anew for each message."""
        owner = object()
        self._writers.add(writer)
        line: Line | None = None
        try:
            key = json.loads(await reader.readline())["line"]
            try:
                line = await self._find(key)
            except ConfigurationProblem as problem:
                writer.write(_encoded({"problem": [problem.code, problem.detail]}))
                await writer.drain()
                return
            writer.write(_encoded({"room": line.settings.room}))
            while data := await reader.readline():
                line = await self._find(key)
                self._submit(line, json.loads(data), writer, owner)
        except (ConfigurationProblem, OSError, ValueError, KeyError):
            pass  # the session notes that the stream ends, and books what it knows
        finally:
            if line is not None:
                line.forget(owner)
            writer.close()
            self._writers.discard(writer)

    def _submit(self, line: Line, values: list[Any], writer: asyncio.StreamWriter, owner: object) -> None:
        reference, *rest, lifetime = values

        def report(verdict: Verdict) -> None:
            if not writer.is_closing():
                writer.write(_encoded([reference, *verdict]))

        to, sender, text, encoding, category, template = rest
        message = OutgoingSms(reference, to, sender, text, encoding, 1, category, template)
        try:
            parts = compose(line.settings, message, lifetime)
        except (Unsendable, RenderError) as error:
            report(Verdict(Result.FAILED, "", error.code, str(error)))
        except Exception as error:
            report(Verdict(Result.FAILED, "", "compose_failed", f"{type(error).__name__}: {error}"))
        else:
            line.submit(Letter(parts, report, owner, category))


def _encoded(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"
