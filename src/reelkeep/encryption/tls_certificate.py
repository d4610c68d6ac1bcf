"""Certificates of companies' host names: looked at before they are used, or made here and signed by themselves.

Follows RFC 5280 (certificates) and RFC 6125 (names: the subject alternative names alone count).
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from reelkeep.errors import RequestError

MAX_PEM_CHARACTERS: Final = 65_536  # certificates with chains are below 10 kB
_MIN_RSA_BITS: Final = 2_048  # CA/Browser Forum, Baseline Requirements, section 6.1.5
_SELF_SIGNED_LIFE: Final = timedelta(days=365)
_CLOCKS: Final = timedelta(hours=1)  # a browser's clock may be behind ours


class CertificateRefused(RequestError):
    """The certificate or its key cannot be used."""

    code = "certificate"
    default_advice = "Ask your certificate authority for one for the company's own host names, with its whole chain."


@dataclass(frozen=True)
class TlsCertificate:
    """A certificate that can be used, with its key."""

    hosts: frozenset[str]
    chain: str  # PEM, the host's own first
    key: str = field(repr=False)  # PEM
    fingerprint: str  # SHA-256, hexadecimal
    not_after: datetime
    is_self_signed: bool


def checked(chain: str, key: str, own_hosts: Collection[str], now: datetime) -> TlsCertificate:
    """Return a certificate with its key, once it is sure that it is for these hosts and no other.

    Args:
        chain: PEM; the host's own certificate first, then each with the one that issued it.
        key: PEM, not encrypted.
        own_hosts: the host names of the company. Any other name in it, also a wildcard, is refused: the company's
            process would hold a key with which it could speak as another company's.

    Raises:
        CertificateRefused: the message holds nothing of the key.
    """
    if len(chain) > MAX_PEM_CHARACTERS or len(key) > MAX_PEM_CHARACTERS:
        raise CertificateRefused("the certificate or its key is too long")
    found, private = _certificates(chain), _private_key(key)
    own = found[0]
    if _public_bytes(own.public_key()) != _public_bytes(private.public_key()):  # type: ignore[arg-type]
        raise CertificateRefused("the key is not the certificate's", advice="Give the key it was requested with.")
    if not own.not_valid_before_utc <= now < own.not_valid_after_utc:
        raise CertificateRefused("the certificate is not valid today", advice="Have it renewed.")
    _check_chain(found)
    names = _names(own)
    if foreign := sorted(names - set(own_hosts)):
        raise CertificateRefused(
            f"the certificate is valid for {foreign[0]}, too, which is no host name of this company",
            advice=f"Have one made for {' and '.join(sorted(own_hosts))} alone; wildcards do not do.",
        )
    text = "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in found)
    fingerprint, is_self_signed = own.fingerprint(hashes.SHA256()).hex(), own.issuer == own.subject
    return TlsCertificate(names, text, _pem(private), fingerprint, own.not_valid_after_utc, is_self_signed)


def self_signed(host: str, now: datetime) -> TlsCertificate:
    """Return a fresh certificate that no browser trusts before somebody says so."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Reelkeep, self-signed")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _CLOCKS)
        .not_valid_after(now + _SELF_SIGNED_LIFE)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        # Among several that are trusted and have the same name, these two tell which one is which.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    made = builder.sign(key, hashes.SHA256())
    return checked(made.public_bytes(serialization.Encoding.PEM).decode(), _pem(key), {host}, now.astimezone(UTC))


PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def _certificates(chain: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(chain.encode())
    except ValueError:
        raise CertificateRefused("this is no certificate", advice="Give a file in PEM, with the whole chain.") from None


def _private_key(key: str) -> PrivateKey:
    try:
        found = serialization.load_pem_private_key(key.encode(), password=None)
    except TypeError:
        raise CertificateRefused("the key is encrypted", advice="Give it without a passphrase.") from None
    except (ValueError, UnicodeError):
        raise CertificateRefused("this is no private key", advice="Give a file in PEM.") from None
    if isinstance(found, rsa.RSAPrivateKey) and found.key_size < _MIN_RSA_BITS:
        raise CertificateRefused(f"the key has {found.key_size} bits, fewer than {_MIN_RSA_BITS}")
    if not isinstance(found, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise CertificateRefused("browsers take keys of RSA and of elliptic curves (ECDSA) only")
    return found


def _check_chain(found: list[x509.Certificate]) -> None:
    for one, issuer in itertools.pairwise(found):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            raise CertificateRefused(
                "the chain is not in order", advice="Put the host's own certificate first, then its issuers."
            ) from None


def _names(certificate: x509.Certificate) -> frozenset[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        names = x509.SubjectAlternativeName([])
    except ValueError:
        raise CertificateRefused("the certificate's names cannot be read") from None
    hosts = frozenset(name.lower().removesuffix(".") for name in names.get_values_for_type(x509.DNSName))
    if not hosts:
        raise CertificateRefused("the certificate is for no host name")
    if addresses := names.get_values_for_type(x509.IPAddress):
        return hosts | {str(one) for one in addresses}
    return hosts


def _public_bytes(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _pem(key: PrivateKey) -> str:
    secret = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret).decode()
