"""The server name is found however a ClientHello is cut, and nothing that is none makes the parser fail or wait."""

from __future__ import annotations

import random

import pytest
from tests.services.hellos import client_hello, extension, in_records, made_hello, name_extension

from reelkeep.gateway.client_hello import MAX_HELLO_BYTES, Incomplete, NotTls, server_name

GREASE = extension(0x0A0A, b""), extension(0xFAFA, b"\x00")  # RFC 8701
REFUSED = {
    "plain HTTP": b"GET / HTTP/1.1\r\n",
    "an SSL 2 hello": bytes.fromhex("802e0100020015000000100100800300800700c0"),
    "another record": b"\x17\x03\x03\x00\x10" + bytes(16),
    "an empty record": b"\x16\x03\x01\x00\x00",
    "a record that is too long": b"\x16\x03\x01\x40\x01",
    "another message": b"\x16\x03\x01\x00\x04\x02\x00\x00\x00",
    "an empty hello": b"\x16\x03\x01\x00\x04\x01\x00\x00\x00",
    "a name that is longer than its extension": made_hello(extension(0, b"\x00\x09\x00\x00\x20acme.x")),
    "two names": made_hello(extension(0, b"\x00\x08\x00\x00\x01a\x00\x00\x01b")),
    "two name extensions": made_hello(name_extension(b"acme.localhost"), name_extension(b"borealis.localhost")),
    "a name of another kind": made_hello(name_extension(b"acme.localhost", kind=1)),
    "a name with a port": made_hello(name_extension(b"acme.localhost:443")),
    "an empty name extension": made_hello(extension(0, b"")),
    "extensions that are longer than the message": made_hello(GREASE[0], extensions_bytes=90),
}


def test_the_name_of_a_real_client_is_found() -> None:
    assert server_name(client_hello("acme.localhost")) == "acme.localhost"


def test_a_client_that_names_nobody_asks_for_nobody() -> None:
    assert server_name(client_hello(None)) == ""


@pytest.mark.parametrize(
    ("name", "found"),
    [
        (b"ACME.LocalHost", "acme.localhost"),
        (b"acme.localhost.", "acme.localhost"),
        (b"a b", ""),
        (b"\xff\xfe", ""),
        (b"", ""),
        (b"a" * 256, ""),
    ],
)
def test_a_name_is_made_normal(name: bytes, found: str) -> None:
    assert server_name(made_hello(*GREASE, name_extension(name))) == found


def test_every_cut_asks_for_more_and_never_for_more_than_there_will_be() -> None:
    whole = in_records(client_hello("acme.localhost"), 1, 2, 40, 7)
    for cut in range(len(whole)):
        found = server_name(whole[:cut])
        assert isinstance(found, Incomplete)
        assert cut < found.needed_bytes <= len(whole)
    assert server_name(whole) == "acme.localhost"


def test_what_follows_the_hello_is_left_alone() -> None:
    assert server_name(client_hello("acme.localhost") + b"\x14\x03\x03\x00\x01\x01") == "acme.localhost"


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_hello_is_refused(what: str) -> None:
    with pytest.raises(NotTls):
        server_name(REFUSED[what])


def test_a_hello_without_end_is_refused_within_its_bound() -> None:
    message = b"\x01\xff\xff\xff" + bytes(1 << 16)
    endless = b"".join(b"\x16\x03\x01\x04\x00" + message[at : at + 1024] for at in range(0, 1 << 16, 1024))
    needed = [found.needed_bytes for at in range(0, MAX_HELLO_BYTES, 1029) if (found := _incomplete(endless[:at]))]
    assert len(needed) > 10
    assert max(needed) <= MAX_HELLO_BYTES
    with pytest.raises(NotTls):
        server_name(endless[:MAX_HELLO_BYTES])


def _incomplete(first: bytes) -> Incomplete | None:
    try:
        found = server_name(first)
    except NotTls:
        return None
    assert isinstance(found, Incomplete)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_altered_hellos_have_a_name_or_none_or_are_refused(seed: int) -> None:
    chance = random.Random(seed)
    originals = [client_hello("acme.localhost"), in_records(client_hello("acme.localhost"), 3, 50)]
    outcomes = set()
    for _ in range(1_500):
        altered = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 4)):
            altered[chance.randrange(len(altered))] = chance.randrange(256)
        if chance.random() < 0.3:
            del altered[chance.randrange(len(altered)) :]
        try:
            found = server_name(bytes(altered))
        except NotTls:
            outcomes.add("refused")
            continue
        assert isinstance(found, str) or len(altered) < found.needed_bytes <= MAX_HELLO_BYTES
        outcomes.add(type(found).__name__)
    assert outcomes == {"refused", "str", "Incomplete"}
