"""The transcode job: wires one version, its original and its proxy prefix to a carrier, and says how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from reelkeep.catalog import audit, image_sequences, versions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.image_sequences import FrameRow, SequenceRow
from reelkeep.catalog.lifecycle import JobState, VersionState
from reelkeep.catalog.versions import VersionRow
from reelkeep.companies.handle import CompanyHandle
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import IsolationError, MediaError, ReelkeepError, StorageSetupError
from reelkeep.ids import VersionId
from reelkeep.jobs.handling import Handler
from reelkeep.jobs.interface import Hold, Job
from reelkeep.jobs.transactions import transaction
from reelkeep.media import FrameRate, MediaLimits, Probe, sound_rendition
from reelkeep.packaging.bundle_index import ProxyPlan
from reelkeep.packaging.stills import TileLayout
from reelkeep.storage.layout import proxy_scope
from reelkeep.transcode import leftovers, protocol, records
from reelkeep.transcode.bucket import GrantSeries, Original, ProxyPrefix
from reelkeep.transcode.carrier import Carrier, CodecDied, StartCodec
from reelkeep.transcode.patience import patiently
from reelkeep.transcode.publisher import Desk, Publisher
from reelkeep.transcode.records import Attempt
from reelkeep.transcode.resume import Published
from reelkeep.transcode.sequence_source import SequenceSource, SourceFile
from reelkeep.transcode.source import SourceCache

SOUND_ONLY_RATE: Final = FrameRate(24, 1)  # a proxy without a picture has no frames; its comments count in these
PAUSE_SECONDS: Final = 1.0  # before a codec that died is followed by another
_FINAL: Final = {
    JobState.DONE: VersionState.READY,
    JobState.FAILED: VersionState.FAILED,
    JobState.CANCELLED: VersionState.CANCELLED,
}


class OriginalAltered(MediaError):
    """The stored file is not the file that was sent: its checksum differs from the uploader's."""

    default_advice = "Upload the file again as a new version."


class CodecKeepsDying(MediaError):
    """The program that reads films stopped twice at the same place of this file."""

    default_advice = (
        "Export the file again and upload it as a new version; the original stays stored as it is. "
        "If the machine was short of memory, press retry."
    )


def handler(start_codec: StartCodec, limits: MediaLimits | None = None) -> Handler:
    """Return how a transcode job is worked on and ended.

    Args:
        start_codec: starts the sandboxed codec; from ``isolation.sandbox``.
        limits: what an original may ask for; the defaults if none are given.
    """
    wanted = limits or MediaLimits()

    def work(company: CompanyHandle, job: Job, hold: Hold) -> None:
        _Transcode.of(company, job, hold, wanted).run(start_codec)

    return Handler(work, ended)


def ended(conn: Connection, job: Job, state: JobState, problem: ReelkeepError | None) -> None:
    """Move the version to where the end of its job leaves it, in the transaction that ends the job."""
    version_id = _version_of(job)
    old = records.state_of(conn, version_id)
    if old in (VersionState.READY, VersionState.FAILED, VersionState.CANCELLED):
        return  # somebody has moved it meanwhile, or it was ready before
    new = _FINAL[state]
    versions.move(conn, version_id, new, problem if new is VersionState.FAILED else None)
    audit.record(conn, f"version.{new.value}", version_id, None, job=job.id)


