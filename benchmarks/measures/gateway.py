"""What the gateway costs: connections that one core of it hands over in a second, and what it adds to each.

The real gateway and a real web entry, against the same web entry that listens itself. A connection is opened, makes its
TLS handshake, asks once and is closed. They take turns, one connection after the other, on the other core. How many a
core hands over is reckoned from the gateway's own CPU time, since a client's handshake costs more than a hand-over.
"""

from __future__ import annotations

import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.services.front import ACME, Front, front
from tests.services.installation import wait_until

from benchmarks.cores import cpu_seconds, on_core, pin
from benchmarks.measures.unable import Unable
from benchmarks.results import ROOT, Result
from reelkeep.supervisor.ports import free_ports

CONNECTIONS: Final = 1_500
SERVER_CORE, CLIENT_CORE = 0, 1


def measure() -> list[Result]:
    """Return what the gateway adds to a connection, and how many of them one core of it hands over."""
    if os.cpu_count() == 1:
        raise Unable("servers and client need a core each")
    with front() as up, _direct(up) as port, on_core(CLIENT_CORE):
        for pid in (up.gateway.pid, up.web[ACME].pid):
            pin(pid, SERVER_CORE)
        trust = up.trust(ACME)
        seconds: dict[int, list[float]] = {up.tls_port: [], port: []}
        before = cpu_seconds(up.gateway.pid)
        for _ in range(CONNECTIONS):
            for each in seconds:
                seconds[each].append(_connection(each, trust))
        used = cpu_seconds(up.gateway.pid) - before
    through, direct = (statistics.median(values) for values in seconds.values())
    said = f"the web entry as its own listener: {direct * 1e3:.2f} ms"
    what = "connection, TLS handshake and one answer"
    return [
        Result(
            "gateway-latency", f"{what}: what the gateway adds, median", (through - direct) * 1e3, "ms", baseline=said
        ),
        Result("gateway-rate", "connections handed over for each second of CPU time", CONNECTIONS / used, "1/s"),
    ]


@contextmanager
def _direct(up: Front) -> Iterator[int]:
    """Run the web entry that listens itself, with the same certificate; give its port."""
    (port,), certificate = free_ports(1), up.certificates[ACME]
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        files = [Path(folder) / "chain.pem", Path(folder) / "key.pem"]
        for file, text in zip(files, (certificate.chain, certificate.key), strict=True):
            file.write_text(text)
        command = [sys.executable, "-m", "benchmarks.direct_listener", str(port), *map(str, files)]
        with subprocess.Popen(command, cwd=ROOT) as process:
            try:
                wait_until(lambda: _connection(port, up.trust(ACME)))
                pin(process.pid, SERVER_CORE)
                yield port
            finally:
                process.terminate()


def _connection(port: int, trust: ssl.SSLContext) -> float:
    """Return the seconds from the first packet to the whole answer."""
    began = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=15) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with trust.wrap_socket(client, server_hostname=ACME) as secured:
            secured.sendall(f"GET /nothing HTTP/1.1\r\nHost: {ACME}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while chunk := secured.recv(65_536):
                answer += chunk
    seconds = time.perf_counter() - began
    if not answer.startswith(b"HTTP/1.1 200"):
        raise Unable(f"the server answered {answer[:40]!r}")
    return seconds
