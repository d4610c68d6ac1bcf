"""What a process that speaks to strangers can still do once it was taken over: each attempt works before, not after."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.services.platform import Platform

from reelkeep.isolation.confine import landlock_version

pytestmark = pytest.mark.skipif(landlock_version() == 0, reason="this kernel has no Landlock")

ATTEMPTS = """
import ctypes, json, os, socket, sys
secret, folder, sibling, abstract, confined = *sys.argv[1:5], sys.argv[5] == "confined"
if confined:
    from reelkeep.isolation.confine import confine
    confine()

def read(path):
    return lambda: open(path, "rb").read(1)

def write():
    open(folder + "/written", "w").close()

def connect():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("\\0" + abstract)

def mount():
    if ctypes.CDLL(None, use_errno=True).mount(b"none", folder.encode(), b"tmpfs", 0, None):
        raise OSError(ctypes.get_errno(), "mount")

attempts = {
    "read a file": read(secret), "read a sibling's memory map": read(f"/proc/{sibling}/maps"),
    "read a sibling's environment": read(f"/proc/{sibling}/environ"), "write a file": write,
    "signal a sibling": lambda: os.kill(int(sibling), 0), "connect to an abstract socket": connect, "mount": mount,
}
done = []
for name, attempt in attempts.items():
    try:
        attempt()
        done.append(name)
    except OSError:
        pass
print(json.dumps(done))
"""


def attempt(mode: str, secret: Path, sibling: int, abstract: str) -> set[str]:
    arguments = [str(secret), str(secret.parent), str(sibling), abstract, mode]
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-I", "-c", ATTEMPTS, *arguments]
        if os.geteuid() == 0
        else [sys.executable, "-I", "-c", ATTEMPTS, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(json.loads(done.stdout))


def test_a_confined_process_reaches_no_file_no_sibling_and_no_mount(tmp_path: Path) -> None:
    secret = tmp_path / "keyring.json"
    secret.write_text("key")
    abstract = f"reelkeep-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as listener, subprocess.Popen(["sleep", "60"]) as sibling:
        listener.bind("\0" + abstract)
        listener.listen(4)
        try:
            free = attempt("free", secret, sibling.pid, abstract)
            confined = attempt("confined", secret, sibling.pid, abstract)
        finally:
            sibling.kill()
    assert {"read a file", "write a file", "signal a sibling", "connect to an abstract socket"} <= free
    assert {"read a sibling's memory map", "read a sibling's environment"} <= free
    assert os.geteuid() != 0 or "mount" in free
    assert confined == set()


ROLES = ("gateway.gateway", "egress.egress", "runner.runner", "web.app", "web.media")


@pytest.mark.parametrize("role", ROLES)
def test_every_thread_of_a_process_that_strangers_reach_is_confined(platform: Platform, role: str) -> None:
    (pid,) = platform.find(f"reelkeep.{role}_process")
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        facts = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        assert facts["NoNewPrivs"] == "1"
        assert facts["Seccomp"] == "2"  # a filter, proc(5)
        for kind in ("CapEff", "CapPrm", "CapBnd", "CapInh", "CapAmb"):
            assert int(facts[kind], 16) & ~2 == 0 or (kind == "CapBnd" and os.geteuid() != 0)
