"""Processes end in the middle of many requests: no company's request is answered by another, and failures are plain."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from tests.services.installation import Installation, ask, installation, wait_until

COMPANIES = {"acme.localhost": "acme", "borealis.localhost": "borealis"}
CLIENTS_OF_EACH = 4
CLEAR_STATUSES = {503}  # and an end of the connection: nothing else may stand for "not now"
PATIENCE_SECONDS = 20.0  # the gateway waits 10 s for a process before it says so


@dataclass
class Crowd:
    """Clients that ask and ask, and what they were told.

    Args:
        wrong: answers that were another company's, or no answer that means "not now".
    """

    port: int
    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest_seconds: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def ask_on(self, host: str) -> None:
        """Ask until stopped, several times on a connection, as browsers do."""
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
            with contextlib.closing(connection):
                for _ in range(5):
                    began = time.monotonic()
                    told = self._told(connection, host)
                    self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
                    self.answers[told] += 1
                    if told != COMPANIES[host]:
                        break
            time.sleep(0.002)

    def _told(self, connection: http.client.HTTPConnection, host: str) -> str:
        try:
            connection.request("GET", "/who", headers={"Host": host})
            answer = connection.getresponse()
            body = answer.read()
        except TimeoutError:
            self.wrong.append(f"{host} was told nothing for {PATIENCE_SECONDS} s")
            return "silence"
        except (OSError, http.client.HTTPException):
            return "closed"
        if answer.status in CLEAR_STATUSES:
            return str(answer.status)
        slug = str(json.loads(body)["company"]["slug"]) if answer.status == 200 else f"{answer.status}"
        if slug != COMPANIES[host]:
            self.wrong.append(f"{host} was told {slug}")
        return slug

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self.ask_on, args=(host,)) for host in COMPANIES for _ in range(CLIENTS_OF_EACH)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(PATIENCE_SECONDS + 5)

    def go_on(self) -> None:
        """Wait until both companies have been served some more."""
        before = dict(self.answers)
        wait_until(lambda: all(self.answers[slug] >= before.get(slug, 0) + 20 for slug in COMPANIES.values()), 40)


@pytest.fixture(scope="module")
def up() -> Iterator[Installation]:
    with installation() as one:
        for slug in COMPANIES.values():
            one.create_company(slug)
        for host in COMPANIES:
            wait_until(lambda host=host: ask(one, host))
        yield one


def processes(up: Installation, *words: str) -> list[int]:
    lines = {pid: " ".join(line) for pid, line in up.processes().items()}
    return sorted(pid for pid, line in lines.items() if all(word in line for word in words))


def kill(pids: list[int]) -> None:
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("words", [("gateway_process",), ("stub_process", "app")], ids=["gateway", "companies"])
def test_a_kill_under_load_crosses_no_companies(up: Installation, words: tuple[str, ...]) -> None:
    crowd = Crowd(up.facts["port"])
    with crowd.asking():
        crowd.go_on()
        kill(processes(up, *words))
        crowd.go_on()
    assert crowd.wrong == []


def test_a_supervisor_that_is_started_anew_under_load_crosses_no_companies(up: Installation) -> None:
    crowd = Crowd(up.facts["port"])
    with crowd.asking():
        crowd.go_on()
        left = list(up.processes())
        up.end(signal.SIGKILL)
        up.await_gone(left)
        up.start()
        crowd.go_on()
    assert crowd.wrong == []
    assert crowd.answers["closed"] > 0  # it was seen, and it was plain
