"""A child that was born with a link: its birth, its requests, what is pushed to it. The supervisor's end."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from reelkeep.companies.link import error_fields
from reelkeep.errors import DependencyError, ReelkeepError
from reelkeep.isolation.channel import BadFrame, Message, decode_header, encode
from reelkeep.isolation.nameless_log import told
from reelkeep.supervisor.unborn import READY_SECONDS, Unborn, executed

STOP_SECONDS: Final = 8.0
_LENGTHS: Final = struct.Struct(">II")
_MAX_REQUEST_BYTES: Final = 64 << 10
_MAX_UNANSWERED: Final = 64

Answer = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]


class Linked:
    """A child process with its link. Who it is, is known from the socket: ``answer`` is made for this child."""

    def __init__(self, unborn: Unborn, answer: Answer) -> None:
        self.child = unborn.child
        self.brought = unborn.brought  # whose owner takes them
        self._answer = answer
        self._ready: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._places = asyncio.Semaphore(_MAX_UNANSWERED)
        self._answering: set[asyncio.Task[None]] = set()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    @classmethod
    async def born(
        cls, name: str, program: Sequence[str], birth: Mapping[str, Any], answer: Answer, *, brings: int = 0
    ) -> Linked:
        """Start ``program --link-fd N`` and send it its birth. Must be called in the main thread.

        Args:
            brings: how many sockets it hands in before its birth; the owner of ``brought`` closes them.

        Raises:
            ReelkeepError: it did not start, or ended before it had handed them in.
        """
        return await cls.of(await Unborn.started(executed(name, program), brings=brings), lambda: birth, answer)

    @classmethod
    async def of(cls, unborn: Unborn, birth: Callable[[], Mapping[str, Any]], answer: Answer) -> Linked:
        """Send a child that is there its birth. One that has ended meanwhile is seen by its end.

        ``birth`` is asked last, and nothing is waited for afterwards: a caller that notes the child down at once tells
        it of every change that is not in its birth.
        """
        linked = cls(unborn, answer)
        reader, linked._writer = await asyncio.open_connection(sock=unborn.socket)
        linked.push("birth", birth())
        linked._reading = asyncio.create_task(linked._read(reader))
        return linked

    async def ready(self) -> Mapping[str, Any]:
        """Wait until the child says that it is ready.

        Raises:
            DependencyError: it ended or is late; it is killed then, as it is if the waiting is cancelled.
        """
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(self.child.stopped, seconds=0)
            fields = await self._await_ready()
            undo.pop_all()
        return fields

    async def _await_ready(self) -> Mapping[str, Any]:
        waits: set[asyncio.Future[Any]] = {asyncio.ensure_future(self.child.ended()), self._ready}
        await asyncio.wait(waits, timeout=READY_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for one in waits - {self._ready}:
            one.cancel()
        if not self._ready.done():
            raise DependencyError(f"the process {self.child.name} did not become ready")
        return self._ready.result()

    def push(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Send a message that gets no reply; to a child that has ended it is lost."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(Message(kind, fields)))

    async def ended(self) -> int:
        """Wait until the child has ended, and forget its link; return its exit status."""
        status = await self.child.ended()
        for task in (*self._answering, *([self._reading] if self._reading else [])):
            task.cancel()
        if self._writer is not None:
            self._writer.close()
        return status

    async def stop(self, *, seconds: float = STOP_SECONDS) -> None:
        """Ask the child to end, and kill it if it takes longer than this."""
        self.push("shutdown", {})
        await self.child.stopped(seconds=seconds)

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Take requests until the end of the stream; a child that breaks the protocol is killed."""
        try:
            while True:
                message = await _frame(reader)
                if message.kind == "ready":
                    if not self._ready.done():
                        self._ready.set_result(message.fields.get("fields", {}))
                    continue
                await self._places.acquire()
                task = asyncio.create_task(self._reply(message))
                self._answering.add(task)
                task.add_done_callback(self._answered)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        except BadFrame as error:
            await self._kill(error)

    async def _reply(self, message: Message) -> None:
        try:
            fields = message.fields.get("fields")
            if not isinstance(fields, dict):
                raise BadFrame("a request has no fields")
            reply: Mapping[str, Any] = {"ok": await self._answer(message.kind, fields)}
        except BadFrame as error:
            return await self._kill(error)
        except ReelkeepError as error:
            reply = {"error": error_fields(error)}
        if "id" in message.fields:
            self.push("reply", {"id": message.fields["id"], **reply})
            await self._taken()
        return None

    async def _taken(self) -> None:
        """Wait until the child takes its replies: one that asks and never listens fills no memory of ours."""
        if self._writer is not None:
            with contextlib.suppress(ConnectionError):  # it has ended
                await self._writer.drain()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering.discard(task)
        self._places.release()
        if not task.cancelled() and (error := task.exception()) is not None:
            print(f"supervisor: a request of {self.child.name} failed: {told(error)}", file=sys.stderr)

    async def _kill(self, error: BadFrame) -> None:
        print(f"supervisor: {self.child.name} broke the protocol: {error.message}", file=sys.stderr)
        await self.child.stopped(seconds=0)


async def _frame(reader: asyncio.StreamReader) -> Message:
    header_length, body_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    if header_length > _MAX_REQUEST_BYTES or body_length:
        raise BadFrame("a request is larger than the protocol allows")
    return decode_header(await reader.readexactly(header_length))
