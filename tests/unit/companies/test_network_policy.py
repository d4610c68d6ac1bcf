"""Who may come in: by endpoint id alone where there is one, by address alone where there is none."""

from __future__ import annotations

import pytest

from reelkeep.companies.network_policy import MAX_ENTRIES, admits, policy_from_fields, policy_of
from reelkeep.errors import RequestError

ENDPOINT, OTHER = "vpce-0123456789abcdef0", "vpce-0123abcd"
BOTH = policy_of(["203.0.113.0/24", "2001:db8:7::/48"], [ENDPOINT])


@pytest.mark.parametrize(
    ("address", "endpoint_id", "is_admitted"),
    [
        ("203.0.113.9", None, True),
        ("203.0.114.9", None, False),
        ("::ffff:203.0.113.9", None, True),
        ("2001:db8:7:1::5", None, True),
        ("2001:db8:8::5", None, False),
        ("fe80::1%eth0", None, False),
        ("", None, False),
        ("acme", None, False),
        ("10.0.0.1", ENDPOINT, True),
        ("203.0.113.9", OTHER, False),
        ("203.0.113.9", "", False),
    ],
)
def test_a_connection_is_judged(address: str, endpoint_id: str | None, is_admitted: bool) -> None:
    assert BOTH.admits(address, endpoint_id) is is_admitted


def test_an_open_site_takes_everybody() -> None:
    assert admits(None, "198.51.100.1", None)
    assert admits(None, "198.51.100.1", OTHER)


def test_networks_alone_admit_no_endpoint_and_endpoints_alone_no_address() -> None:
    assert not policy_of(["0.0.0.0/1", "128.0.0.0/1"], []).admits("10.0.0.1", ENDPOINT)
    assert not policy_of([], [ENDPOINT]).admits("10.0.0.1", None)


@pytest.mark.parametrize(
    ("networks", "endpoints"),
    [
        ([], []),
        (["203.0.113.9/24"], []),
        (["0.0.0.0/0"], []),
        (["::/0"], []),
        (["::ffff:10.0.0.0/104"], []),
        (["acme.example.org"], []),
        (["203.0.113.0/24; DROP"], []),
        ([], ["vpce-"]),
        ([], ["vpce-0123456789ABCDEF0"]),
        ([], ["*"]),
        ([f"10.0.{number}.0/24" for number in range(MAX_ENTRIES + 1)], []),
    ],
)
def test_what_is_no_policy_is_refused_with_advice(networks: list[str], endpoints: list[str]) -> None:
    with pytest.raises(RequestError) as refused:
        policy_of(networks, endpoints)
    assert refused.value.advice()


def test_entries_are_kept_once_and_in_order() -> None:
    found = policy_of([" 10.1.0.0/16", "10.0.0.0/16", "10.1.0.0/16"], [OTHER, ENDPOINT, OTHER])
    assert found.as_fields() == {"networks": ["10.0.0.0/16", "10.1.0.0/16"], "endpoints": [ENDPOINT, OTHER]}
    assert policy_from_fields(found.as_fields()) == found
