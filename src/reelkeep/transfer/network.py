"""HTTP for clients: names below ``localhost`` are reached on 127.0.0.1 without asking a resolver, and errors are ours.

RFC 6761, section 6.3 reserves the names; many resolvers do not know those with a label before it.
"""

from __future__ import annotations

import functools
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from reelkeep.errors import DependencyError

TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)


class LoopbackTransport(httpx.HTTPTransport):
    """Connects to 127.0.0.1 for ``*.localhost`` and sends the name in Host."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "localhost" or request.url.host.endswith(".localhost"):
            request.extensions = {**request.extensions, "sni_hostname": request.url.host}
            request.url = request.url.copy_with(host="127.0.0.1")  # the Host header is made already
        return super().handle_request(request)


def client(*, connections: int = 8, base_url: str = "", authority: str | None = None) -> httpx.Client:
    """Return an HTTP client for a few parallel requests. Redirects are not followed: none is expected.

    Args:
        authority: the certificates in PEM that are trusted, and no other; None: those that the machine trusts.
    """
    trusted = ssl.create_default_context(cadata=authority) if authority is not None else _machines_trust()
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.Client(base_url=base_url, transport=LoopbackTransport(trusted, limits=limits), timeout=TIMEOUT)


@functools.cache
def _machines_trust() -> ssl.SSLContext:
    """Return what all clients of this process share: reading the certificates takes longer than most requests."""
    return httpx.create_ssl_context()


@contextmanager
def no_answer(who: str) -> Iterator[None]:
    """Raise DependencyError where ``who`` cannot be reached, resets the connection, or lets us wait too long."""
    try:
        yield
    except httpx.TransportError as error:
        raise DependencyError(f"{who} does not answer") from error
