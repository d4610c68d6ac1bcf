"""A certificate authority for tests."""

from __future__ import annotations

import ipaddress
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LIFE = timedelta(days=30)


class Authority:
    """Issues certificates for whatever names it is asked."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test authority")
        built = self._builder(self._name, self._key.public_key())
        self.certificate = built.add_extension(x509.BasicConstraints(True, None), critical=True).sign(
            self._key, hashes.SHA256()
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue(self, *names: str | ipaddress.IPv4Address, key: Any = None) -> tuple[str, str]:
        """Return the chain, the authority's own certificate last, and the key."""
        private = key or ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(_name("Test host"), private.public_key())
        if names:
            entries = [
                x509.DNSName(name) if isinstance(name, str) else x509.IPAddress(name)  # type: ignore[arg-type]
                for name in names
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(entries), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = builder.add_extension(issuer, critical=False).sign(self._key, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM).decode() + self.pem, pem_of(private)

    def _builder(self, subject: x509.Name, public_key: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder(self._name, subject, public_key, x509.random_serial_number())
            .not_valid_before(self._now - LIFE)
            .not_valid_after(self._now + LIFE)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
        )


def pem_of(key: Any, passphrase: bytes | None = None) -> str:
    hidden = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    pem: bytes = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, hidden)
    return pem.decode()


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
