"""What a company's process or a job can still do once it was taken over: each attempt works outside, not inside.

The codec has a suite of its own, test_codec_sandbox.py; other companies' databases are refused by PostgreSQL, shown in
tests/integration/test_company_databases.py; lies to the broker are in tests/unit/supervisor/test_sessions.py. Bombs are
small: the first step beyond a limit is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.isolation.closed import ROOT, WEB, Outside
from tests.isolation.metadata_drill import METADATA
from tests.services.databases import MakeCompany

from reelkeep.companies import provisioning
from reelkeep.companies.databases import DatabaseServer
from reelkeep.companies.destinations import Destination
from reelkeep.encryption.keyring import LocalKeyring
from reelkeep.ids import CompanyId
from reelkeep.isolation.confine import landlock_version
from reelkeep.isolation.limits import JOB_LIMITS, WEB_OPEN_FILES, ProcessLimits
from reelkeep.supervisor.web_processes import DATA_TO_LIMIT

pytestmark = pytest.mark.skipif(landlock_version() < 6, reason="this kernel's Landlock knows no signals: before 6.12")

ROLES = ("app", "media", "job")
WEB_LIMITS = ProcessLimits(WEB.max_bytes * DATA_TO_LIMIT, WEB_OPEN_FILES)
LIMITS = {"app": WEB_LIMITS, "media": WEB_LIMITS, "job": JOB_LIMITS}


@dataclass
class Targets:
    """Things on the host that nobody's process is to reach, each with the attempt that reaches it from outside."""

    attempts: dict[str, list[Any]]
    own: list[Any]  # what the process is meant to reach: its own company's database
    dsn: str


@contextlib.contextmanager
def listening() -> Iterator[int]:
    """Greet whoever connects."""
    with socket.create_server(("127.0.0.1", 0)) as sock:

        def greet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = sock.accept()
                    with client:
                        client.sendall(b"hello")

        threading.Thread(target=greet, daemon=True).start()
        yield sock.getsockname()[1]
        sock.shutdown(socket.SHUT_RDWR)


def answer(datagrams: socket.socket) -> None:
    """Answer whoever asks, as a resolver would; a word of our own ends it."""
    while (asked := datagrams.recvfrom(64))[0] != b"end":
        datagrams.sendto(b"answered", asked[1])


@pytest.fixture
def targets(
    tmp_path: Path,
    postgres_server: DatabaseServer,
    registry: object,
    keyring: LocalKeyring,
    make_company: MakeCompany,
) -> Iterator[Targets]:
    ours = provisioning.app_url(postgres_server, keyring, make_company())
    (tmp_path / "keyring.json").write_text(secrets.token_hex(16))
    run = tmp_path / "run"
    run.mkdir()
    with contextlib.ExitStack() as stack:
        service = stack.enter_context(listening())
        handover = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        abstract = stack.enter_context(socket.socket(socket.AF_UNIX))
        datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        handover.bind(str(run / "borealis-app"))
        abstract.bind(f"\0reelkeep-attack-{os.getpid()}")
        datagrams.bind(("127.0.0.1", 0))
        threading.Thread(target=answer, args=(datagrams,), daemon=True).start()
        handover.listen()
        abstract.listen()
        sibling = stack.enter_context(subprocess.Popen(["/bin/sleep", "600"]))
        stack.callback(sibling.kill)
        conninfo = ours.set(drivername="postgresql").render_as_string(hide_password=False)
        attempts = {
            "a service by its address": ["connect", "127.0.0.1", service],
            "a service by its name": ["tunnel", "localhost", service],
            "a name in a datagram": ["look_up", "secret.leak.example", *datagrams.getsockname()],
            "another company's hand-over socket": ["connect_path", str(run / "borealis-app")],
            "an abstract socket": ["connect_abstract", f"reelkeep-attack-{os.getpid()}"],
            "a secret file": ["read", str(tmp_path / "keyring.json")],
            "a place to write": ["write", str(tmp_path)],
            "the environment of another process": ["read", f"/proc/{sibling.pid}/environ"],
            "the memory of another process": ["read_memory", sibling.pid],
            "tracing another process": ["trace", sibling.pid],
            "a signal to another process": ["signal", sibling.pid],
            "the network of another process": ["enter_namespace", sibling.pid],
            "one more process (a fork bomb's first)": ["fork"],
            "another program": ["execute", "/bin/true"],
            "a mount": ["mount", str(run)],
            "new namespaces": ["new_namespace"],
            "a higher limit": ["raise_limit"],
        }
        if os.geteuid() != 0:
            for needs_root in ("the network of another process", "a mount", "new namespaces"):
                del attempts[needs_root]
        yield Targets(attempts, ["database", conninfo], ours.render_as_string(hide_password=False))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"end", datagrams.getsockname())


def outside(attempts: list[list[Any]]) -> dict[str, str]:
    """Make the attempts in a process without any barrier, as the same user."""
    program = [sys.executable, "-m", "tests.isolation.attempts", json.dumps(attempts)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    return dict(json.loads(done.stdout))


def test_what_works_outside_the_barriers_is_refused_inside(tmp_path: Path, targets: Targets) -> None:
    attempts = [*targets.attempts.values(), targets.own]
    free = outside(attempts)
    assert not {name for name, got in free.items() if got.startswith("refused")}

    async def run() -> tuple[dict[str, dict[str, str]], dict[str, int]]:
        around = Outside(tmp_path)
        try:
            await around.start_egress()
            around.way_out.allow(CompanyId("acme"), [Destination("s3.acme.example", 443)], None)
            got = {role: await around.process("acme", attempts, role=role, dsn=targets.dsn) for role in ROLES}
            return got, await around.reported("acme", len(ROLES))
        finally:
            await around.end()

    got, refused = asyncio.run(run())
    for role in ROLES:
        own = json.dumps(targets.own)
        assert not got[role].pop(own).startswith("refused"), role
        reached = {name: found for name, found in got[role].items() if not found.startswith("refused")}
        assert not reached, f"{role}: {reached}"
    assert refused == {f"localhost:{targets.attempts['a service by its name'][2]}": len(ROLES)}


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a network of the test's own the metadata address: root only")
def test_the_metadata_service_is_out_of_reach_also_by_a_list_that_names_it(tmp_path: Path) -> None:
    drill = [sys.executable, "-m", "tests.isolation.metadata_drill", str(tmp_path)]
    done = subprocess.run(
        ["unshare", "--net", "--mount", *drill], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    found = json.loads(done.stdout)
    assert set(found["outside"].values()) == {"hello"}
    assert all(got.startswith("refused") for got in found["inside"].values()), found
    assert found["refused"] == {f"{METADATA}:80": 2, "metadata.test:80": 1}


@pytest.mark.parametrize("role", ROLES)
def test_memory_and_descriptors_of_a_process_have_an_end(tmp_path: Path, role: str) -> None:
    limits = LIMITS[role]
    bombs = [["take_memory", limits.data_bytes + (64 << 20)], ["take_descriptors", limits.open_files + 1]]
    assert not any(got.startswith("refused") for got in outside(bombs[:1]).values())

    async def run() -> dict[str, str]:
        around = Outside(tmp_path)
        try:
            return await around.process("acme", bombs, role=role)
        finally:
            await around.end()

    assert all(got.startswith("refused") for got in asyncio.run(run()).values())
