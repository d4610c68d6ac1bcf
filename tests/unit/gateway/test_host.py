"""Finding the host name in the first bytes of a request."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reelkeep.companies.hosts import normal_host
from reelkeep.gateway.host import MAX_HEAD_BYTES, Head, find_host

REQUEST = b"GET /a?b=Host: HTTP/1.1\r\nAccept: */*\r\nhOsT:\tAcme.Localhost:8000 \r\nCookie: a\r\n\r\nHost: evil\r\n"


def test_the_host_is_found_as_soon_as_its_line_is_there_and_not_before() -> None:
    end = REQUEST.index(b"Cookie")
    for length in range(end):
        assert find_host(REQUEST[:length]) is Head.INCOMPLETE
    for length in range(end, len(REQUEST)):
        assert find_host(REQUEST[:length]) == "acme.localhost"


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost:\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 300 + b"\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\nHost: a\r\n",
        b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n",
        b"\x16\x03\x01" + b"\0" * MAX_HEAD_BYTES,
    ],
)
def test_what_names_no_host_is_said_to_name_none(head: bytes) -> None:
    assert find_host(head) is Head.NO_HOST


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=400))
def test_any_bytes_are_judged_without_an_error(head: bytes) -> None:
    assert find_host(head) in (Head.INCOMPLETE, Head.NO_HOST) or isinstance(find_host(head), str)


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=80))
def test_a_normal_host_stays_the_same(value: bytes) -> None:
    name = normal_host(value)
    assert normal_host(name.encode()) in (name, "") if ":" in name else normal_host(name.encode()) == name
