"""Presigned requests by Signature Version 4. Pure; no I/O.

Follows the Amazon S3 API reference, "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)". The
SDK takes longer over one link than the store over its request, and a folder of frames needs thousands of them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from reelkeep.storage.interface import StsSession

ALGORITHM: Final = "AWS4-HMAC-SHA256"
MAX_SECONDS: Final = 604_800  # X-Amz-Expires
_UNRESERVED: Final = "-._~"


@dataclass(frozen=True)
class BucketAddress:
    """Where the objects of a bucket are.

    Args:
        origin: "https://acme-media.s3.amazonaws.com".
        path: what stands before every key: "/" or "/bucket/".
    """

    origin: str
    path: str

    @property
    def host(self) -> str:
        return self.origin.partition("://")[2]


def address_at(url: str, bucket: str, *, path_style: bool) -> BucketAddress:
    """Return where the objects of a bucket are at an endpoint.

    A name with dots does not fit under one wildcard of a certificate, so such a bucket stands in the path.

    >>> address_at("https://bucket.vpce-1-2.s3.eu-west-1.vpce.amazonaws.com", "acme", path_style=False).origin
    'https://acme.bucket.vpce-1-2.s3.eu-west-1.vpce.amazonaws.com'
    >>> address_at("http://store.internal:8333", "acme", path_style=True)
    BucketAddress(origin='http://store.internal:8333', path='/acme/')
    """
    if path_style or "." in bucket:
        return BucketAddress(url, f"/{bucket}/")
    scheme, _, host = url.partition("://")
    return BucketAddress(f"{scheme}://{bucket}.{host}", "/")


class Signer:
    """Signs for one bucket. What a session's requests of one day have in common is made once. Thread-safe."""

    def __init__(self, address: BucketAddress, region: str) -> None:
        self._address, self._region = address, region
        self._known: _Known | None = None

    def sign(
        self,
        method: str,
        key: str,
        session: StsSession,
        *,
        now: datetime,
        seconds: int,
        query: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> str:
        """Return the address of one request.

        Args:
            key: the whole key, the connection's prefix included.
            now: aware UTC.
            seconds: its life, 1 to MAX_SECONDS.
            query: what stands in the address besides the signature, all of it signed.
            headers: which the request must carry with these very values, by lower-case names; ``host`` is added.
        """
        if not 1 <= seconds <= MAX_SECONDS:
            raise ValueError(f"a presigned request lives for 1 to {MAX_SECONDS} seconds")
        moment = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{moment[:8]}/{self._region}/s3/aws4_request"
        known = self._of(session, moment[:8], scope)
        signed = {**headers, "host": self._address.host}
        names = ";".join(sorted(signed))
        path = self._address.path + quote(key, safe=f"/{_UNRESERVED}")
        asked = {
            **{_quoted(name): _quoted(value) for name, value in query.items()},
            **known.quoted,
            "X-Amz-Date": moment,
            "X-Amz-Expires": str(seconds),
            "X-Amz-SignedHeaders": _quoted(names),
        }
        text = "&".join(f"{name}={value}" for name, value in sorted(asked.items()))
        fields = "".join(f"{name}:{' '.join(signed[name].split())}\n" for name in sorted(signed))
        request = f"{method}\n{path}\n{text}\n{fields}\n{names}\nUNSIGNED-PAYLOAD"
        to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = _mac(known.key, to_sign).hex()
        return f"{self._address.origin}{path}?{text}&X-Amz-Signature={signature}"

    def _of(self, session: StsSession, date: str, scope: str) -> _Known:
        known = self._known
        if known is None or (known.session, known.scope) != (session, scope):
            key = f"AWS4{session.secret_access_key}".encode()
            for part in (date, self._region, "s3", "aws4_request"):
                key = _mac(key, part)
            quoted = {
                "X-Amz-Algorithm": ALGORITHM,
                "X-Amz-Credential": _quoted(f"{session.access_key_id}/{scope}"),
                "X-Amz-Security-Token": _quoted(session.session_token),
            }
            known = self._known = _Known(session, scope, key, quoted)
        return known


@dataclass(frozen=True)
class _Known:
    """What a session's requests of one day have in common."""

    session: StsSession
    scope: str
    key: bytes = field(repr=False)  # with which they are signed
    quoted: Mapping[str, str] = field(repr=False)


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _quoted(text: str) -> str:
    return quote(text, safe=_UNRESERVED)
