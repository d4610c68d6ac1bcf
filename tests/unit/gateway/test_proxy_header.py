"""PROXY headers of version 2, byte by byte as HAProxy's specification and AWS's guide have them."""

from __future__ import annotations

import random

import pytest

from reelkeep.gateway.client_hello import Incomplete
from reelkeep.gateway.proxy_header import MAX_HEADER_BYTES, BadHeader, ProxyHeader, crc32c, parse

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")
V4 = bytes([203, 0, 113, 9, 192, 0, 2, 1]) + (50_000).to_bytes(2) + (443).to_bytes(2)
V6 = bytes.fromhex("20010db8000000000000000000000007" + "20010db8000000000000000000000001") + b"\xc3\x50\x01\xbb"
ENDPOINT = b"vpce-0123456789abcdef0"


def header(body: bytes, *, command: int = 0x21, family: int = 0x11, length: int | None = None) -> bytes:
    claimed = len(body) if length is None else length
    return SIGNATURE + bytes([command, family]) + claimed.to_bytes(2) + body


def field(kind: int, value: bytes, length: int | None = None) -> bytes:
    return bytes([kind]) + (len(value) if length is None else length).to_bytes(2) + value


def with_sum(*fields: bytes) -> bytes:
    """Return a header whose CRC-32C is right."""
    empty = header(V4 + field(3, bytes(4)) + b"".join(fields))
    at = 16 + len(V4) + 3
    return empty[:at] + crc32c(empty).to_bytes(4) + empty[at + 4 :]


AWS = field(0xEA, b"\x01" + ENDPOINT)
TAKEN = {
    "IPv4": (header(V4), ("203.0.113.9", None)),
    "IPv6": (header(V6, family=0x21), ("2001:db8::7", None)),
    "an endpoint": (header(V4 + AWS), ("203.0.113.9", ENDPOINT.decode())),
    "an endpoint among others": (
        header(V4 + field(4, b"") + field(0x01, b"h2") + AWS + field(0x20, b"x")),
        ("203.0.113.9", ENDPOINT.decode()),
    ),
    "another field of AWS's": (header(V4 + field(0xEA, b"\x02abc")), ("203.0.113.9", None)),
    "a sum that is right": (with_sum(AWS), ("203.0.113.9", ENDPOINT.decode())),
    "the balancer's own": (header(b"", command=0x20, family=0x00), (None, None)),
    "the balancer's own with bytes": (header(V4, command=0x20), (None, None)),
    "one without an address": (header(AWS, family=0x00), (None, None)),
}
REFUSED = {
    "version 1": b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 443\r\n",
    "TLS without a header": bytes.fromhex("160301"),
    "version 3": header(V4, command=0x31),
    "another command": header(V4, command=0x22),
    "UDP": header(V4, family=0x12),
    "a Unix socket": header(bytes(216), family=0x31),
    "an unknown family": header(V4, family=0x41),
    "too short for its addresses": header(V4[:-1]),
    "too short for IPv6": header(V4, family=0x21),
    "too long": header(b"", length=MAX_HEADER_BYTES),
    "a field that ends early": header(V4 + field(0xEA, b"\x01abc", length=5)),
    "a field without length": header(V4 + b"\xea\x00"),
    "two endpoints": header(V4 + AWS + AWS),
    "an endpoint without id": header(V4 + field(0xEA, b"\x01")),
    "an endpoint that is none": header(V4 + field(0xEA, b"\x01vpce-0123456789abcdef0, vpce-1")),
    "a sum that is wrong": with_sum(AWS)[:-1] + b"1",
    "a sum that is short": header(V4 + field(3, b"\x00\x00")),
}


@pytest.mark.parametrize("what", TAKEN)
def test_headers_say_whose_connection_it_is(what: str) -> None:
    whole, (address, endpoint_id) = TAKEN[what]
    found = parse(whole + b"\x16\x03\x01")
    assert isinstance(found, ProxyHeader)
    assert (found.address, found.endpoint_id, found.length_bytes) == (address, endpoint_id, len(whole))


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_such_header_is_refused(what: str) -> None:
    with pytest.raises(BadHeader):
        parse(REFUSED[what])


@pytest.mark.parametrize("what", TAKEN)
def test_a_header_cut_at_any_byte_is_waited_for_and_not_beyond_its_end(what: str) -> None:
    whole, _ = TAKEN[what]
    for cut in range(len(whole)):
        found = parse(whole[:cut])
        assert isinstance(found, Incomplete)
        assert cut < found.needed_bytes <= len(whole)


def test_a_wrong_byte_of_the_signature_is_seen_at_once() -> None:
    for at in range(len(SIGNATURE)):
        with pytest.raises(BadHeader):
            parse(SIGNATURE[:at] + bytes([SIGNATURE[at] ^ 1]))


def test_altered_headers_are_taken_or_refused_and_nothing_else() -> None:
    chance, originals = random.Random(5), [whole for whole, _ in TAKEN.values()]
    for _ in range(5_000):
        altered = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 3)):
            altered[chance.randrange(len(altered))] = chance.randrange(256)
        try:
            found = parse(bytes(altered))
        except BadHeader:
            continue
        assert isinstance(found, Incomplete) or found.length_bytes <= len(altered)
