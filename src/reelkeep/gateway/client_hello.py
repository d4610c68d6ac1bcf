"""Finds the server name in the first bytes of a TLS connection. Pure; no I/O.

Follows RFC 8446, sections 4.1.2 and 5.1 (ClientHello, which may be spread over records), and RFC 6066, section 3
(server name). Nothing else of the ClientHello is understood: TLS itself is spoken by the company's process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reelkeep.companies.hosts import normal_host

MAX_HELLO_BYTES: Final = 16_384  # with its record headers; browsers send 2 kB with post-quantum key shares
_RECORD_HEADER_BYTES: Final = 5
_MAX_RECORD_BYTES: Final = 1 << 14  # RFC 8446, section 5.1
_HANDSHAKE, _CLIENT_HELLO = 22, 1
_FIXED_BYTES: Final = 2 + 32  # legacy_version and random
_SERVER_NAME, _HOST_NAME = 0, 0
_FATAL: Final = 2

UNRECOGNIZED_NAME: Final = 112  # RFC 6066, section 3
INTERNAL_ERROR: Final = 80  # RFC 8446, section 6.2


class NotTls(Exception):
    """The bytes are no ClientHello, or a larger one than anybody sends."""


@dataclass(frozen=True)
class Incomplete:
    """More bytes are needed: so many at least, counted from the first."""

    needed_bytes: int


def server_name(first: bytes) -> str | Incomplete:
    """Return the host name that a ClientHello asks for, lower case and without final dot; "" if it names none.

    >>> server_name(bytes.fromhex("160301"))
    Incomplete(needed_bytes=5)

    Raises:
        NotTls: close the connection.
    """
    message = _handshake(first)
    return message if isinstance(message, Incomplete) else _name(message)


def alert(description: int) -> bytes:
    """Return the record of a fatal alert.

    >>> alert(UNRECOGNIZED_NAME).hex()
    '15030300020270'
    """
    return bytes([21, 3, 3, 0, 2, _FATAL, description])


def _handshake(first: bytes) -> bytes | Incomplete:
    """Return the body of the ClientHello, put together from its records."""
    gathered, at = bytearray(), 0
    while True:
        header = first[at : at + _RECORD_HEADER_BYTES]
        if (header and header[0] != _HANDSHAKE) or (len(header) > 1 and header[1] != 3):
            raise NotTls
        if len(header) < _RECORD_HEADER_BYTES:
            return _more(at + _RECORD_HEADER_BYTES)
        length = int.from_bytes(header[3:])
        if not 0 < length <= _MAX_RECORD_BYTES:
            raise NotTls
        at += _RECORD_HEADER_BYTES
        gathered += first[at : at + length]
        if gathered and gathered[0] != _CLIENT_HELLO:
            raise NotTls
        if len(first) < at + length:
            return _more(at + length)
        at += length
        if len(gathered) >= 4 and len(gathered) >= 4 + (size := int.from_bytes(gathered[1:4])):
            return bytes(gathered[4 : 4 + size])


def _more(needed_bytes: int) -> Incomplete:
    if needed_bytes > MAX_HELLO_BYTES:
        raise NotTls
    return Incomplete(needed_bytes)


def _name(hello: bytes) -> str:
    rest = _Bytes(hello)
    rest.take(_FIXED_BYTES)
    for length_bytes in (1, 2, 1):  # session id, cipher suites, compression methods
        rest.vector(length_bytes)
    if not rest.left:  # RFC 5246, section 7.4.1.2: there may be no extensions
        return ""
    names = [body for kind, body in _extensions(_Bytes(rest.vector(2))) if kind == _SERVER_NAME]
    if len(names) > 1:
        raise NotTls
    return _host(_Bytes(names[0])) if names else ""


def _extensions(rest: _Bytes) -> Iterator[tuple[int, bytes]]:
    while rest.left:
        kind = int.from_bytes(rest.take(2))
        yield kind, rest.vector(2)


def _host(extension: _Bytes) -> str:
    names = _Bytes(extension.vector(2))
    kind, name = names.take(1)[0], names.vector(2)
    if kind != _HOST_NAME or names.left or extension.left or b":" in name:
        raise NotTls
    return normal_host(name)


class _Bytes:
    """What is left to read; reading beyond its end raises NotTls."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise NotTls
        self._at += count
        return self._content[self._at - count : self._at]

    def vector(self, length_bytes: int) -> bytes:
        return self.take(int.from_bytes(self.take(length_bytes)))
