"""What one company's flood does to its neighbour on the same machine: the neighbour's 99th percentile, quiet and in it.

Two companies over TLS, each with its own processes, bucket and database. The neighbour's reviewers ask for what needs
its database (who one is) and for a segment that its media process reads from the bucket anew each time, through the
egress process that both companies share. Meanwhile the other company gets, one after the other: connections that are
made and thrown away (the gateway is shared), requests to its pages, and requests for segments from its bucket (the
egress process and the store are). The machine's cores are shared by all, and by those who ask.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import socket
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from tests.media.clips import bunny_loop
from tests.services.canaries import EMAIL, Tenant, canary_platform
from tests.services.platform import Platform, patiently

from benchmarks.load import Line, Server, run
from benchmarks.measures.unable import Unable
from benchmarks.paced import ask
from benchmarks.results import Result
from reelkeep.cli.installation import Installation
from reelkeep.transfer.upload import upload

RATE: Final = 50  # of the neighbour's requests, a second
SECONDS: Final = 15.0
LINES: Final = 16  # of the flood
_WARM_SECONDS: Final = 2.0
_FILM_SECONDS: Final = 4
_SEGMENT: Final = "v360/0.m4s"
_NO_CACHE: Final = {"REELKEEP_MEDIA_CACHE_BYTES": "0"}


@dataclass(frozen=True)
class Company:
    """Where a company is asked."""

    app: Server
    media: Server
    segment: str  # path
    token: str


def measure() -> list[Result]:
    """Return the neighbour's 99th percentiles: alone, and during each flood."""
    with canary_platform(2, settings=_NO_CACHE) as (platform, tenants):
        noisy, neighbour = (_company(platform, tenant) for tenant in tenants)
        results = _ask("quiet", "nobody else asks", neighbour)
        floods: dict[str, tuple[str, Callable[[Company, float], int]]] = {
            "connections": ("connections to another company, made and thrown away", _connect),
            "requests": ("requests to another company's pages", _request),
            "egress": ("segments of another company from its bucket, not cached", _fetch),
        }
        for name, (what, flood) in floods.items():
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as beside:
                flooding = beside.submit(flood, noisy, 2 * (_WARM_SECONDS + SECONDS) + _WARM_SECONDS)
                time.sleep(_WARM_SECONDS)
                found = _ask(name, what, neighbour)
                rate = flooding.result() / (2 * (_WARM_SECONDS + SECONDS) + _WARM_SECONDS)
            results += [*found, Result(f"neighbour-{name}-flood", f"{what}: of these", rate, "1/s")]
    return results


def _company(platform: Platform, tenant: Tenant) -> Company:
    """Have a film made, and return where it is."""
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder, tenant.api() as api:
        clip = bunny_loop(Path(folder) / "film.mp4", seconds=_FILM_SECONDS)
        made = upload(api, str(api.create_production("Film")["id"]), clip)
        deadline = time.monotonic() + 180
        while api.version(made.version_id)["state"] != "ready":
            if time.monotonic() > deadline:
                raise Unable("a film of four seconds was not made in three minutes")
            time.sleep(0.2)
        base = urlsplit(str(api.playback_session(made.version_id)["base"]))
        token = patiently(lambda: api.login(EMAIL, tenant.password))
    found = Installation(platform.data).certificates(tenant.company)
    app, media = (
        Server(int(platform.facts["port"]), host, found[host].chain)
        for host in (tenant.company.app_host, tenant.company.media_host)
    )
    return Company(app, media, f"{base.path}/{_SEGMENT}", token)


def _ask(name: str, what: str, neighbour: Company) -> list[Result]:
    """Ask the neighbour for answers and for segments, one after the other."""
    told = {
        "api": asyncio.run(ask(neighbour.app, lambda _: "/api/v1/me", RATE, SECONDS, token=neighbour.token)),
        "segment": asyncio.run(ask(neighbour.media, lambda _: neighbour.segment, RATE, SECONDS)),
    }
    return [
        Result(
            f"neighbour-{name}-{kind}", f"{what}: p99 of a neighbour's {kind} at {RATE} requests/s",
            statistics.quantiles(seconds, n=100)[98] * 1e3, "ms",
        )
        for kind, seconds in told.items()
    ]  # fmt: skip


def _connect(noisy: Company, seconds: float) -> int:
    """Make connections with a TLS handshake, and throw them away; return how many."""
    trust = ssl.create_default_context(cadata=noisy.app.authority)
    until, made = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        with socket.create_connection(("127.0.0.1", noisy.app.port), timeout=30) as client:
            trust.wrap_socket(client, server_hostname=noisy.app.host).close()
        made += 1
    return made


def _request(noisy: Company, seconds: float) -> int:
    return run([Line(noisy.app, "/") for _ in range(LINES)], seconds).answers


def _fetch(noisy: Company, seconds: float) -> int:
    return run([Line(noisy.media, noisy.segment) for _ in range(LINES)], seconds).answers
