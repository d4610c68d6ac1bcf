"""What a zygote does: it has everything imported that its children need, and forks on the supervisor's request.

It knows no company: the link of a new process only passes through its hands, and whose it is comes over the link to
the new process, at once or when somebody needs it. Before the first fork it holds no TLS context, no key and no thread,
which its children would share, and it says so by refusing to begin otherwise. It is single-threaded and waits in
``recvmsg``.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from reelkeep.errors import IsolationError
from reelkeep.isolation.apart import Order, fork_apart
from reelkeep.isolation.hygiene import harden
from reelkeep.isolation.lifetime import die_with, peer_of
from reelkeep.isolation.seccomp import confining_filter
from reelkeep.isolation.title import set_title

Work = Callable[[socket.socket], None]  # with its link
UNBORN: Final = "reelkeep.isolation.unborn"  # the title of a process that has no company yet
_MAX_ORDER_BYTES: Final = 64 << 10


def main(roles: Mapping[str, Work], rehearsals: Mapping[str, Callable[[], None]] | None = None) -> None:
    """Fork until the supervisor is gone; in a new process, do its work.

    Args:
        roles: what a process of each role does; whatever it needs should be imported already.
        rehearsals: what one of a role does first, if it is forked ahead of time.
    """
    parser = argparse.ArgumentParser(prog="zygote")
    parser.add_argument("--orders-fd", type=int, required=True)
    parser.add_argument("--insecure-no-sandbox", action="store_true")
    options = parser.parse_args()
    orders = socket.socket(fileno=options.orders_fd)
    try:
        die_with(peer_of(orders))
        harden()
        _compile_filter(is_demanded=not options.insecure_no_sandbox)
        check_empty()
    except IsolationError as error:
        raise SystemExit(error.message) from None
    gc.disable()
    gc.collect()
    gc.freeze()  # a collection in a child would write to pages that all share
    if (
        work := _fork_on_request(orders, roles, rehearsals or {}, is_demanded=not options.insecure_no_sandbox)
    ) is not None:
        work()


def check_empty() -> None:
    """Raise IsolationError if this process has something already that no two companies may share."""
    if len(os.listdir("/proc/self/task")) != 1:
        raise IsolationError("the zygote has threads: an import has started them")
    if any(isinstance(one, ssl.SSLContext) for one in gc.get_objects()):
        raise IsolationError("the zygote has a TLS context: companies would take each other's sessions")


def _compile_filter(*, is_demanded: bool) -> None:
    """Compile the filter of system calls once, for all that are forked."""
    try:
        confining_filter()
    except IsolationError as error:
        if is_demanded:
            raise
        print(f"zygote: {error.message}", file=sys.stderr)


def _fork_on_request(
    orders: socket.socket,
    roles: Mapping[str, Work],
    rehearsals: Mapping[str, Callable[[], None]],
    *,
    is_demanded: bool,
) -> Callable[[], None] | None:
    """Return the work of a new process, in it; None in the zygote, once it is no longer wanted."""
    _say(orders, ready=True)
    while True:
        words, descriptors, _, _ = socket.recv_fds(orders, _MAX_ORDER_BYTES, 1)
        if not words:
            return None
        fields = json.loads(words)
        try:
            pid = fork_apart(_order(fields, is_demanded=is_demanded), descriptors)
        except IsolationError as error:
            reply: dict[str, object] = {"error": error.message, "advice": error.advice()}
        else:
            if pid is None:
                orders.detach()  # closed already, and its number may be another's
                set_title(UNBORN)
                gc.enable()
                if fields["is_ahead"] and (rehearse := rehearsals.get(fields["role"])) is not None:
                    rehearse()
                return partial(roles[fields["role"]], socket.socket(fileno=descriptors[0]))
            reply = {"pid": pid}
        for descriptor in descriptors:
            os.close(descriptor)
        _say(orders, **reply)


def _order(fields: Mapping[str, Any], *, is_demanded: bool) -> Order:
    return Order(
        uid=fields["uid"],
        reach=[Path(path) for path in fields["reach"]],
        covered=[Path(path) for path in fields["covered"]],
        uncovered=Path(fields["uncovered"]) if fields["uncovered"] is not None else None,
        max_data_bytes=fields["max_data_bytes"],
        is_demanded=is_demanded,
    )


def _say(orders: socket.socket, **fields: object) -> None:
    orders.send(json.dumps(fields).encode())
