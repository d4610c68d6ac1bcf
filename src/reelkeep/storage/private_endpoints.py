"""Private ways to a bucket: the interface endpoints by which an isolated connection is reached. Pure; no I/O.

Follows the Amazon S3 User Guide, "AWS PrivateLink for Amazon S3", November 2026: an endpoint has a name of its own,
which AWS shows as ``*.vpce-1a2b3c4d-5e6f.s3.us-east-1.vpce.amazonaws.com``; buckets are asked for below
``bucket.vpce-...``, where ``bucket`` is that very word. Not verified on AWS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from reelkeep.errors import StorageSetupError

_NAME: Final = re.compile(
    r"(?:\*|bucket)\.(?P<rest>(?P<id>vpce-(?:[0-9a-f]{8}|[0-9a-f]{17}))-[a-z0-9-]{1,60}"
    r"\.s3\.(?P<region>[a-z0-9-]{5,30})\.vpce\.amazonaws\.com(?:\.cn)?)"
)


@dataclass(frozen=True)
class PrivateEndpoints:
    """The two names by which an isolated bucket is asked; nobody of ours uses its public one.

    Args:
        clients: of the endpoint in the company's network: links for people carry it. An origin, without a path.
        platform: of the endpoint in the operator's network: the platform's own requests go there.
    """

    clients: str
    platform: str

    @property
    def client_endpoint_id(self) -> str | None:
        """The id that ``aws:SourceVpce`` has for people's requests; None where it is no endpoint of AWS."""
        found = _NAME.fullmatch(urlsplit(self.clients).hostname or "")
        return found["id"] if found else None


def private_endpoints(clients: str, platform: str, *, region: str, public_url: str | None) -> PrivateEndpoints:
    """Return the endpoints that a person wrote down.

    >>> name = "*.vpce-0123456789abcdef0-1a2b3c4d.s3.eu-west-1.vpce.amazonaws.com"
    >>> private_endpoints(name, name, region="eu-west-1", public_url=None).clients
    'https://bucket.vpce-0123456789abcdef0-1a2b3c4d.s3.eu-west-1.vpce.amazonaws.com'

    Args:
        public_url: of an S3-compatible store, whose private names are its operator's to choose; None: AWS.

    Raises:
        StorageSetupError: one is missing, is public, or lies in another region than the bucket.
    """
    if public_url is None:
        return PrivateEndpoints(_on_aws(clients, region), _on_aws(platform, region))
    return PrivateEndpoints(_elsewhere(clients, public_url), _elsewhere(platform, public_url))


def _on_aws(text: str, region: str) -> str:
    name = text.strip().removeprefix("https://").rstrip("/")
    found = _NAME.fullmatch(name)
    if found is None:
        raise StorageSetupError(
            f"{text[:120]!r} is no name of an interface endpoint for S3",
            advice="Copy the first DNS name that AWS shows for the endpoint: *.vpce-....s3.REGION.vpce.amazonaws.com.",
        )
    if found["region"] != region:
        raise StorageSetupError(
            f"the endpoint lies in {found['region']}, the bucket in {region}",
            advice="Make an interface endpoint for S3 in the bucket's own region.",
        )
    return f"https://bucket.{found['rest']}"


def _elsewhere(text: str, public_url: str) -> str:
    found = urlsplit(text.strip().rstrip("/"))
    if found.scheme not in ("http", "https") or not found.netloc or found.path or found.query:
        raise StorageSetupError(
            f"{text[:120]!r} is no address of a store", advice="Write it as https://store.internal."
        )
    if found.netloc == urlsplit(public_url).netloc:
        raise StorageSetupError(
            f"{found.netloc} is the store's public address", advice="Name the address that your own network has for it."
        )
    return f"{found.scheme}://{found.netloc}"
