"""Where the processes of a company may connect to: its buckets' stores, its key service, its database. Pure; no I/O.

Names and ports, as the clients themselves look for them: S3's addresses are shared by all its customers, so a bucket is
its own virtual-hosted name; an isolated one is asked at the platform's interface endpoint, and links for people name
another one, which nobody here connects to. STS is not among them: sessions come from the broker in the supervisor. A
database or a store on a Unix socket is no destination.
"""

from __future__ import annotations

import ipaddress
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url

from reelkeep.isolation.network import DATABASE_PORT, LOOPBACK
from reelkeep.storage.interface import StorageConnection
from reelkeep.storage.signature import address_at

_PORTS: Final = {"http": 80, "https": 443}
_OLD_REGION: Final = "us-east-1"  # the SDK's name for a bucket there has no region in it
MAX_DESTINATIONS: Final = 256


@dataclass(frozen=True, order=True)
class Destination:
    host: str  # lower case, without a dot at its end; an address without brackets
    port: int


def destinations_of(connections: Iterable[StorageConnection], dsn: str) -> list[Destination]:
    """Return where processes of a company with these connections and this database may connect to, in order."""
    found = {each for connection in connections for each in (*_stores(connection), *_key_services(connection))}
    database = database_of(dsn)
    return sorted(found | ({database} if database else set()))[:MAX_DESTINATIONS]


def database_of(dsn: str) -> Destination | None:
    """Return where a company's database is; None if it is reached by a Unix socket.

    >>> database_of("postgresql+psycopg://acme@/acme?host=/run/postgresql&port=5432")
    >>> database_of("postgresql+psycopg://acme@/acme?host=db.acme.example&port=6432")
    Destination(host='db.acme.example', port=6432)
    """
    url = make_url(dsn)
    host = url.query.get("host") or url.host
    if not isinstance(host, str) or host.startswith(("/", "@")):
        return None
    port = url.query.get("port") or url.port
    return Destination(plain_name(host), int(port) if isinstance(port, str | int) else DATABASE_PORT)


def socket_folder(dsn: str) -> Path | None:
    """Return the folder of the Unix socket by which a company's database is reached; None if it is on a network."""
    host = make_url(dsn).query.get("host")
    return Path(host) if isinstance(host, str) and host.startswith("/") else None


def forwarded(dsn: str) -> str:
    """Return the address of the database for a process that has left the network: through what listens there.

    The host's name stays, since TLS checks the server's certificate against it.
    """
    if database_of(dsn) is None:
        return dsn
    url: URL = make_url(dsn).update_query_dict({"hostaddr": LOOPBACK, "port": str(DATABASE_PORT)})
    return url.render_as_string(hide_password=False)


def plain_name(host: str) -> str:
    """Return a host name as names are compared.

    >>> plain_name("Acme-Media.S3.Amazonaws.com."), plain_name("[::1]")
    ('acme-media.s3.amazonaws.com', '::1')
    """
    return host.lower().removesuffix(".").removeprefix("[").removesuffix("]")


def _stores(connection: StorageConnection) -> list[Destination]:
    if connection.platform_url is None:
        suffix = "amazonaws.com.cn" if connection.region.startswith("cn-") else "amazonaws.com"
        names = [f"s3.{connection.region}.{suffix}"]
        names += [f"s3.{suffix}"] if connection.region == _OLD_REGION else []
        # A name with a dot in it has no certificate as a virtual host: clients ask for it by its path.
        by_path = connection.path_style or "." in connection.bucket
        return [Destination(name if by_path else f"{connection.bucket}.{name}", _PORTS["https"]) for name in names]
    if _is_address((found := _of_url(connection.platform_url)).host):
        return [found]
    return [_of_url(address_at(connection.platform_url, connection.bucket, path_style=connection.path_style).origin)]


def _key_services(connection: StorageConnection) -> list[Destination]:
    if connection.wrapping_key is None:
        return []
    if connection.sts_endpoint_url is not None:
        return [_of_url(connection.sts_endpoint_url)]
    suffix = "amazonaws.com.cn" if connection.region.startswith("cn-") else "amazonaws.com"
    return [Destination(f"kms.{connection.region}.{suffix}", _PORTS["https"])]


def _of_url(url: str) -> Destination:
    found = urllib.parse.urlsplit(url)
    return Destination(plain_name(found.hostname or ""), found.port or _PORTS.get(found.scheme, 0))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
