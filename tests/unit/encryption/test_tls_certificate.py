"""A certificate is used only if it is for the company's own host names, and no other, today, with its own key."""

from __future__ import annotations

import contextlib
import ipaddress
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from tests.services.authority import Authority, pem_of

from reelkeep.encryption.tls_certificate import CertificateRefused, checked, self_signed
from reelkeep.web.tls import context_of

NOW = datetime(2026, 11, 26, tzinfo=UTC)
OWN = ("acme.example.org", "acme-media.example.org")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


def test_one_for_both_names_with_its_chain_is_taken(authority: Authority) -> None:
    chain, key = authority.issue(*OWN)
    found = checked(chain, key, OWN, NOW)
    assert (found.hosts, found.is_self_signed) == (frozenset(OWN), False)
    assert found.chain.count("BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize(
    "names",
    [
        (*OWN, "borealis.example.org"),
        ("*.example.org",),
        ("*.acme.example.org", OWN[0]),
        ("borealis.example.org",),
        (OWN[0], ipaddress.ip_address("192.0.2.1")),
        (),
    ],
    ids=["another's too", "all siblings", "all below", "another's", "an address", "nobody's"],
)
def test_one_that_is_valid_for_others_is_refused(
    authority: Authority, names: tuple[str | ipaddress.IPv4Address, ...]
) -> None:
    chain, key = authority.issue(*names)
    with pytest.raises(CertificateRefused):
        checked(chain, key, OWN, NOW)


@pytest.mark.parametrize("now", [NOW - timedelta(days=400), NOW + timedelta(days=400)], ids=["early", "late"])
def test_one_that_is_not_valid_today_is_refused(authority: Authority, now: datetime) -> None:
    chain, key = authority.issue(*OWN)
    with pytest.raises(CertificateRefused, match="today"):
        checked(chain, key, OWN, now)


def test_a_key_of_another_certificate_is_refused_and_not_shown(authority: Authority) -> None:
    chain, _ = authority.issue(*OWN)
    _, other = authority.issue(*OWN)
    with pytest.raises(CertificateRefused) as refused:
        checked(chain, other, OWN, NOW)
    assert other.splitlines()[1] not in f"{refused.value!r} {refused.value.message} {refused.value.advice()}"


def test_a_chain_in_the_wrong_order_is_refused(authority: Authority) -> None:
    chain, key = authority.issue(*OWN)
    other, _ = Authority(NOW).issue(*OWN)
    with pytest.raises(CertificateRefused, match="order"):
        checked(
            chain.partition("-----END CERTIFICATE-----\n")[0] + "-----END CERTIFICATE-----\n" + other, key, OWN, NOW
        )


def test_keys_that_browsers_do_not_take_are_refused(authority: Authority) -> None:
    for key in (ed25519.Ed25519PrivateKey.generate(), rsa.generate_private_key(65_537, 1_024)):
        chain, pem = authority.issue(*OWN, key=key)
        with pytest.raises(CertificateRefused):
            checked(chain, pem, OWN, NOW)


def test_an_encrypted_key_is_refused_with_words(authority: Authority) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    chain, _ = authority.issue(*OWN, key=key)
    with pytest.raises(CertificateRefused, match="encrypted"):
        checked(chain, pem_of(key, b"a pass phrase"), OWN, NOW)


@pytest.mark.parametrize("text", ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_pem_is_refused(authority: Authority, text: str) -> None:
    chain, key = authority.issue(*OWN)
    with pytest.raises(CertificateRefused):
        checked(text, key, OWN, NOW)
    with pytest.raises(CertificateRefused):
        checked(chain, text, OWN, NOW)


def test_one_made_here_is_for_its_name_alone_and_hides_its_key() -> None:
    made = self_signed(OWN[0], NOW)
    assert (made.hosts, made.is_self_signed) == (frozenset({OWN[0]}), True)
    assert made.key not in repr(made)
    assert made.not_after > NOW + timedelta(days=360)


def test_of_several_that_sign_themselves_each_is_found_among_those_trusted() -> None:
    made = {host: self_signed(host, NOW) for host in ("acme.localhost", "acme-media.localhost")}
    trust = ssl.create_default_context(cadata="".join(one.chain for one in made.values()))
    for host, one in made.items():
        server_context = context_of(one.chain, one.key)
        to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = trust.wrap_bio(to_client, to_server, server_hostname=host)
        server = server_context.wrap_bio(to_server, to_client, server_side=True)
        for _ in range(3):
            for end in (client, server):
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
        assert client.getpeercert()["subjectAltName"] == (("DNS", host),)
