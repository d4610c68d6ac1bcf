"""Fetches image sequences: each file of a version as an original of its own, by the ways of ``transfer.many``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from reelkeep.transfer.interface import DownloadLink, Original, StoredFrame


class FramesApi(Protocol):
    """The platform's side of the download of a sequence."""

    def frames(self, version_id: str) -> Iterator[StoredFrame]: ...

    def frame_links(self, version_id: str, numbers: Sequence[int]) -> Sequence[tuple[str, datetime]]: ...


class FramesOf:
    """The files of one sequence as if they were the originals of a production; a file's id is its number.

    Implements ``ProductionApi``.
    """

    def __init__(self, api: FramesApi, sequence: Original) -> None:
        self._api, self._sequence = api, sequence
        self._files: dict[str, Original] = {}

    def originals(self, _production_id: str) -> Iterator[Original]:
        for frame in self._api.frames(self._sequence.version_id):
            one = Original(str(frame.number), self._sequence.folder, frame.file_name, frame.size_bytes, frame.sha256)
            self._files[one.version_id] = one
            yield one

    def download_links(self, _production_id: str, version_ids: Sequence[str]) -> Sequence[tuple[str, datetime]]:
        return self._api.frame_links(self._sequence.version_id, [int(number) for number in version_ids])

    def download_link(self, version_id: str) -> DownloadLink:
        ((url, expires_at),) = self.download_links("", [version_id])
        one = self._files[version_id]
        return DownloadLink(url, one.file_name, one.size_bytes, one.sha256, None, expires_at)
