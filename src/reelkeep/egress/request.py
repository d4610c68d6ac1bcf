"""The head of what an HTTP client asks a proxy for: CONNECT, or a request with a whole address. Pure; no I/O.

Follows RFC 9112, sections 3.2.2 (absolute-form) and 3.2.3 (authority-form). Only the first line is read: the rest is
for the destination, to which all of it is passed on unchanged, and which must take a whole address, too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from reelkeep.companies.destinations import Destination, plain_name

MAX_HEAD_BYTES: Final = 32 << 10  # S3: 8 KB of headers, and a session's token in the address
END: Final = b"\r\n\r\n"
_HOST: Final = rb"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})"
_CONNECT: Final = re.compile(rb"CONNECT " + _HOST + rb":([0-9]{1,5}) HTTP/1\.[01]\r\n")
_ABSOLUTE: Final = re.compile(rb"[A-Z]{1,16} http://" + _HOST + rb"(?::([0-9]{1,5}))?[/?][!-~]* HTTP/1\.[01]\r\n")
_MAX_PORT: Final = 65_535
_HTTP_PORT: Final = b"80"


@dataclass(frozen=True)
class Asked:
    """What a client asks for.

    Args:
        is_tunnel: the head ends with us, and the client waits for an answer; otherwise it is for the destination.
    """

    destination: Destination
    is_tunnel: bool


def asked(head: bytes) -> Asked | None:
    """Return what a head asks for; None if it is none that a client of ours sends.

    >>> asked(b"CONNECT acme-media.s3.eu-central-1.amazonaws.com:443 HTTP/1.1\\r\\n\\r\\n")
    Asked(destination=Destination(host='acme-media.s3.eu-central-1.amazonaws.com', port=443), is_tunnel=True)
    >>> asked(b"GET http://127.0.0.1:8333/acme-media/k HTTP/1.1\\r\\n\\r\\n").destination
    Destination(host='127.0.0.1', port=8333)
    >>> asked(b"GET / HTTP/1.1\\r\\n\\r\\n")
    """
    is_tunnel = head.startswith(b"CONNECT ")
    found = (_CONNECT if is_tunnel else _ABSOLUTE).match(head)
    if found is None:
        return None
    port = int(found[2] or _HTTP_PORT)
    if not 1 <= port <= _MAX_PORT:
        return None
    return Asked(Destination(plain_name(found[1].decode("ascii")), port), is_tunnel)
