"""Everything in a bucket below a connection's prefix, page by page: for audits, which change nothing.

Follows the S3 API reference: ListObjectVersions (all versions, and delete markers), ListObjectsV2 (what is there now).
Both are asked with ``EncodingType=url``, since XML 1.0 cannot hold every character that a stranger's key may have;
botocore does so by itself and decodes the keys again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from reelkeep.ids import GrantId
from reelkeep.storage.s3 import LIST_PAGE, S3Store


class Listed(NamedTuple):
    """One version of an object; a tuple, since a bucket may hold millions. ``key`` is below the connection's prefix."""

    key: str
    size_bytes: int
    etag: str | None  # without quotes
    modified_at: datetime | None  # aware UTC
    is_latest: bool = True
    is_delete_marker: bool = False


class S3Listing(S3Store):
    """Lists a bucket; opened with a session of ``Purpose.AUDIT``, it can do nothing else."""

    def objects(self, grants: Callable[[], GrantId]) -> Iterator[Listed]:
        """Return every object that is there now, in the store's order.

        Args:
            grants: returns the grant of the next request; a long listing outlives one.
        """
        token: dict[str, str] = {}
        while True:
            with self._request(grants()):
                page = self._client.list_objects_v2(**self._bucket(), Prefix=self._full(""), MaxKeys=LIST_PAGE, **token)
            yield from map(self._listed, page.get("Contents", ()))
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def versions(self, grants: Callable[[], GrantId]) -> Iterator[Listed]:
        """Return every version of every object, in the order of the keys' bytes.

        Raises:
            StorageSetupError: the role may not see versions. RequestError: the store knows none.
        """
        marker: dict[str, str] = {}
        while True:
            with self._request(grants()):
                page = self._client.list_object_versions(
                    **self._bucket(), Prefix=self._full(""), MaxKeys=LIST_PAGE, **marker
                )
            found = [self._listed(item) for item in page.get("Versions", ())]
            found += [self._listed(item, is_delete_marker=True) for item in page.get("DeleteMarkers", ())]
            yield from sorted(found, key=lambda one: one.key)
            if not page.get("IsTruncated"):
                return
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def _listed(self, item: Any, *, is_delete_marker: bool = False) -> Listed:
        return Listed(
            item["Key"][len(self._full("")) :],
            int(item.get("Size", 0)),
            str(item["ETag"]).strip('"') if item.get("ETag") else None,
            item.get("LastModified"),
            bool(item.get("IsLatest", True)),
            is_delete_marker,
        )
