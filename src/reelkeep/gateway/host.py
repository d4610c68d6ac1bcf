"""Finds the host name in the first bytes of a plain HTTP request. Pure; no I/O. Follows RFC 9112, section 3.2.

It looks for the first Host field only. What else the request holds is checked by the company's process, which also
refuses a request with two Host fields.
"""

from __future__ import annotations

import enum
from typing import Final

from reelkeep.companies.hosts import normal_host

MAX_HEAD_BYTES: Final = 8_192


class Head(enum.Enum):
    INCOMPLETE = "incomplete"  # wait for more bytes
    NO_HOST = "no_host"  # the fields have ended, or they cannot be a request's


def find_host(head: bytes) -> str | Head:
    """Return the host name, lower case and without port, once its field is there whole.

    >>> find_host(b"GET / HTTP/1.1\\r\\nHost: Acme.localhost:8000\\r\\n")
    'acme.localhost'
    >>> find_host(b"GET / HTTP/1.1\\r\\nHost: Acme.loc")
    <Head.INCOMPLETE: 'incomplete'>
    """
    lines = head.split(b"\r\n")
    for line in lines[1:-1]:
        name, colon, value = line.partition(b":")
        if not colon:
            return Head.NO_HOST
        if name.lower() == b"host":
            return normal_host(value) or Head.NO_HOST
    return Head.NO_HOST if len(head) >= MAX_HEAD_BYTES else Head.INCOMPLETE
