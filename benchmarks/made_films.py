"""Films that nothing had to encode: sealed segments of made-up bytes in a real bucket, with their rows.

What the media process serves is encrypted and looks like noise, so for its speed it does not matter what is in it.
"""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import urlsplit

from tests.services.platform import Platform
from tests.services.sites import Making, Site

from benchmarks.load import Server
from reelkeep.cli.installation import Installation
from reelkeep.companies import provisioning
from reelkeep.companies.handle import CompanyHandle
from reelkeep.storage.interface import ObjectStore
from reelkeep.storage.memory import MemoryBucket

RENDITION = "v360"


class _Film(Making):
    """A proxy whose objects go to the platform's own store."""

    def __init__(self, site: Site, platform: Platform, segment_bytes: int) -> None:
        person = site.user()
        version = site.version(site.production(uploader=person), person)
        super().__init__(site, version, with_audio=False, segment_bytes=segment_bytes)
        self._client, self._bucket = platform.store(), platform.bucket

    def store(self) -> ObjectStore:
        return cast(ObjectStore, self)  # as much of one as is needed

    def put_new(self, key: str, body: bytes, *, content_type: str, grant: str) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body, ContentType=content_type)


def made_films(platform: Platform, films: int, segment_bytes: int) -> tuple[Server, list[str]]:
    """Make films of two segments, each an object of its own; return where they are served, and the segments' paths."""
    operator, company = Installation(platform.data), platform.company
    assert company is not None
    key = provisioning.company_key(operator.folder.keyring(), company)
    connection = operator.storage.connection(company, platform.bucket)
    handle = CompanyHandle(
        company.id, company.slug, company.name, platform.origin, "", platform.company_engine(), cast(Any, None),
        cast(Any, None), key,
    )  # fmt: skip
    site = Site(handle, connection, MemoryBucket(), cast(Any, None), "")
    paths, netloc = [], ""
    with platform.api() as api:
        for _ in range(films):
            film = _Film(site, platform, segment_bytes)
            for number in range(2):
                film.publish(RENDITION, number)
            base = urlsplit(str(api.playback_session(film.version.id)["base"]))
            paths += [f"{base.path}/{RENDITION}/{number}.m4s" for number in range(2)]
            netloc = base.netloc
    host, _, port = netloc.partition(":")
    assert platform.authority is not None
    return Server(int(port), host, platform.authority), paths
