"""The two filters, tried on a real process each."""

import errno
import subprocess
import sys
import textwrap

import pytest

from reelkeep.isolation.seccomp import lockdown_filter, starting_filter


def tried(program: bytes, code: str) -> str:
    """Load a filter in a fresh Python and return what ``code`` prints there."""
    script = f"""
        import os, sys, socket, threading, ctypes, errno, mmap
        from reelkeep.isolation.inside import close_doors
        def errno_of(attempt):
            try:
                attempt()
            except OSError as error:
                return error.errno
            return 0
        close_doors(bytes.fromhex(sys.argv[1]))
        {code}
        sys.stdout.flush()
        os._exit(0)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script), program.hex()], capture_output=True, text=True, timeout=60
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("program", [starting_filter(), lockdown_filter()], ids=["starting", "lockdown"])
def test_no_filter_lets_a_socket_or_a_process_be_made(program: bytes) -> None:
    assert tried(program, "print(errno_of(socket.socket), errno_of(os.fork))") == f"{errno.EPERM} {errno.EPERM}"


def test_threads_and_memory_and_talk_still_work_behind_closed_doors() -> None:
    code = "t = threading.Thread(target=lambda: print(len(bytearray(1 << 24)))); t.start(); t.join()"
    assert tried(lockdown_filter(), code) == str(1 << 24)


def test_files_can_be_opened_only_before_the_doors_are_closed() -> None:
    assert tried(starting_filter(), "print(errno_of(lambda: open('/etc/passwd').close()))") == "0"
    assert tried(lockdown_filter(), "print(errno_of(lambda: open('/etc/passwd')))") == str(errno.EPERM)


def test_nothing_can_be_executed_behind_closed_doors() -> None:
    assert tried(lockdown_filter(), "print(errno_of(lambda: os.execv('/bin/true', ['true'])))") == str(errno.EPERM)


def test_memory_cannot_become_executable_behind_closed_doors() -> None:
    code = "print(errno_of(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)))"
    assert tried(starting_filter(), code) == "0"
    assert tried(lockdown_filter(), code) == str(errno.EPERM)
