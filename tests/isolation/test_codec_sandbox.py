"""Hostile: a program behind the codec's barriers. Every attempt is first seen to succeed without them."""

import errno
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.isolation.lines import children_of, first_child, members_of
from tests.services.installation import wait_until

from reelkeep.errors import DependencyError
from reelkeep.isolation.channel import ChannelClosed, Message
from reelkeep.isolation.sandbox import CODEC_PACKAGES, CodecProcess, Limits, start_codec, start_sandboxed
from reelkeep.isolation.view import Bind

PROGRAM = Path(__file__).with_name("hostile_program.py")
SECRET_NAME = "RKTEST_SECRET"
REACHING_OUT = (
    "network", "local socket", "write a file", "write a memory file", "read a secret file", "read the password file",
    "list the root", "see a process", "signal a process", "trace a process", "slow a process down", "start a process",
    "execute", "new namespace", "executable memory", "raise a limit",
)  # fmt: skip


@dataclass
class Outside:
    """Things on the host that a hostile codec would like to reach."""

    target: dict[str, Any]
    secret: str


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("data")
    secret = secrets.token_hex(16)
    (folder / "keyring.json").write_text(secret)
    victim = subprocess.Popen(["/bin/sleep", "600"])
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        local.bind(str(folder / "run.sock"))
        local.listen()
        for listening in (server, local):
            threading.Thread(target=_greet, args=(listening,), daemon=True).start()
        yield Outside(
            {
                "address": list(server.getsockname()),
                "local_socket": str(folder / "run.sock"),
                "folders": ["/", "/tmp", "/dev/shm", "/packages", "/python", "/dev", str(folder)],
                "secret_file": str(folder / "keyring.json"),
                "pid": os.getpid(),
                "victim": victim.pid,
            },
            secret,
        )
        for listening in (server, local):
            listening.shutdown(socket.SHUT_RDWR)
    victim.kill()
    victim.wait()


def _greet(listening: socket.socket) -> None:
    while True:
        try:
            sock, _ = listening.accept()
        except OSError:
            return
        with sock:
            sock.sendall(b"hello")


def hostile(*, insecure: bool, limits: Limits | None = None) -> CodecProcess:
    extra = (Bind(PROGRAM, "/packages/hostile_program.py"),)
    return start_sandboxed("hostile_program", packages=CODEC_PACKAGES, extra=extra, limits=limits, insecure=insecure)


@pytest.fixture(scope="module")
def without_barriers(outside: Outside) -> dict[str, Any]:
    """What the same program gets as a plain child of a process that holds a secret in its environment."""
    code = "import sys; from reelkeep.isolation.inside import main; main(sys.argv[1:])"
    ours, theirs = socket.socketpair()
    child = subprocess.Popen(
        [sys.executable, "-c", code, "hostile_program", "--link-fd", str(theirs.fileno())],
        env={**os.environ, SECRET_NAME: outside.secret, "PYTHONPATH": f"{PROGRAM.parent}"},
        pass_fds=(theirs.fileno(),),
    )
    theirs.close()
    from reelkeep.isolation.channel import Channel

    channel = Channel(ours)
    assert channel.receive().kind == "ready"
    channel.send(Message("target", outside.target))
    report = channel.receive().fields
    channel.send(Message("end"))
    child.wait(10)
    channel.close()
    return dict(report)


@pytest.fixture(scope="module")
def sandboxed(outside: Outside) -> Iterator[CodecProcess]:
    os.environ[SECRET_NAME] = outside.secret
    with hostile(insecure=False) as process:
        yield process
    del os.environ[SECRET_NAME]


@pytest.fixture(scope="module")
def behind_barriers(sandboxed: CodecProcess, outside: Outside) -> dict[str, Any]:
    sandboxed.channel.send(Message("target", outside.target))
    return dict(sandboxed.channel.receive().fields)


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


@pytest.mark.parametrize("attempt", REACHING_OUT)
def test_what_succeeds_outside_fails_inside(
    attempt: str, without_barriers: dict[str, Any], behind_barriers: dict[str, Any]
) -> None:
    assert without_barriers[attempt][0] == "succeeded", without_barriers[attempt]
    assert behind_barriers[attempt][0] == "failed", behind_barriers[attempt]


def test_a_thread_may_stand_back_and_slow_down_nobody_else(behind_barriers: dict[str, Any]) -> None:
    assert behind_barriers["stand back"] == ["succeeded", "slower"]
    assert behind_barriers["slow a process down"] == ["failed", errno.EPERM]


def test_the_walls_hold_also_before_the_doors_are_closed(
    without_barriers: dict[str, Any], behind_barriers: dict[str, Any]
) -> None:
    """Without the second filter files may be opened: then it is the mounts that leave nothing to open."""
    assert {outcome for outcome, _ in without_barriers["early"].values()} == {"succeeded"}
    early = behind_barriers["early"]
    assert set(early["list the root"][1]) <= {"lib", "lib64", "libraries", "packages", "python"}
    assert early["write a file"] == ["failed", errno.EROFS]
    assert early["read the password file"] == ["failed", errno.ENOENT]
    assert early["list processes"] == early["list devices"] == ["failed", errno.ENOENT]
    assert early["make a socket"] == ["failed", errno.EPERM]


