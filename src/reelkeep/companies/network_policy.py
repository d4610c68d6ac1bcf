"""From where a company's site may be reached: the whole internet, or given networks and PrivateLink endpoints. Pure.

A connection that came through a PrivateLink endpoint is judged by the endpoint's id alone, because private addresses of
different AWS customers are the same; any other by its address alone.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Final

from reelkeep.errors import RequestError
from reelkeep.storage.private_endpoints import PrivateEndpoints

MAX_ENTRIES: Final = 60  # so many fit into a session policy of STS beside what it allows (2,048 characters)
MAX_NETWORK_CHARACTERS: Final = 900  # of all networks together; IPv6 has long ones
_ENDPOINT_ID: Final = re.compile(r"vpce-(?:[0-9a-f]{8}|[0-9a-f]{17})")  # Amazon EC2 API, resource ids


@dataclass(frozen=True)
class NetworkPolicy:
    """What a closed site is open to. A site that is open to everybody has none."""

    networks: tuple[IPv4Network | IPv6Network, ...]
    endpoints: tuple[str, ...]  # ids of PrivateLink endpoints

    def admits(self, address: str, endpoint_id: str | None) -> bool:
        """Tell whether a connection may come in; an address that is none may not."""
        if endpoint_id is not None:
            return endpoint_id in self.endpoints
        found = plain_address(address)
        return found is not None and any(found in network for network in self.networks)

    def as_fields(self) -> dict[str, list[str]]:
        """Return it as JSON."""
        return {"networks": [str(one) for one in self.networks], "endpoints": list(self.endpoints)}


def admits(policy: NetworkPolicy | None, address: str, endpoint_id: str | None) -> bool:
    """Tell whether a connection may come in; None: the site is open to everybody."""
    return policy is None or policy.admits(address, endpoint_id)


def links_from_of(policy: NetworkPolicy | None, private: PrivateEndpoints | None = None) -> tuple[str, ...]:
    """Return from where alone a site's links into a bucket are good; (): from everywhere.

    A store sees public addresses alone, so private networks and endpoints of the site say nothing to it. Links into an
    isolated bucket are good through its own endpoint alone, whether the site is closed or not.

    >>> links_from_of(policy_of(["10.0.0.0/8", "198.41.0.0/24"], []))
    ('198.41.0.0/24',)
    """
    if private is not None and private.client_endpoint_id is not None:
        return (private.client_endpoint_id,)
    return tuple(str(network) for network in policy.networks if network.is_global) if policy else ()


def policy_details(policy: NetworkPolicy | None) -> dict[str, str | bool]:
    """Return the details of an audit event that tells of a change.

    >>> policy_details(None)
    {'open': True, 'networks': '', 'endpoints': ''}
    """
    networks, endpoints = (policy.networks, policy.endpoints) if policy else ((), ())
    return {"open": policy is None, "networks": " ".join(map(str, networks)), "endpoints": " ".join(endpoints)}


def policy_of(networks: Iterable[str], endpoints: Iterable[str]) -> NetworkPolicy:
    """Return the policy that a person wrote down, in order and each entry once.

    >>> policy_of(["198.51.100.7", "2001:db8::/32"], []).as_fields()
    {'networks': ['198.51.100.7/32', '2001:db8::/32'], 'endpoints': []}

    Raises:
        RequestError: an entry is none, there are too many, or none at all, which would shut everybody out.
    """
    read = sorted({_network(text) for text in networks}, key=lambda one: (one.version, one))
    ids = sorted({_endpoint(text) for text in endpoints})
    if not read and not ids:
        raise RequestError("a closed site needs a network or an endpoint", advice="Name one, or open the site.")
    if len(read) + len(ids) > MAX_ENTRIES or sum(len(str(one)) for one in read) > MAX_NETWORK_CHARACTERS:
        raise RequestError(
            f"these are more than {MAX_ENTRIES} networks and endpoints", advice="Join networks that lie side by side."
        )
    return NetworkPolicy(tuple(read), tuple(ids))


def policy_from_fields(fields: Mapping[str, Any] | None) -> NetworkPolicy | None:
    """Return what ``as_fields`` wrote down; None for None."""
    return None if fields is None else policy_of(fields["networks"], fields["endpoints"])


def is_endpoint_id(text: str) -> bool:
    """Tell whether this is the id of a VPC endpoint.

    >>> is_endpoint_id("vpce-0123456789abcdef0"), is_endpoint_id("vpce-")
    (True, False)
    """
    return _ENDPOINT_ID.fullmatch(text) is not None


def plain_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return an address without what the socket adds: no zone, and IPv4 as such where it came in IPv6's clothes.

    >>> str(plain_address("::ffff:192.0.2.1")), str(plain_address("fe80::1%eth0")), plain_address("acme")
    ('192.0.2.1', 'fe80::1', None)
    """
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found


def _network(text: str) -> IPv4Network | IPv6Network:
    try:
        found = ipaddress.ip_network(text.strip())
    except ValueError:
        raise RequestError(
            f"{text[:60]!r} is no network", advice="Write it as 203.0.113.0/24 or 2001:db8::/32, without host bits."
        ) from None
    if found.prefixlen == 0:
        raise RequestError(f"{text[:60]} is every address there is", advice="Open the site instead.")
    if isinstance(found, IPv6Network) and found.network_address.ipv4_mapped is not None:
        raise RequestError(f"{text[:60]} is an IPv4 network written as IPv6", advice="Write it as IPv4.")
    return found


def _endpoint(text: str) -> str:
    if not is_endpoint_id(text.strip()):
        raise RequestError(f"{text[:60]!r} is no endpoint id", advice="Write it as vpce-0123456789abcdef0.")
    return text.strip()
