"""What a proxy is asked for: hostile first lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reelkeep.companies.destinations import Destination
from reelkeep.egress.refusals import MAX_DESTINATIONS, OTHERS, UNREADABLE, Refusals
from reelkeep.egress.request import asked
from reelkeep.supervisor.refused_exits import is_refusal


@pytest.mark.parametrize(
    "line",
    [
        "GET / HTTP/1.1", "CONNECT host HTTP/1.1", "CONNECT host:0 HTTP/1.1", "CONNECT host:65536 HTTP/1.1",
        "CONNECT user@host:443 HTTP/1.1", "CONNECT  host:443 HTTP/1.1", "CONNECT host:443 HTTP/2.0",
        "GET https://host/ HTTP/1.1", "GET http://user@host/ HTTP/1.1", "GET http://host:99999/ HTTP/1.1",
        "GET http://ho st/ HTTP/1.1", "GET http://host\\@other/ HTTP/1.1", "GET http:///path HTTP/1.1",
        "CONNECT h\u00f6st:443 HTTP/1.1", "CONNECT host:443\x00 HTTP/1.1", f"CONNECT {'a' * 256}:443 HTTP/1.1",
    ],
)  # fmt: skip
def test_a_line_that_no_client_of_ours_sends_is_refused(line: str) -> None:
    assert asked(f"{line}\r\n\r\n".encode()) is None


def test_names_are_compared_as_names_are() -> None:
    found = asked(b"CONNECT Acme-Media.S3.Amazonaws.COM.:443 HTTP/1.0\r\n\r\n")
    assert found is not None
    assert found.destination == Destination("acme-media.s3.amazonaws.com", 443)
    six = asked(b"GET http://[::1]:8333/k?x=1 HTTP/1.1\r\nhost: other\r\n\r\n")
    assert six is not None
    assert six.destination == Destination("::1", 8333)


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(head: bytes) -> None:
    for start in (b"", b"CONNECT ", b"GET http://"):
        asked(start + head + b"\r\n\r\n")


@given(st.lists(st.binary(max_size=40), max_size=120))
def test_what_is_counted_is_bounded_and_holds_nothing_that_a_page_would_take_for_more(heads: list[bytes]) -> None:
    counts = Refusals()
    for head in heads:
        found = asked(b"CONNECT " + head + b":443 HTTP/1.1\r\n\r\n")
        counts.count("acme", found.destination if found else None)
    taken = counts.taken().get("acme", {})
    assert len(taken) <= MAX_DESTINATIONS + 1
    assert all(is_refusal(name, count) for name, count in taken.items())
    assert sum(taken.values()) == len(heads)


def test_names_beyond_the_bound_are_counted_together() -> None:
    counts = Refusals()
    for number in range(MAX_DESTINATIONS + 7):
        counts.count("acme", Destination(f"host-{number}", 443))
    counts.count("acme", None)
    taken = counts.taken()["acme"]
    assert taken[OTHERS] == 8
    assert UNREADABLE not in taken
