"""Takes a process out of the machine's network: from then on it has an empty one, and two ways out that others hold.

In the new network namespace nothing is there but its own loopback. Two sockets listen on it, and the process gives
both away: the egress process takes the connections that come in there, outside, and decides where they may lead. So
the process itself forwards nothing and needs no thread for it, and what it got before or gets handed over later keeps
working: a socket belongs to the namespace in which it was made. Follows network_namespaces(7), user_namespaces(7) and
netdevice(7). Unix sockets with a path are reached as before; abstract ones are not.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path
from typing import Final

from reelkeep.errors import IsolationError

LOOPBACK: Final = "127.0.0.1"
HTTP_PORT: Final = 3128  # by habit a proxy's; nothing else can listen in this namespace
DATABASE_PORT: Final = 5432
_BACKLOG: Final = 128
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000  # <linux/sched.h>
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1  # <linux/sockios.h>, <linux/if.h>
_IFREQ: Final = struct.Struct("16sh22x")
# What urllib, botocore and Rust's reqwest go by, each in its own right; a library that does not reaches nobody.
_PROXY_VARIABLES: Final = ("http_proxy", "https_proxy")


def leave_network() -> tuple[socket.socket, socket.socket]:
    """Enter an empty network for good; return what listens in it: for HTTP clients, and for the database's.

    Call it in the only thread, before the process is made undumpable, and give both sockets away.

    Raises:
        IsolationError: the kernel refuses namespaces; the process must end. ``advice()`` is for the operator.
    """
    try:
        _unshare()
        _raise_loopback()
        listening = _listen(HTTP_PORT), _listen(DATABASE_PORT)
    except OSError as error:
        raise IsolationError(
            f"a process could not be given a network of its own: {error.strerror}",
            advice="Let Reelkeep make network namespaces: run it as root, or allow user namespaces "
            "(sysctl user.max_user_namespaces=10000).",
        ) from error
    os.environ.update(dict.fromkeys(_PROXY_VARIABLES, f"http://{LOOPBACK}:{HTTP_PORT}"))
    return listening


def _unshare() -> None:
    """Leave the network namespace; without the right to, get it in a user namespace with the same user in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) == 0:
        return
    if ctypes.get_errno() != errno.EPERM:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny", encoding="ascii")
    (own / "uid_map").write_text(f"{uid} {uid} 1", encoding="ascii")
    (own / "gid_map").write_text(f"{gid} {gid} 1", encoding="ascii")


def _raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, _IFREQ.pack(b"lo", 0))
        flags = _IFREQ.unpack(answer)[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _IFREQ.pack(b"lo", flags | _IFF_UP))


def _listen(port: int) -> socket.socket:
    listener = socket.create_server((LOOPBACK, port), backlog=_BACKLOG)
    listener.setblocking(False)
    return listener
