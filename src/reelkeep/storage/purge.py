"""Takes an original out of a bucket for good: every version of it, and what hides them.

Follows the S3 API reference: ListObjectVersions; DeleteObject with a version id removes that version and leaves no
delete marker.
"""

from __future__ import annotations

from reelkeep.ids import GrantId
from reelkeep.storage.s3 import LIST_PAGE, S3Store


class S3Purge(S3Store):
    """Opened with a session of ``Purpose.PURGE`` of the company's purge role; it can read and write nothing."""

    def purge(self, scope: str, *, grant: GrantId) -> int:
        """Delete every version of every object below ``scope``; return how many. What is gone already is no error.

        Raises:
            StorageSetupError: the role may not; some may be gone. DependencyError: the store does not answer.
        """
        gone, marker = 0, dict[str, str]()
        while True:
            with self._request(grant):
                page = self._client.list_object_versions(
                    **self._bucket(), Prefix=self._full(scope), MaxKeys=LIST_PAGE, **marker
                )
            for item in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                with self._request(grant):
                    self._client.delete_object(**self._bucket(), Key=item["Key"], VersionId=item["VersionId"])
                gone += 1
            if not page.get("IsTruncated"):
                return gone
            marker = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}
