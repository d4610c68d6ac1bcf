"""A zygote with warm generators and roles for tests: `python -m tests.isolation.zygote_of_tests --orders-fd N`."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from reelkeep.isolation.lifetime import die_with
from reelkeep.isolation.zygote import main

_libc = ctypes.CDLL(None, use_errno=True)


def warm() -> None:
    """Use every random generator once, as an import might."""
    ssl.RAND_bytes(1)
    ec.generate_private_key(ec.SECP256R1())


def hello_random() -> str:
    """Return the random of a ClientHello (RFC 8446, 4.1.2): behind 5 bytes of record, 4 of handshake, 2 of version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = context.wrap_bio(incoming, outgoing, server_hostname="x")
    with contextlib.suppress(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()[11:43].hex()


def ticket_keys() -> str:
    """Return the session ticket keys of a fresh server context (SSL_CTRL_GET_TLSEXT_TICKET_KEYS, <openssl/tls1.h>)."""
    import _ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    library = ctypes.CDLL(_ssl.__file__)
    library.SSL_CTX_ctrl.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p]
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__)  # PySSLContext.ctx
    keys = ctypes.create_string_buffer(80)
    assert library.SSL_CTX_ctrl(pointer, 58, 80, keys) == 1
    return keys.raw.hex()


def randoms() -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    return {
        "openssl": ssl.RAND_bytes(16).hex(),
        "private key": hex(key.private_numbers().private_value),
        "hello": hello_random(),
        "ticket keys": ticket_keys(),
        "urandom": os.urandom(16).hex(),
    }


def attempts() -> dict[str, Any]:
    """Try what a process that was taken over would."""

    def unshare() -> None:
        if _libc.unshare(0x10000000):
            raise OSError(ctypes.get_errno(), "unshare")

    tried: dict[str, Callable[[], Any]] = {
        "fork": os.fork,
        "exec": lambda: os.execv("/bin/true", ["true"]),
        "user namespace": unshare,
        "write": lambda: Path("/tmp/written-by-a-company").write_text("x"),
        "read /etc/shadow": lambda: Path("/etc/shadow").read_bytes(),
        "become root": lambda: os.setuid(0),
    }
    done = []
    for name, attempt in tried.items():
        with contextlib.suppress(OSError):
            attempt()
            done.append(name)
    return {"done": done}


def facts() -> dict[str, Any]:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    return {
        "pid": os.getpid(),
        "uids": list(os.getresuid()) + list(os.getresgid()) + os.getgroups(),
        "open": [number for number in range(256) if _is_open(number)],
        "dumpable": _libc.prctl(3, 0, 0, 0, 0),
        "status": status,
    }


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def tell(what: Callable[[], dict[str, Any]]) -> Callable[[socket.socket], None]:
    def work(link: socket.socket) -> None:
        link.recv(1)
        die_with(0)
        link.sendall(json.dumps(what()).encode() + b"\n")
        link.recv(1)

    return work


def sleep(link: socket.socket) -> None:
    link.recv(1)
    die_with(0)
    link.sendall(b"{}\n")
    time.sleep(600)


if __name__ == "__main__":
    warm()
    main({"randoms": tell(randoms), "facts": tell(facts), "attempts": tell(attempts), "sleep": sleep})
