"""Clients that ask without pause, each on a connection that it keeps, and note every request that failed."""

from __future__ import annotations

import contextlib
import http.client
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass
class Load:
    answered: int = 0
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, what: str, problem: str | None) -> None:
        with self._lock:
            self.answered += 1
            if problem is not None:
                self.failed.append(f"{what}: {problem}")


@dataclass(frozen=True)
class Request:
    host: str
    path: str
    method: str = "GET"
    body: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@contextlib.contextmanager
def load(port: int, requests: Sequence[Request], *, pause_seconds: float = 0.005) -> Iterator[Load]:
    """Ask all of these over and over, a thread for each, while the block runs. What is not 2xx has failed."""
    one = Load()

    def ask(request: Request) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with contextlib.closing(connection):
            while not one.over.wait(pause_seconds):
                problem = None
                try:
                    connection.request(
                        request.method, request.path, request.body, {**request.headers, "Host": request.host}
                    )
                    answer = connection.getresponse()
                    body = answer.read()
                    if answer.status // 100 != 2:
                        problem = f"{answer.status} {body[:200]!r}"
                except (OSError, http.client.HTTPException) as error:
                    problem = repr(error)
                    connection.close()
                one.note(f"{request.method} {request.host}{request.path}", problem)

    threads = [threading.Thread(target=ask, args=(request,)) for request in requests]
    for thread in threads:
        thread.start()
    try:
        yield one
    finally:
        one.over.set()
        for thread in threads:
            thread.join(40)
