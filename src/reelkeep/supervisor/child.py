"""One child process: how it is started, and how one learns that it has ended. Started from the main thread alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from reelkeep.errors import DependencyError

_LOOK_SECONDS: Final = 0.02
# Nothing of the operator's environment reaches a child: secrets travel in the birth frame only.
_ENVIRONMENT: Final = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "LANG": "C.UTF-8",
    "OPENBLAS_NUM_THREADS": "1",  # no threads from an import: isolation.confine must come before the first
}


@dataclass(frozen=True)
class Account:
    """A user that a service runs as when we are root."""

    uid: int
    gid: int


class Process(Protocol):
    """The part of ``subprocess.Popen`` that a child needs."""

    pid: int

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, sig: int) -> None: ...


class Adopted:
    """A process that another one has forked for us, and whose parent we are (``isolation.lifetime.adopt_orphans``).

    Args:
        on_end: called once, when it has ended and its pid is free.
    """

    def __init__(self, pid: int, on_end: Callable[[], None] = lambda: None) -> None:
        self.pid, self._on_end = pid, on_end
        self._status: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, the negative number of a signal, or None while it runs."""
        return self._look(os.WNOHANG)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raise subprocess.TimeoutExpired if that does not come within ``timeout`` seconds."""
        until = None if timeout is None else time.monotonic() + timeout
        while (status := self._look(0 if until is None else os.WNOHANG)) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired("an adopted process", timeout or 0)
            time.sleep(_LOOK_SECONDS)
        return status

    def send_signal(self, sig: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, sig)

    def _look(self, options: int) -> int | None:
        if self._status is None:
            pid, status = os.waitpid(self.pid, options)
            if pid != 0:
                self._status = os.waitstatus_to_exitcode(status)
                self._on_end()
        return self._status


class Child:
    """A process that is ours: its end, its signals."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self._process = process
        self._pidfd = os.pidfd_open(process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.poll()

    def send(self, number: signal.Signals) -> None:
        """Send a signal; one that has ended is left alone."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> bool:
        """Wait in this thread; return whether it has ended."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def stop(self, *, seconds: float, first: signal.Signals = signal.SIGTERM) -> None:
        """Ask it to end, and kill it when ``seconds`` have passed. Blocks."""
        self.send(first)
        if not self.wait(seconds):
            self.send(signal.SIGKILL)
            self.wait(seconds)

    async def ended(self) -> int:
        """Wait until it has ended; return its exit status."""
        if self._process.poll() is None:
            loop = asyncio.get_running_loop()
            woken = asyncio.Event()
            watched = os.dup(self._pidfd)  # one descriptor each: several may wait for the same child
            loop.add_reader(watched, woken.set)
            try:
                await woken.wait()
            finally:
                loop.remove_reader(watched)
                os.close(watched)
        return self._process.wait()

    async def stopped(self, *, seconds: float, first: signal.Signals = signal.SIGTERM) -> None:
        """Do as ``stop``, without blocking the loop."""
        self.send(first)
        try:
            await asyncio.wait_for(self.ended(), seconds)
        except TimeoutError:
            self.send(signal.SIGKILL)
            await self.ended()

    def __del__(self) -> None:
        with contextlib.suppress(OSError, AttributeError):
            os.close(self._pidfd)


def spawn(
    name: str,
    program: Sequence[str],
    *,
    directory: Path | None = None,
    log: Path | None = None,
    account: Account | None = None,
    reach: Sequence[Path] = (),
    death_signal: signal.Signals | None = None,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start a program.

    Args:
        program: path and arguments; no secret may be among them.
        directory: working directory.
        log: file that gets its output; None: the supervisor's own stderr.
        account: the user it runs as, if the supervisor is root.
        reach: files and folders that the account must get at, even below a folder it may not pass.
        death_signal: sent by the kernel when the supervisor dies; set for programs that do not set it themselves.
    """
    if death_signal is not None:
        program = [*_launch(death_signal, account, reach), *program]
    with _output(log) as output:
        process = subprocess.Popen(
            program,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if log else None,
            cwd=directory,
            env=_ENVIRONMENT,
            pass_fds=tuple(pass_fds),
            start_new_session=True,  # Ctrl-C reaches the supervisor only, which stops all in order
        )
    return Child(name, process)


def unprivileged_account(*names: str) -> Account:
    """Return the first of these users that exists; raise DependencyError if none does."""
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise DependencyError(f"there is no user {names[0]} to run a service as", advice="Add it as a system user.")


def python_module(module: str) -> list[str]:
    """Return the command of one of our own modules: isolated from the caller's variables and folder.

    ``-B``: no process of ours but the supervisor, which sees no media, writes as much as compiled code to a disk.
    """
    return [sys.executable, "-I", "-B", "-m", module]


def _launch(death_signal: signal.Signals, account: Account | None, reach: Sequence[Path]) -> list[str]:
    command = [*python_module("reelkeep.supervisor.launch"), "--parent", str(os.getpid())]
    command += ["--death-signal", str(int(death_signal))]
    if account is not None:
        command += ["--uid", str(account.uid), "--gid", str(account.gid)]
        command += [f"--reach={path.resolve()}" for path in reach]
    return [*command, "--"]


@contextlib.contextmanager
def _output(log: Path | None) -> Iterator[int | None]:
    if log is None:
        yield None
        return
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
