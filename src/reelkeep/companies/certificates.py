"""The certificates of companies' host names in the registry; their keys are wrapped by the operator's keyring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping, select, true
from sqlalchemy.dialects.postgresql import insert

from reelkeep.companies import tables
from reelkeep.companies.registry import Company, announce
from reelkeep.encryption import tls_certificate
from reelkeep.encryption.keyring import Keyring
from reelkeep.encryption.tls_certificate import TlsCertificate
from reelkeep.ids import CompanyId


@dataclass(frozen=True)
class KeptCertificate:
    """A row. The wrapped key opens with the operator's keyring only."""

    host: str
    chain: str = field(repr=False)
    wrapped_key: bytes = field(repr=False)
    fingerprint: str
    not_after: datetime
    is_self_signed: bool


def hosts_of(company: Company) -> tuple[str, str]:
    """Return the names under which a company is reached: of its app and of its media."""
    return company.app_host, company.media_host


def set_certificate(
    conn: Connection, keyring: Keyring, company: Company, chain: str, key: str, now: datetime
) -> TlsCertificate:
    """Have a company's processes use a certificate for each of its names that it is valid for.

    Raises:
        CertificateRefused: it is not for this company alone, or does not do; nothing was changed.
    """
    found = tls_certificate.checked(chain, key, hosts_of(company), now)
    _keep(conn, keyring, company.id, found)
    announce(conn)
    return found


def certificates(conn: Connection, company_id: CompanyId) -> dict[str, KeptCertificate]:
    """Return a company's certificates by host name."""
    table = tables.certificates
    rows = conn.execute(select(table).where(table.c.company_id == company_id).order_by(table.c.host)).mappings()
    return {row["host"]: _kept(row) for row in rows}


def complete(conn: Connection, keyring: Keyring, company: Company) -> dict[str, KeptCertificate]:
    """Return a company's certificates; a name that has none, or whose self-signed one has ended, gets a fresh one."""
    found, now = certificates(conn, company.id), datetime.now(UTC)
    ended = {host for host, one in found.items() if one.is_self_signed and one.not_after <= now}
    if missing := set(hosts_of(company)) - (set(found) - ended):
        for host in missing:
            _keep(conn, keyring, company.id, tls_certificate.self_signed(host, now))
        return certificates(conn, company.id)
    return found


def tls_fields(keyring: Keyring, company_id: CompanyId, kept: KeptCertificate) -> Mapping[str, str | bool]:
    """Return what the process of this host name is given, the key among it."""
    key = keyring.unwrap(kept.wrapped_key, _context(company_id, kept.host)).decode()
    return {"chain": kept.chain, "key": key, "is_self_signed": kept.is_self_signed}


def _keep(conn: Connection, keyring: Keyring, company_id: CompanyId, found: TlsCertificate) -> None:
    """Write a certificate down; one that is self-signed never takes the place of one that somebody has set."""
    replaced = tables.certificates.c.is_self_signed if found.is_self_signed else true()
    for host in found.hosts:
        row = {
            "company_id": company_id,
            "host": host,
            "chain": found.chain,
            "wrapped_key": keyring.wrap(found.key.encode(), _context(company_id, host)),
            "fingerprint": found.fingerprint,
            "not_after": found.not_after,
            "is_self_signed": found.is_self_signed,
            "set_at": datetime.now(UTC),
        }
        conn.execute(
            insert(tables.certificates)
            .values(row)
            .on_conflict_do_update(index_elements=["company_id", "host"], set_=row, where=replaced)
        )


def _context(company_id: CompanyId, host: str) -> str:
    return f"tls-key:{company_id}:{host}"


def _kept(row: RowMapping) -> KeptCertificate:
    return KeptCertificate(**{name: row[name] for name in KeptCertificate.__dataclass_fields__})