@dataclass(frozen=True)
class _Transcode:
    company: CompanyHandle
    job: Job
    version: VersionRow
    published: Published
    desk: Desk
    limits: MediaLimits

    @staticmethod
    def of(company: CompanyHandle, job: Job, hold: Hold, limits: MediaLimits) -> _Transcode:
        version_id = _version_of(job)

        def read() -> tuple[VersionRow, Published, records.Keys]:
            with transaction(company.engine) as conn:
                keys = records.keys_of(conn, _key_of(company), version_id)
                return versions.get(conn, version_id), records.published(conn, version_id), keys

        version, published, keys = patiently(read, hold)
        grant = GrantSeries(company.engine, GrantAction.WRITE_PROXY, proxy_scope(version_id), job.id)
        bucket = ProxyPrefix(company.storage, version.connection_id, version_id, grant, hold)
        desk = Desk(company.engine, company.id, version_id, job.id, keys, bucket, hold)
        return _Transcode(company, job, version, published, desk, limits)

    def run(self, start_codec: StartCodec) -> None:
        """Do what is left: the proxy unless it is complete, then the leftovers of dead attempts."""
        self._check_sha256(self.version.verified_sha256)
        if not self.published.complete:
            self._with_fresh_codecs(start_codec)
        named, last = patiently(self._named, self.desk.hold)
        cleaner = leftovers.cleaner_of(self.company, self.job, self.version.connection_id, self.desk.hold)
        with contextlib.suppress(StorageSetupError):  # the proxy is complete; the company's sweep asks again
            leftovers.delete_unnamed(cleaner, named, last)

    def _with_fresh_codecs(self, start_codec: StartCodec) -> None:
        """Make the proxy. A codec that died is followed by another, unless the one before died at the same place.

        Raises:
            CodecKeepsDying: it did; what is published stays.
        """
        attempt, died_at = self, None
        while True:
            try:
                return attempt._make_proxy(start_codec)
            except CodecDied as error:
                attempt = replace(attempt, published=patiently(self._published, self.desk.hold))
                if attempt.published.place == died_at:
                    raise CodecKeepsDying from error
                died_at = attempt.published.place
                self.desk.hold.wait(PAUSE_SECONDS)

    def _published(self) -> Published:
        with transaction(self.company.engine) as conn:
            return records.published(conn, self.version.id)

    def _frames(self) -> list[FrameRow]:
        with transaction(self.company.engine) as conn:
            return image_sequences.stored_frames(conn, self.version.id)

    def _named(self) -> tuple[set[str], int]:
        with transaction(self.company.engine) as conn:
            version_id = self.version.id
            return records.named_objects(conn, version_id), records.last_attempt_number(conn, version_id)

    def _make_proxy(self, start_codec: StartCodec) -> None:
        version, hold = self.version, self.desk.hold
        grant = GrantSeries(self.company.engine, GrantAction.READ_ORIGINAL, version.original_key, self.job.id)
        original = Original(
            self.company.storage, version.connection_id, version.original_key, version.size_bytes, grant, hold
        )
        wanted = _limited(self.published.job(version.size_bytes), self.limits)
        source: SourceCache | SequenceSource
        if version.sequence is None:
            source = SourceCache(original.fetch, version.size_bytes)
        else:
            frames = patiently(self._frames, hold)
            source = SequenceSource(
                lambda file, offset, length: original.fetch_of(frames[file].object_key, offset, length),
                [SourceFile(frame.number, frame.size_bytes, frame.crc32) for frame in frames],
            )
            wanted = replace(wanted, images=_images(version.sequence, frames))
        try:
            done = Carrier(source, self._begin, hold, self.limits).run(start_codec, wanted)
            from_the_start = not (wanted.resume_frame or wanted.resume_audio_frame)
            sha256 = source.sha256() if from_the_start else None
        finally:
            source.close()
        if sha256 is not None:
            self.desk.record(lambda conn: records.verify(conn, version.id, sha256))
            self._check_sha256(sha256)
        self.desk.record(lambda conn: self._complete(conn, done.frames, source.fetched_bytes))

    def _check_sha256(self, found: bytes | None) -> None:
        if None not in (found, self.version.claimed_sha256) and found != self.version.claimed_sha256:
            raise OriginalAltered

    def _complete(self, conn: Connection, frames: int, bytes_read: int) -> None:
        if records.complete(conn, self.version.id, frames):
            size = self.version.size_bytes
            audit.record(
                conn, "original.read", self.version.id, None, job=self.job.id, bytes_read=bytes_read, size_bytes=size
            )

    def _begin(self, probe: Probe, plan: protocol.Plan) -> Publisher:
        proxy = ProxyPlan(
            probe.frames,
            probe.rate or SOUND_ONLY_RATE,
            probe.audio_samples,
            _layout(plan.tiles),
            self.published.mark_bands,
        )
        names = [*(rung.name for rung in plan.rungs), *map(sound_rendition, range(plan.sounds))]
        begun: list[Attempt] = []
        self.desk.record(
            lambda conn: begun.append(records.begin(conn, self.version.id, self.job.id, probe, proxy, names))
        )
        return Publisher(self.desk, begun[-1], plan, proxy, self.published, probe.sounds)


def _limited(job: protocol.Job, limits: MediaLimits) -> protocol.Job:
    return replace(
        job,
        max_picture_px=limits.max_picture_px,
        max_media_seconds=limits.max_media_seconds,
        max_tracks=limits.max_tracks,
    )


def _images(sequence: SequenceRow, frames: Sequence[FrameRow]) -> protocol.Images:
    return protocol.Images(
        kind=sequence.kind,
        rate=sequence.rate,
        first_number=sequence.first_number,
        offsets=tuple(frame.number - sequence.first_number for frame in frames),
        sizes=tuple(frame.size_bytes for frame in frames),
    )


def _layout(tiles: protocol.TileLayout | None) -> TileLayout | None:
    if tiles is None:
        return None
    return TileLayout(tiles.width_px, tiles.height_px, tiles.columns, tiles.rows, tiles.step_frames)


def _key_of(company: CompanyHandle) -> CompanyKey:
    if company.company_key is None:
        raise IsolationError("this process was not given the company's key")
    return company.company_key


def _version_of(job: Job) -> VersionId:
    if job.version_id is None:
        raise IsolationError("a transcode job names no version")
    return job.version_id
