"""Where the gateway listens follows from the settings: plain and TLS are never both there."""

from __future__ import annotations

import pytest

from reelkeep.settings import Settings
from reelkeep.supervisor.ports import GatewayPorts

LOCAL = {"networks": ["127.0.0.0/8", "::1/128"], "endpoints": []}


def test_without_tls_there_is_the_plain_listener_alone() -> None:
    ports = GatewayPorts.of(Settings(), 8000)
    assert ports.listeners() == [{"address": "127.0.0.1", "port": 8000, "kind": "plain", "trusted": None}]
    assert (ports.scheme, ports.public) == ("http", 8000)


@pytest.mark.parametrize(
    ("settings", "kinds", "public"),
    [
        (Settings(tls_port=8443), {8443: "tls"}, 8443),
        (Settings(tls_proxy_port=9443, tls_public_port=443), {9443: "proxied"}, 443),
        (Settings(tls_port=8443, tls_proxy_port=9443), {8443: "tls", 9443: "proxied"}, 8443),
    ],
)
def test_with_tls_there_is_no_plain_listener(settings: Settings, kinds: dict[int, str], public: int) -> None:
    ports = GatewayPorts.of(settings, 8000)
    assert {one["port"]: one["kind"] for one in ports.listeners()} == kinds
    assert (ports.scheme, ports.public) == ("https", public)


def test_headers_are_believed_from_the_networks_that_are_set() -> None:
    default = GatewayPorts.of(Settings(tls_proxy_port=9443), 0)
    assert default.listeners()[0]["trusted"] == LOCAL
    named = GatewayPorts.of(Settings(tls_proxy_port=9443, tls_proxy_from="10.0.1.0/24,10.0.2.0/24"), 0)
    assert named.listeners()[0]["trusted"]["networks"] == ["10.0.1.0/24", "10.0.2.0/24"]
