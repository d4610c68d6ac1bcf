"""Reads the header with which a load balancer tells whose connection it passes on. Pure; no I/O.

Follows "The PROXY protocol" of HAProxy, version 2 (section 2.2), and for the endpoint id AWS's guide for Network Load
Balancers, "Proxy protocol": type 0xEA, subtype 0x01. Version 1, UDP and Unix sockets are refused.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reelkeep.companies.network_policy import is_endpoint_id
from reelkeep.gateway.client_hello import Incomplete

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
MAX_HEADER_BYTES: Final = 2_048  # the specification's own example of much is 536
_FIXED_BYTES: Final = 16
_VERSION: Final = 2
_LOCAL, _PROXY = 0, 1
_UNSPECIFIED, _STREAM = 0, 1
_ADDRESS_BYTES: Final = {1: 4, 2: 16}  # AF_INET, AF_INET6
_CRC32C, _AWS, _AWS_ENDPOINT_ID = 0x03, 0xEA, 0x01


class BadHeader(Exception):
    """It is no such header, or not one that we take; the connection is closed."""


@dataclass(frozen=True)
class ProxyHeader:
    """Whose connection it is. Without an address it is the load balancer's own: a health check."""

    length_bytes: int  # of the whole header: so many must be taken from the connection
    address: str | None = None
    port: int = 0
    endpoint_id: str | None = None  # of the PrivateLink endpoint it came through


def parse(first: bytes) -> ProxyHeader | Incomplete:
    """Return the header at the beginning of ``first``, once it is there whole.

    >>> parse(SIGNATURE + bytes([0x20, 0, 0, 0]))
    ProxyHeader(length_bytes=16, address=None, port=0, endpoint_id=None)

    Raises:
        BadHeader: as soon as it shows.
    """
    if not SIGNATURE.startswith(first[: len(SIGNATURE)]):
        raise BadHeader
    if len(first) < _FIXED_BYTES:
        return Incomplete(_FIXED_BYTES)
    version, command = divmod(first[12], 16)
    family, protocol = divmod(first[13], 16)
    length = _FIXED_BYTES + int.from_bytes(first[14:16])
    if version != _VERSION or command not in (_LOCAL, _PROXY) or length > MAX_HEADER_BYTES:
        raise BadHeader
    if len(first) < length:
        return Incomplete(length)
    if command == _LOCAL or (family, protocol) == (_UNSPECIFIED, _UNSPECIFIED):
        return ProxyHeader(length)
    if family not in _ADDRESS_BYTES or protocol != _STREAM:
        raise BadHeader
    return _addressed(first[:length], _ADDRESS_BYTES[family])


def _addressed(header: bytes, size: int) -> ProxyHeader:
    source, ports = _FIXED_BYTES, _FIXED_BYTES + 2 * size
    rest = ports + 4
    if rest > len(header):
        raise BadHeader
    endpoints = []
    for kind, at, value in _fields(header, rest):
        if kind == _CRC32C:
            _check_sum(header, at, value)
        if kind == _AWS and value[:1] == bytes([_AWS_ENDPOINT_ID]):
            endpoints.append(_endpoint_id(value[1:]))
    if len(endpoints) > 1:
        raise BadHeader
    address = ipaddress.ip_address(header[source : source + size])
    port = int.from_bytes(header[ports : ports + 2])
    return ProxyHeader(len(header), str(address), port, endpoints[0] if endpoints else None)


def _fields(header: bytes, at: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield type, place and value of each field; raise BadHeader if a length lies."""
    while at < len(header):
        value_at = at + 3
        end = value_at + int.from_bytes(header[at + 1 : value_at])
        if value_at > len(header) or end > len(header):
            raise BadHeader
        yield header[at], value_at, header[value_at:end]
        at = end


def _endpoint_id(value: bytes) -> str:
    found = value.decode("ascii", "replace")
    if not is_endpoint_id(found):
        raise BadHeader
    return found


def _check_sum(header: bytes, at: int, value: bytes) -> None:
    """Raise BadHeader unless ``value`` is the CRC-32C of the header in which it is zero (section 2.2.3)."""
    if len(value) != 4 or crc32c(header[:at] + bytes(4) + header[at + 4 :]) != int.from_bytes(value):
        raise BadHeader


def crc32c(content: bytes) -> int:
    """Return the CRC-32C (Castagnoli; RFC 3720, appendix B.4).

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    state = 0xFFFFFFFF
    for byte in content:
        state = _TABLE[(state ^ byte) & 0xFF] ^ (state >> 8)
    return state ^ 0xFFFFFFFF


def _entry(number: int) -> int:
    for _ in range(8):
        number = (number >> 1) ^ (0x82F63B78 if number & 1 else 0)
    return number


_TABLE: Final = tuple(map(_entry, range(256)))
