"""Network namespaces joined by virtual cables: real packets from a studio and from the internet to the platform.

A namespace lives as long as a process in it, so nothing is left behind whatever happens to the test. The platform's
two cables lead to networks that do not know each other; nothing is forwarded.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import pytest

CLONE_NEWNET = 0x40000000  # sched.h
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """One namespace.

    Args:
        pid: of the process that holds it.
        host: the last part of its addresses.
    """

    name: str
    pid: int
    host: int

    @property
    def inside(self) -> Sequence[str]:
        """Return what to put before a command that is to run there."""
        return ["nsenter", f"--net={self._path}"]

    @property
    def _path(self) -> str:
        return f"/proc/{self.pid}/ns/net"

    def run(self, *command: str) -> None:
        ended = subprocess.run([*self.inside, *command], capture_output=True, text=True, check=False, timeout=10)
        if ended.returncode:
            raise OSError(f"{' '.join(command)}: {ended.stderr.strip()}")

    def do(self, work: Callable[[], T]) -> T:
        """Return what ``work`` returns in a thread that has moved there; a socket stays where it was made."""

        def moved() -> T:
            with open(self._path) as namespace:
                if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            return work()

        with ThreadPoolExecutor(1) as thread:
            return thread.submit(moved).result()

    def connected(self, address: str, port: int) -> socket.socket:
        """Return a connection from there."""
        return self.do(lambda: socket.create_connection((address, port), timeout=10))


@dataclass(frozen=True)
class Networks:
    """The namespaces; ``studio`` is 203.0.113.10 and 2001:db8:1::10, ``internet`` 198.51.100.10 and 2001:db8:2::10."""

    platform: Place
    studio: Place
    internet: Place

    def platform_from(self, place: Place, *, version: int = 4) -> str:
        """Return the platform's address on the cable to a place."""
        return _addresses(place.name, 1)[0 if version == 4 else 1]

    def address_of(self, place: Place, *, version: int = 4) -> str:
        return _addresses(place.name, place.host)[0 if version == 4 else 1]


def _addresses(network: str, host: int) -> tuple[str, str]:
    """Return the IPv4 and the IPv6 address of a host. RFC 5737 and RFC 3849: for documentation, routed nowhere."""
    first, second = {"studio": ("203.0.113", "2001:db8:1"), "internet": ("198.51.100", "2001:db8:2")}[network]
    return f"{first}.{host}", f"{second}::{host}"


@contextlib.contextmanager
def networks() -> Iterator[Networks]:
    """Make the namespaces and join them. Raises OSError where that is not allowed."""
    with contextlib.ExitStack() as stack:
        made = {}
        for name, host in (("platform", 1), ("studio", 10), ("internet", 10)):
            made[name] = Place(name, stack.enter_context(_namespace()), host)
            made[name].run("ip", "link", "set", "lo", "up")
        one = Networks(**made)
        for place in (one.studio, one.internet):
            _join(one.platform, place)
        yield one


@pytest.fixture(scope="module")
def world() -> Iterator[Networks]:
    """The namespaces, for the tests of one file."""
    try:
        with networks() as one:
            yield one
    except OSError as error:
        pytest.skip(f"network namespaces are not allowed here: {error}")


def _join(platform: Place, place: Place) -> None:
    far = f"to-{place.name}"
    platform.run("ip", "link", "add", far, "type", "veth", "peer", "name", "eth0", "netns", str(place.pid))
    for where, device, host in ((platform, far, 1), (place, "eth0", place.host)):
        for address, bits in zip(_addresses(place.name, host), (24, 64), strict=True):
            # Without duplicate address detection an IPv6 address can be used at once.
            where.run("ip", "address", "add", f"{address}/{bits}", "dev", device, *(["nodad"] if bits == 64 else []))
        where.run("ip", "link", "set", device, "up")


@contextlib.contextmanager
def _namespace() -> Iterator[int]:
    """Hold a namespace by a process that ends when its input does; give its pid."""
    ours = os.readlink("/proc/self/ns/net")
    command = ["unshare", "--net", "sh", "-c", "echo; exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        if not holder.stdout.readline():  # it says so once it has moved
            raise OSError(holder.communicate()[1].decode().strip())
        assert os.readlink(f"/proc/{holder.pid}/ns/net") != ours
        yield holder.pid