def test_no_secret_of_the_parents_environment_is_inside(
    without_barriers: dict[str, Any], behind_barriers: dict[str, Any], outside: Outside
) -> None:
    assert without_barriers["environment"][SECRET_NAME] == outside.secret
    assert outside.secret not in json.dumps(behind_barriers)
    assert not [
        name for name in behind_barriers["environment"] if not re.match(r"PYTHON|LD_|LANG|OPENBLAS|MALLOC|PWD", name)
    ]


def test_neither_cores_nor_files_can_grow(behind_barriers: dict[str, Any], without_barriers: dict[str, Any]) -> None:
    assert without_barriers["limits"]["RLIMIT_FSIZE"] != [0, 0]
    assert behind_barriers["limits"] == {"RLIMIT_CORE": [1, 1], "RLIMIT_FSIZE": [0, 0]}


def test_the_host_user_is_never_root_and_has_no_capability(sandboxed: CodecProcess) -> None:
    status = status_of(sandboxed.program_pid())
    assert "0" not in status["Uid"].split() + status["Gid"].split()
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (status["NoNewPrivs"], status["Seccomp"], status["Groups"]) == (
        "1",
        "2",
        "" if os.geteuid() == 0 else status["Groups"],
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can lend users")
def test_two_sandboxes_have_two_host_users(sandboxed: CodecProcess) -> None:
    with start_codec() as other:
        assert status_of(other.program_pid())["Uid"] != status_of(sandboxed.program_pid())["Uid"]


def test_every_namespace_is_its_own(sandboxed: CodecProcess) -> None:
    for name in ("user", "pid", "mnt", "net", "ipc", "uts", "cgroup"):
        inside = os.stat(f"/proc/{sandboxed.program_pid()}/ns/{name}").st_ino
        assert inside != os.stat(f"/proc/self/ns/{name}").st_ino, name


def test_every_mount_is_read_only_and_none_is_a_device_or_a_home(sandboxed: CodecProcess) -> None:
    mounts = Path(f"/proc/{sandboxed.program_pid()}/mountinfo").read_text().splitlines()
    places = {line.split()[4]: line.split()[5].split(",") for line in mounts}
    assert "/" in places
    assert all("ro" in options for options in places.values()), places
    assert all(place == "/" or place.startswith(("/python", "/packages", "/libraries", "/lib")) for place in places)


def test_the_process_is_not_dumpable(sandboxed: CodecProcess) -> None:
    """The kernel gives /proc/<pid>/ of an undumpable process to root instead of to its own user (proc(5))."""
    pid = sandboxed.program_pid()
    assert os.stat(f"/proc/{pid}/mem").st_uid != int(status_of(pid)["Uid"].split()[0])


def test_a_crash_leaves_no_core_and_ends_the_channel(tmp_path: Path, outside: Outside) -> None:
    with hostile(insecure=False) as process:
        process.channel.send(Message("target", outside.target))
        process.channel.receive()
        process.channel.send(Message("crash"))
        with pytest.raises(ChannelClosed):
            process.channel.receive()
        process.wait(10)
    assert not [path for path in (tmp_path, Path.cwd(), Path("/tmp")) if list(path.glob("core*"))]


def test_killing_leaves_no_process_behind(outside: Outside) -> None:
    process = start_codec()
    program = process.program_pid()
    assert program != process.pid
    process.kill()
    assert _gone(program)


def test_one_that_is_killed_while_it_is_built_leaves_no_process_behind() -> None:
    for _ in range(5):  # the time in which bubblewrap's inner process would not hear of it is some milliseconds
        before = set(children_of(os.getpid()))
        with ThreadPoolExecutor(1) as thread:
            starting = thread.submit(start_codec)
            (bubblewrap,) = wait_until(lambda before=before: set(children_of(os.getpid())) - before, seconds=20)
            first_child(bubblewrap)
            os.kill(bubblewrap, signal.SIGKILL)
            assert isinstance(starting.exception(30), DependencyError)
        wait_until(lambda group=bubblewrap: not members_of(group), seconds=5)


def test_the_sandbox_dies_with_the_process_that_started_it() -> None:
    code = (
        "import sys, time; from reelkeep.isolation.sandbox import start_codec\n"
        "codec = start_codec(); print(codec.pid, codec.program_pid(), flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert all(_gone(pid) for pid in pids)


def test_the_memory_limit_holds(outside: Outside) -> None:
    with hostile(insecure=False, limits=Limits(data_bytes=512 << 20)) as process:
        limits = Path(f"/proc/{process.program_pid()}/limits").read_text()
    assert re.search(rf"Max data size +{512 << 20} ", limits)
    assert re.search(r"Max processes +256 ", limits)


def test_without_the_sandbox_every_start_is_said_aloud(caplog: pytest.LogCaptureFixture) -> None:
    with start_codec(insecure=True) as process:
        assert process.insecure
    assert "WITHOUT a sandbox" in caplog.text


def _gone(pid: int) -> bool:
    for _ in range(100):
        try:
            if status_of(pid)["State"].startswith("Z"):
                return True
        except FileNotFoundError:
            return True
        time.sleep(0.05)
    return False
