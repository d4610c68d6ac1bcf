"""Requests that leave at their times, whether or not earlier ones were answered.

A time counts from when its request was due, so that a server that stops for a second shows all that waited for it
(coordinated omission).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from benchmarks.load import Server
from benchmarks.measures.unable import Unable


async def ask(
    server: Server,
    path_of: Callable[[int], str],
    rate: float,
    seconds: float,
    *,
    token: str = "",
    connections: int = 32,
) -> list[float]:
    """Ask at ``rate`` requests a second; return the seconds from when each was due to its answer.

    Args:
        path_of: number of a request to the path that it asks for.
        rate, seconds: how often, and for how long.
        token: of a signed-in program; empty: none is sent.

    Raises:
        Unable: an answer was none of 200.
    """
    trust = ssl.create_default_context(cadata=server.authority)
    free: asyncio.LifoQueue[_Connection] = asyncio.LifoQueue()
    for _ in range(connections):
        free.put_nowait(await _Connection.to(server, trust, token))
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def one(number: int) -> float:
        due = began + number / rate
        await asyncio.sleep(due - loop.time())
        connection = await free.get()
        await connection.get(path_of(number))
        free.put_nowait(connection)
        return loop.time() - due

    try:
        return list(await asyncio.gather(*(one(number) for number in range(round(rate * seconds)))))
    finally:
        while not free.empty():
            free.get_nowait().close()


class _Connection:
    """One HTTP/1.1 connection that stays open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: str) -> None:
        self._reader, self._writer, self._head = reader, writer, head

    @classmethod
    async def to(cls, server: Server, trust: ssl.SSLContext, token: str) -> _Connection:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=trust, server_hostname=server.host)
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        return cls(reader, writer, f"Host: {server.host}:{server.port}\r\n{authorization}\r\n")

    async def get(self, path: str) -> None:
        self._writer.write(f"GET {path} HTTP/1.1\r\n{self._head}".encode())
        answer = await self._reader.readuntil(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in answer.split(b"\r\n")[1:-2])
        body = await self._reader.readexactly(int(fields[b"content-length"]))
        if not answer.startswith(b"HTTP/1.1 200"):
            raise Unable(f"{path}: {body[:200].decode(errors='replace')}")

    def close(self) -> None:
        self._writer.close()
