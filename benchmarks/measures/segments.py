"""N3 and N4: the media process against nginx with plain files, over TLS, one core each, in the same run.

The real platform with a real store. The media process and nginx's worker take turns on one core; the load generator
and everything else that runs, the store and the egress process among it, have the other. Each connection asks for a
segment of its own, each of which is an object of its own in the bucket, so that no two requests share a read.

Two figures for each: bytes a second, and bytes for each second of the server's own CPU time, that of the egress process
counted. The second is the one with the target of N4: there the store, on the other core, would be what is measured.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.services.platform import running_platform

from benchmarks.cores import cpu_seconds, on_core, pin
from benchmarks.load import Line, Load, Server, run
from benchmarks.made_films import made_films
from benchmarks.measures.unable import Unable
from benchmarks.results import ROOT, Result
from reelkeep.encryption.tls_certificate import self_signed
from reelkeep.supervisor.ports import free_ports

BASELINE: Final = ROOT / "benchmarks" / "baseline_nginx.conf"
SERVER_CORE, OTHER_CORE = 0, 1
FILMS: Final = 4
SEGMENT_BYTES: Final = 3_000_000  # 48 frames of 1080p24 with grain, at the ladder's cap
ROUNDS: Final = 5
ROUND_SECONDS: Final = 3.0
LEAST_SHARE_OF_CORE: Final = 0.8  # of the one whose core is the bottleneck; less, and others have had it
_START_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Turn:
    """One server's part of a round."""

    load: Load
    cpu_seconds: float

    @property
    def bytes_per_cpu_second(self) -> float:
        return self.load.body_bytes / self.cpu_seconds

    @property
    def share_of_core(self) -> float:
        return self.cpu_seconds / self.load.seconds


def measure() -> list[Result]:
    """Return the ratios to nginx with the cache, and without one."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        raise Unable("nginx is not installed (Debian: nginx-light)")
    if os.cpu_count() == 1:
        raise Unable("server and load generator need a core each")
    cached = _against(nginx, {})
    sealed = _against(nginx, {"REELKEEP_MEDIA_CACHE_BYTES": "0"})
    return [
        *_results("N3", "cached segments", 1.0, cached),
        *_results("N4", "every one read and unsealed", 0.8, sealed),
    ]


def _against(nginx: str, settings: dict[str, str]) -> list[tuple[Turn, Turn]]:
    """Return rounds of ours and nginx's turns."""
    with running_platform(is_tls=True, settings=settings) as platform, ExitStack() as stack:
        ours, paths = made_films(platform, FILMS, SEGMENT_BYTES)
        (media,), egress = platform.find("media_process"), platform.find("egress_process")
        stack.enter_context(on_core(OTHER_CORE, *platform.processes()))
        pin(media, SERVER_CORE)
        lines = [Line(ours, path) for path in paths]
        theirs, worker = stack.enter_context(
            _nginx(nginx, {path: line.body for path, line in zip(paths, lines, strict=True)})
        )
        plain = [Line(theirs, path) for path in paths]
        if [line.body for line in plain] != [line.body for line in lines]:
            raise Unable("nginx does not serve what the media process serves")
        rounds = [(_turn(lines, media, *egress), _turn(plain, worker)) for _ in range(ROUNDS)]
        for mine, its in rounds:
            print(
                f"  ours {mine.load.bytes_per_second / 1e6:.0f} MB/s, {mine.bytes_per_cpu_second / 1e6:.0f} MB/CPU-s;"
                f" nginx {its.load.bytes_per_second / 1e6:.0f} MB/s, {its.bytes_per_cpu_second / 1e6:.0f} MB/CPU-s",
                flush=True,
            )
        if statistics.median(its.share_of_core for _, its in rounds) < LEAST_SHARE_OF_CORE:
            raise Unable("nginx did not have its core for itself: too much else runs on this machine")
        return rounds


@contextmanager
def _nginx(program: str, files: dict[str, bytes]) -> Iterator[tuple[Server, int]]:
    """Run nginx on the server's core with these files; give where it is, and its worker's pid."""
    host, (port,) = "plain.localhost", free_ports(1)
    made = self_signed(host, datetime.now(UTC))
    with tempfile.TemporaryDirectory(prefix="rk-nginx-") as name:
        folder = Path(name)
        shutil.copy(BASELINE, folder / "nginx.conf")
        (folder / "listen.conf").write_text(f"listen 127.0.0.1:{port} ssl;\n")
        (folder / "chain.pem").write_text(made.chain)
        (folder / "key.pem").write_text(made.key)
        for path, content in files.items():
            file = folder / "files" / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        command = [program, "-p", name, "-c", str(folder / "nginx.conf")]
        with subprocess.Popen(["taskset", "-c", str(SERVER_CORE), *command]) as process:
            try:
                _wait_for(port)
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                yield Server(port, host, made.chain), int(children[0])
            finally:
                process.terminate()


def _turn(lines: list[Line], *pids: int) -> Turn:
    before = sum(map(cpu_seconds, pids))
    load = run(lines, ROUND_SECONDS)
    return Turn(load, sum(map(cpu_seconds, pids)) - before)


def _results(identity: str, what: str, target: float, rounds: list[tuple[Turn, Turn]]) -> list[Result]:
    rate = statistics.median(mine.load.bytes_per_second / its.load.bytes_per_second for mine, its in rounds)
    share = statistics.median(mine.bytes_per_cpu_second / its.bytes_per_cpu_second for mine, its in rounds)
    plain = statistics.median(its.load.bytes_per_second for _, its in rounds)
    lean = statistics.median(its.bytes_per_cpu_second for _, its in rounds)
    said = "`benchmarks/baseline_nginx.conf`: "
    return [
        Result(
            identity, f"{what} over TLS / nginx, one core each, per second of CPU time", share, "", target, "at least",
            f"{said}{lean / 1e6:.0f} MB for each second of CPU time",
        ),
        Result(
            f"{identity}-rate", f"{what} over TLS / nginx, wall clock", rate, "",
            baseline=f"{said}{plain / 1e6:.0f} MB/s",
        ),
    ]  # fmt: skip


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise Unable("nginx does not answer") from None
            time.sleep(0.05)
