"""N5: a company's first answer after a cold start. N6: memory of companies that are in use at once.

A cold start is measured from the client's connect, when the company has no app process, to the last byte of an answer
that needs the database: gateway, birth, application, connection to PostgreSQL and query are in it. As a rule a process
stands ready (docs/adr/0029-web-processes-stand-ready.md); where none does, zygote, fork and namespaces are in it, too.
Memory is PSS (proc_pid_smaps(5)) of app and media process and of their database backends, after both have
answered; what they share with each other and with the zygote is divided among all. So many companies are alive at that
moment as N6 asks for, or as fit into this machine, which the figure's name says.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from tests.services.platform import EMAIL, Platform, running_platform

from benchmarks.results import Result
from reelkeep.cli.installation import Installation
from reelkeep.isolation.zygote import UNBORN
from reelkeep.supervisor.web_processes import AHEAD

STARTS = int(os.environ.get("RKBENCH_COLD_STARTS", "30"))
COMPANIES = int(os.environ.get("RKBENCH_COMPANIES", "300"))
ASSUMED_BYTES = 60_000_000  # of each, to find out for how many there is room; the rest of the machine needs 2 GB
REST_BYTES = 2_000_000_000
FORKED_STARTS = 5  # those that stand ready are killed for it, and come back later each time
IDLE_SECONDS = 1
APP, MEDIA = b"reelkeep.web.app_process", b"reelkeep.web.media_process"
MB = 1_000_000


def measure() -> list[Result]:
    """Return the median of cold starts, and the memory of each of so many companies."""
    with running_platform(settings={"REELKEEP_IDLE_SECONDS": str(IDLE_SECONDS)}) as platform:
        seconds = sorted(_cold_starts(platform, STARTS, is_ready=True))
        forked = statistics.median(_cold_starts(platform, FORKED_STARTS, is_ready=False))
    median, worst = statistics.median(seconds), seconds[int(len(seconds) * 0.95)]
    return [
        Result("N5", f"first answer after a cold start, median of {len(seconds)}", median * 1_000, "ms", 30.0),
        Result("N5-p95", "the same, 95th percentile", worst * 1_000, "ms"),
        Result("N5-forked", f"the same where none stands ready, median of {FORKED_STARTS}", forked * 1_000, "ms"),
        *_memory(),
    ]


def _cold_starts(platform: Platform, count: int, *, is_ready: bool) -> Iterator[float]:
    with platform.api() as api:
        token = api.login(EMAIL, platform.password)
    request = f"GET /api/v1/productions HTTP/1.1\r\nHost: acme.localhost:{platform.facts['port']}\r\n"
    request += f"Authorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    for _ in range(count):
        while _pids(APP, platform):
            time.sleep(0.05)
        while len(_unborn(platform)) < len(AHEAD):
            time.sleep(0.05)
        time.sleep(0.2)  # the supervisor has heard of the end, and who stands ready has got ready
        if not is_ready:
            for pid in _unborn(platform):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        began = time.perf_counter()
        answer = _exchange(platform, request)
        yield time.perf_counter() - began
        assert answer.startswith(b"HTTP/1.1 200"), answer[:200]


def _exchange(platform: Platform, request: str) -> bytes:
    answer = b""
    with socket.create_connection(("127.0.0.1", platform.facts["port"]), timeout=60) as client:
        client.sendall(request.encode())
        while more := client.recv(1 << 16):
            answer += more
    return answer


def _memory() -> list[Result]:
    count = max(1, min(COMPANIES, (_available_bytes() - REST_BYTES) // ASSUMED_BYTES))
    settings = {"REELKEEP_ACTIVE_COMPANIES": str(count), "REELKEEP_IDLE_SECONDS": "3600"}
    with running_platform(settings=settings) as platform:
        operator = Installation(platform.data)
        slugs = ["acme", *(f"c{number}" for number in range(1, count))]
        for slug in slugs[1:]:
            operator.create_company(slug, slug, "localhost")
        for slug in slugs:
            _wake(platform, slug)
        pids = _pids(APP, platform) + _pids(MEDIA, platform)
        assert len(pids) == 2 * count, len(pids)
        processes = sum(map(_pss_bytes, pids))
        backends = sum(map(_pss_bytes, _backends(platform)))
    each = (processes + backends) / count / MB
    what = f"PSS of a company with its backends, {count} in use at once"
    how = "" if count == COMPANIES else f", by calculation from {count}"
    return [
        Result("N6", what, each, "MB", 40.0),
        Result("N6-backends", "of that, its database backends", backends / count / MB, "MB"),
        Result("N6-300", f"{COMPANIES} companies in use at once{how}", each * COMPANIES / 1_000, "GB", 24.0),
    ]


def _available_bytes() -> int:
    """Return what the kernel could give without swapping (proc(5), MemAvailable)."""
    found = re.search(r"^MemAvailable: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) << 10


def _wake(platform: Platform, slug: str) -> None:
    login = '{"email": "nobody@example.com", "password": "no", "kind": "cli"}'
    port = platform.facts["port"]
    for host, line in (
        (f"{slug}.localhost", "POST /api/v1/login"),
        (f"{slug}-media.localhost", f"GET /p/{'0' * 43}/manifest.mpd"),
    ):
        body = login if line.startswith("POST") else ""
        head = f"{line} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
        deadline = time.monotonic() + 60
        while True:
            answer = _exchange(platform, f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}")
            if re.match(rb"HTTP/1.1 (401|403|404)", answer):
                break
            assert time.monotonic() < deadline, answer[:200]
            time.sleep(0.2)


def _pids(title: bytes, platform: Platform) -> list[int]:
    return [pid for pid, line in platform.processes().items() if title.decode() in line[0]]


def _unborn(platform: Platform) -> list[int]:
    return [pid for pid, line in platform.processes().items() if line[0] == UNBORN]


def _backends(platform: Platform) -> list[int]:
    """Return PostgreSQL's processes for companies: their databases have names of their own."""
    lines = {pid: line[0] for pid, line in platform.processes().items()}
    return [pid for pid, line in lines.items() if line.startswith("postgres: c_")]


def _pss_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(r"^Pss: +(\d+) kB", text, re.MULTILINE)
    return int(found[1]) << 10 if found else 0
