"""Whether a process may connect: its company's list has the name and port, and the name leads to the internet. Pure.

A name is judged before it is looked up, and each address that it led to before a connection is made to that same
address: a name that leads elsewhere the next time is judged anew. Addresses that are not of the public internet
(private, loopback, link-local with the clouds' metadata services, and what wraps one of them) are for names refused
unless the operator named their network. An address that stands in the list itself was named by the operator; the
link-local ones among them need the network all the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from reelkeep.companies.destinations import Destination
from reelkeep.companies.network_policy import plain_address

_LOCAL_NAME: Final = "localhost"  # RFC 6761, section 6.3: it leads to loopback, whoever answers
_NAT64: Final = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in its last 32 bits
# Amazon's metadata service over IPv6 and its resolver's; unique local addresses, so private already. Said for clarity.
METADATA: Final = (IPv4Address("169.254.169.254"), IPv6Address("fd00:ec2::254"))

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Judgement:
    """What one company may connect to.

    Args:
        networks: not of the public internet, but named by the operator: names of the list may lead there.
    """

    def __init__(self, listed: Iterable[Destination], networks: Iterable[Network] = ()) -> None:
        self._listed, self._networks = frozenset(listed), tuple(networks)

    def lists(self, destination: Destination) -> bool:
        """Tell whether the list has this name, or address, and port."""
        return destination in self._listed

    def admits(self, destination: Destination, address: str) -> bool:
        """Tell whether a destination of the list may be reached at this address, to which it led.

        >>> judgement = Judgement([Destination("s3.acme.example", 443), Destination("127.0.0.1", 8333)])
        >>> judgement.admits(Destination("s3.acme.example", 443), "169.254.169.254")
        False
        >>> judgement.admits(Destination("127.0.0.1", 8333), "127.0.0.1")
        True
        """
        found = plain_address(address)
        if not self.lists(destination) or found is None:
            return False
        if any(found in network for network in self._networks):
            return True
        if found.is_link_local or found in METADATA:
            return False
        if plain_address(destination.host) == found or (_is_local(destination.host) and found.is_loopback):
            return True
        return is_public(found)


def _is_local(host: str) -> bool:
    return host == _LOCAL_NAME or host.endswith(f".{_LOCAL_NAME}")


def is_public(address: Address) -> bool:
    """Tell whether an address is one of the public internet, and wraps none that is not.

    >>> [is_public(IPv4Address(each)) for each in ("192.0.43.8", "10.0.0.1", "224.0.0.1")]
    [True, False, False]
    >>> is_public(IPv6Address("64:ff9b::a00:1"))
    False
    """
    if isinstance(address, IPv6Address):
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified
