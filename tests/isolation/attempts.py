"""What a process that was taken over tries. Each attempt returns what it got, or raises OSError if it was refused.

Run as a program it makes the same attempts outside every barrier: ``python -m tests.isolation.attempts JSON``.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import resource
import socket
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import psycopg

SECONDS = 3.0
LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
MAP_NORESERVE = 0x4000  # <bits/mman-linux.h>
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000


def _called(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def connect(host: str, port: int) -> str:
    with socket.create_connection((host, port), SECONDS) as sock:
        return sock.recv(5).decode()


def fetch(url: str) -> str:
    """By the proxy that the process was told of, if it was, as every client of ours does."""
    try:
        with urllib.request.urlopen(url, timeout=SECONDS) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        raise ConnectionRefusedError(error.code) from None


def tunnel(host: str, port: int, seconds: float = SECONDS) -> str:
    """By CONNECT, as TLS clients do; without a proxy directly."""
    proxy = urllib.request.getproxies().get("https")
    if proxy is None:
        return connect(host, port)
    at = urllib.parse.urlsplit(proxy)
    with socket.create_connection((str(at.hostname), at.port or 0), seconds) as sock:
        sock.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n".encode())
        got = b""
        while b"\r\n\r\n" not in got and (more := sock.recv(4_096)):
            got += more
        head, _, rest = got.partition(b"\r\n\r\n")
        if b" 200 " not in head:
            raise ConnectionRefusedError(head.decode())
        return (rest or sock.recv(5)).decode()


def fetch_tls(url: str, authority: str) -> str:
    """By TLS, and by the proxy; the server's certificate is checked."""
    context = ssl.create_default_context(cadata=authority)
    with urllib.request.urlopen(url, timeout=SECONDS, context=context) as answer:
        return str(answer.read().decode())


def fetch_by_sdk(url: str) -> str:
    from botocore.config import Config
    from botocore.session import Session

    client = Session().create_client(
        "s3", region_name="eu-west-1", endpoint_url=url, verify=False, aws_access_key_id="a", aws_secret_access_key="b",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )  # fmt: skip
    return str(client.get_object(Bucket="acme", Key="k")["Body"].read().decode())


def fetch_by_obstore(url: str) -> str:
    from obstore.store import HTTPStore

    store = HTTPStore.from_url(
        url, client_options={"allow_invalid_certificates": True}, retry_config={"max_retries": 0}
    )
    return bytes(store.get("k").bytes()).decode()


def look_up(name: str, server: str, port: int) -> str:
    """Send a name to somebody in a datagram, as a resolver would: a way to tell a secret by asking."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(SECONDS)
        sock.connect((server, port))
        sock.send(name.encode())
        return sock.recv(64).decode()


def connect_path(path: str) -> str:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sock:
        sock.settimeout(SECONDS)
        sock.connect(path)
    return "connected"


def connect_abstract(name: str) -> str:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(SECONDS)
        sock.connect(f"\0{name}")
    return "connected"


def database(conninfo: str) -> str:
    try:
        with psycopg.connect(conninfo, connect_timeout=3) as conn:
            return str(conn.execute("SELECT current_database()").fetchone())
    except psycopg.OperationalError as error:
        raise ConnectionRefusedError(str(error)) from None


def read(path: str) -> str:
    with open(path, "rb") as file:
        return f"{len(file.read(64))} bytes"


def read_memory(pid: int) -> str:
    """As /proc lets whoever may trace it."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps:
        begin = int(next(line for line in maps if " r" in line).partition("-")[0], 16)
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(begin)
        return f"{len(memory.read(16))} bytes"


def write(folder: str) -> str:
    path = f"{folder}/reelkeep-attack-{os.getpid()}"
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    os.unlink(path)
    return "written"


def trace(pid: int) -> str:
    _called(LIBC.ptrace(PTRACE_ATTACH, pid, 0, 0))
    os.waitpid(pid, 0)
    _called(LIBC.ptrace(PTRACE_DETACH, pid, 0, 0))
    return "attached"


def signal(pid: int) -> str:
    os.kill(pid, 0)
    return "alive"


def fork() -> str:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "forked"


def execute(program: str) -> str:
    return subprocess.run([program], check=True, timeout=10).args[0]


def mount(folder: str) -> str:
    _called(LIBC.mount(b"none", folder.encode(), b"tmpfs", 0, None))
    _called(LIBC.umount2(folder.encode(), 0))
    return "mounted"


def new_namespace() -> str:
    """Leave the mounts that were made for this process."""
    _called(LIBC.unshare(CLONE_NEWNS))
    return "left"


def enter_namespace(pid: int) -> str:
    """Go back into another process's network."""
    with open(f"/proc/{pid}/ns/net", "rb") as namespace:
        _called(LIBC.setns(namespace.fileno(), CLONE_NEWNET))
    return "entered"


def raise_limit() -> str:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    more = resource.RLIM_INFINITY if hard != resource.RLIM_INFINITY else hard
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (more, more))
    except ValueError as error:
        raise PermissionError(str(error)) from None
    return "raised"


def take_memory(size_bytes: int) -> str:
    """Reserve it without touching it: nobody else is to suffer from a test."""
    with mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | MAP_NORESERVE):
        return "reserved"


def take_descriptors(count: int) -> str:
    taken = []
    try:
        while len(taken) < count:
            taken.append(os.dup(0))
    finally:
        for each in taken:
            os.close(each)
    return "taken"


ATTEMPTS: Mapping[str, Callable[..., str]] = {
    one.__name__: one
    for one in (
        connect, fetch, fetch_tls, fetch_by_sdk, fetch_by_obstore, tunnel, look_up, connect_path, connect_abstract,
        database, read, read_memory, write, trace,
        signal, fork, execute, mount, new_namespace, enter_namespace, raise_limit, take_memory, take_descriptors,
    )
}  # fmt: skip


def outcomes(attempts: Sequence[Sequence[Any]]) -> dict[str, str]:
    """Return attempt (as JSON) to what it got, or "refused: ..."."""
    found = {}
    for attempt in attempts:
        name, *arguments = attempt
        try:
            got = ATTEMPTS[name](*arguments)
        except OSError as error:
            got = f"refused: {error!r}"
        found[json.dumps(attempt)] = got
    return found


if __name__ == "__main__":
    print(json.dumps(outcomes(json.loads(sys.argv[1]))))
