"""Where a company's process may connect to."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from reelkeep.companies.destinations import Destination
from reelkeep.egress.judgement import Judgement, is_public

STORE = Destination("acme-media.s3.eu-central-1.amazonaws.com", 443)
TYPED = Destination("10.0.0.5", 9000)
LOCAL = Destination("localhost", 8333)
METADATA = Destination("169.254.169.254", 80)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "::1", "0.0.0.0", "::", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "fe80::1%eth0", "fd00:ec2::254", "fc00::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001:0:53aa:64c:0:0:80ff:fffe", "224.0.0.1", "ff02::1", "240.0.0.1",
        "255.255.255.255", "192.0.2.1", "198.18.0.1", "", "s3.example", "0x7f.1", "127.1",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_than_to_the_internet_leads_nowhere(address: str) -> None:
    assert not Judgement([STORE]).admits(STORE, address)


@pytest.mark.parametrize("address", ["52.219.0.1", "2a05:d070:e000::1", "::ffff:52.219.0.1", "64:ff9b::34db:1"])
def test_a_name_of_the_list_that_leads_to_the_internet_is_reached(address: str) -> None:
    assert Judgement([STORE]).admits(STORE, address)


@pytest.mark.parametrize(
    "destination",
    [
        Destination("borealis-media.s3.eu-central-1.amazonaws.com", 443),
        Destination("s3.eu-central-1.amazonaws.com", 443),
        Destination(STORE.host, 80),
        Destination(f"{STORE.host}.leak.example", 443),
    ],
)
def test_another_name_or_port_is_not_reached_wherever_it_leads(destination: Destination) -> None:
    judgement = Judgement([STORE], [ip_network("10.0.0.0/8")])
    assert not judgement.lists(destination)
    assert not judgement.admits(destination, "52.219.0.1")


def test_a_typed_address_and_localhost_are_what_they_say_and_no_more() -> None:
    judgement = Judgement([TYPED, LOCAL, METADATA])
    assert judgement.admits(TYPED, "10.0.0.5")
    assert not judgement.admits(TYPED, "10.0.0.6")
    assert judgement.admits(LOCAL, "127.0.0.1")
    assert not judgement.admits(LOCAL, "10.0.0.5")
    assert not judgement.admits(METADATA, "169.254.169.254")


def test_a_private_network_that_the_operator_named_is_open_to_names_of_the_list_alone() -> None:
    judgement = Judgement([STORE], [ip_network("10.20.0.0/16")])
    assert judgement.admits(STORE, "10.20.1.1")
    assert not judgement.admits(STORE, "10.21.1.1")
    assert not judgement.admits(Destination("10.20.1.1", 443), "10.20.1.1")


def test_an_address_that_wraps_another_is_judged_by_it() -> None:
    assert is_public(ip_address("64:ff9b::808:808"))
    assert not is_public(ip_address("64:ff9b::c0a8:101"))
