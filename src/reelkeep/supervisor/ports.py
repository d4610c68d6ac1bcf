"""Free loopback ports, and those of the gateway.

Free ports stay free: they lie below the range from which the kernel takes ports for outgoing connections.
"""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from typing import Any, Final

from reelkeep.companies.network_policy import NetworkPolicy, policy_of
from reelkeep.errors import DependencyError
from reelkeep.settings import Settings

_FIRST, _LAST = 12_000, 31_999  # Linux's ip_local_port_range begins at 32,768
_TRIES: Final = 1_000
_claims: list[int] = []  # descriptors that are never closed


def free_ports(count: int) -> list[int]:
    """Return ``count`` different ports that nobody listens on at this moment.

    No other process of this machine is given one of them by this function, until this one ends: who takes ports at
    the same time does not take the same ones. Raises DependencyError if there are not as many.
    """
    found: list[int] = []
    for _ in range(_TRIES):
        if len(found) == count:
            return found
        port = _FIRST + secrets.randbelow(_LAST - _FIRST)
        if claim(port, if_free=True):
            found.append(port)
    raise DependencyError(
        f"too few ports between {_FIRST} and {_LAST} are free",
        advice="End programs of this machine that listen on them, and start again.",
    )


def claim(port: int, *, if_free: bool = False) -> bool:
    """Have ``free_ports`` of other processes leave a port alone while this one lives; return False if it is claimed.

    Args:
        if_free: only if nobody has it; return False otherwise.
    """
    kept = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        kept.bind(f"\0reelkeep-port-{port}")  # abstract: it ends with its process, and is the network namespace's
        if if_free:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
    except OSError:
        kept.close()
        return False
    _claims.append(kept.detach())
    return True


def is_taken(port: int) -> bool:
    """Tell whether somebody listens on a port of the loopback address now; what only lingers there does not count."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@dataclass(frozen=True)
class GatewayPorts:
    """Where the gateway listens: in plain HTTP, or with TLS directly or behind a load balancer or both."""

    address: str
    plain: int | None
    tls: int | None
    proxied: int | None
    public: int  # in the companies' addresses
    trusted: NetworkPolicy  # whose PROXY headers are believed

    @classmethod
    def of(cls, settings: Settings, last_port: int) -> GatewayPorts:
        """Return the ports that the settings name; a free one for each 0.

        Args:
            last_port: of the last start; taken where the settings name no plain port.
        """
        trusted = policy_of(settings.tls_proxy_from.split(","), ())
        if not settings.is_tls:
            port = (settings.port if settings.port is not None else last_port) or free_ports(1)[0]
            claim(port)
            return cls(settings.address, port, None, None, port, trusted)
        tls, proxied = (
            port if port != 0 else free_ports(1)[0] for port in (settings.tls_port, settings.tls_proxy_port)
        )
        public = settings.tls_public_port or tls or proxied
        assert public is not None
        return cls(settings.tls_address, None, tls, proxied, public, trusted)

    @property
    def scheme(self) -> str:
        return "http" if self.plain is not None else "https"

    def listeners(self) -> list[dict[str, Any]]:
        """Return the listeners of the gateway's birth."""
        return [
            {"address": self.address, "port": port, "kind": kind, "trusted": trusted}
            for port, kind, trusted in (
                (self.plain, "plain", None),
                (self.tls, "tls", None),
                (self.proxied, "proxied", self.trusted.as_fields()),
            )
            if port is not None
        ]

    def as_fields(self) -> dict[str, int | None]:
        """Return what the ready line says of them."""
        return {"port": self.plain or self.tls or self.proxied, "proxied_port": self.proxied}
