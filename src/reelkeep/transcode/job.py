"""The transcode job: wires one version, its original and its proxy prefix to a carrier, and says how it ended."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from sqlalchemy import Connection

from reelkeep.catalog import audit, image_sequences, luts, versions
from reelkeep.catalog.grants import GrantAction
from reelkeep.catalog.image_sequences import FrameRow, SequenceRow
from reelkeep.catalog.lifecycle import JobState, VersionState
from reelkeep.catalog.luts import Choice
from reelkeep.catalog.versions import VersionRow
from reelkeep.companies.handle import CompanyHandle
from reelkeep.encryption.keys import CompanyKey
from reelkeep.errors import IsolationError, MediaError, ReelkeepError, StorageSetupError
from reelkeep.ids import VersionId
from reelkeep.jobs import queue
from reelkeep.jobs.handling import Handler
from reelkeep.jobs.interface import Hold, Job, JobKind
from reelkeep.jobs.transactions import transaction
from reelkeep.luts import ChosenLut
from reelkeep.media import FrameRate, MediaLimits, Probe, sound_rendition
from reelkeep.packaging.bundle_index import ProxyPlan
from reelkeep.packaging.stills import TileLayout
from reelkeep.storage.layout import proxy_scope
from reelkeep.transcode import leftovers, protocol, records, unit_records
from reelkeep.transcode.bucket import GrantSeries, Original, ProxyPrefix
from reelkeep.transcode.carrier import Carrier, CodecDied, StartCodec
from reelkeep.transcode.patience import patiently
from reelkeep.transcode.publisher import Desk, Publisher
from reelkeep.transcode.records import Attempt
from reelkeep.transcode.sequence_source import SequenceSource, SourceFile
from reelkeep.transcode.shares import Share, SharedUnits, next_share
from reelkeep.transcode.source import SourceCache

SOUND_ONLY_RATE: Final = FrameRate(24, 1)  # a proxy without a picture has no frames; its comments count in these
PAUSE_SECONDS: Final = 1.0  # before a codec that died is followed by another
UNIT_SECONDS: Final = 120  # of a long film: short enough to share, long enough that beginning anew costs little
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


def handler(
    start_codec: StartCodec,
    limits: MediaLimits | None = None,
    *,
    prepare: Callable[[], None] = lambda: None,
    unit_seconds: int = UNIT_SECONDS,
) -> Handler:
    """Return how a transcode job, and one that assists it, is worked on and ended.

    Args:
        start_codec: starts the sandboxed codec; from ``isolation.builder``.
        prepare: called when there is a job, before database and bucket are asked for it: a codec will be wanted.
        limits: what an original may ask for; the defaults if none are given.
        unit_seconds: how long the units are that a long film is cut into, about.
    """
    wanted = limits or MediaLimits()

    def work(company: CompanyHandle, job: Job, hold: Hold) -> None:
        prepare()
        _Transcode.of(company, job, hold, wanted, unit_seconds).run(start_codec)

    return Handler(work, ended)


def ended(conn: Connection, job: Job, state: JobState, problem: ReelkeepError | None) -> None:
    """Move the version to where the end of a job leaves it, in the transaction that ends the job.

    The first of a version's jobs that fails takes the others with it; the last that is done makes the version ready.
    """
    version_id = _version_of(job)
    old = records.state_of(conn, version_id)
    if old in (VersionState.READY, VersionState.FAILED, VersionState.CANCELLED):
        return  # somebody has moved it meanwhile, or it was ready before
    if state is JobState.DONE and not records.is_complete(conn, version_id):
        if unit_records.has_free(conn, version_id):
            queue.ask_for_help(conn, version_id)
        return
    new = _FINAL[state]
    if new is VersionState.READY:
        queue.withdraw_help(conn, version_id)
    else:
        queue.request_cancel(conn, version_id, skip_locked=True)
    versions.move(conn, version_id, new, problem if new is VersionState.FAILED else None)
    audit.record(conn, f"version.{new.value}", version_id, None, job=job.id)


@dataclass(frozen=True)
class _Transcode:
    company: CompanyHandle
    job: Job
    version: VersionRow
    desk: Desk
    limits: MediaLimits
    unit_seconds: int

    @staticmethod
    def of(company: CompanyHandle, job: Job, hold: Hold, limits: MediaLimits, unit_seconds: int) -> _Transcode:
        version_id = _version_of(job)

        def read() -> tuple[VersionRow, records.Keys]:
            with transaction(company.engine) as conn:
                keys = records.keys_of(conn, _key_of(company), version_id)
                return versions.get(conn, version_id), keys

        version, keys = patiently(read, hold)
        grant = GrantSeries(company.engine, GrantAction.WRITE_PROXY, proxy_scope(version_id), job.id)
        bucket = ProxyPrefix(company.storage, version.connection_id, version_id, grant, hold)
        desk = Desk(company.engine, company.id, version_id, job.id, keys, bucket, hold)
        return _Transcode(company, job, version, desk, limits, unit_seconds)

    def run(self, start_codec: StartCodec) -> None:
        """Do what is left and nobody else does; then, if the proxy is complete, delete what dead attempts left behind.

        A codec that died is followed by another, unless the one before died at the same place.

        Raises:
            CodecKeepsDying: it did; what is published stays.
        """
        self._check_sha256(self.version.verified_sha256)
        share, died_at = self._next_share(), None
        while share is not None:
            try:
                self._pass(start_codec, share)
            except CodecDied as error:
                share = self._next_share()
                if share is not None and share.place == died_at:
                    raise CodecKeepsDying from error
                died_at = share.place if share is not None else None
                self.desk.hold.wait(PAUSE_SECONDS)
            else:
                share = self._next_share()
        self._clean_up()

    def _next_share(self) -> Share | None:
        def read() -> Share | None:
            with transaction(self.company.engine) as conn:
                queue.hold(conn, self.job.id, self.desk.hold.worker)
                size = self.version.size_bytes
                return next_share(conn, self.version.id, self.job, size_bytes=size, unit_seconds=self.unit_seconds)

        share = patiently(read, self.desk.hold)
        if share is not None and share.rings:
            self.company.doorbell.ring(JobKind.ASSIST)
        return share

    def _frames(self) -> list[FrameRow]:
        with transaction(self.company.engine) as conn:
            return image_sequences.stored_frames(conn, self.version.id)

    def _lut(self, chosen: Choice | None) -> ChosenLut | None:
        if chosen is None:
            return None
        with transaction(self.company.engine) as conn:
            return ChosenLut(luts.numbers(conn, chosen.lut_id), chosen.input, chosen.scope)

    def _clean_up(self) -> None:
        def read() -> tuple[bool, set[str], int, frozenset[int]]:
            with transaction(self.company.engine) as conn:
                named, last = records.named_objects(conn, version_id), records.last_attempt_number(conn, version_id)
                kept = records.closing_attempts(conn, version_id)
                return records.is_complete(conn, version_id), named, last + 1, kept

        version_id = self.version.id
        is_complete, named, end, kept = patiently(read, self.desk.hold)
        if not is_complete:
            return  # others are at work
        cleaner = leftovers.cleaner_of(self.company, self.job, self.version.connection_id, self.desk.hold)
        with contextlib.suppress(StorageSetupError):  # the proxy is complete; the company's sweep asks again
            leftovers.delete_unnamed(cleaner, named, end, kept)

    def _pass(self, start_codec: StartCodec, share: Share) -> None:
        version, hold = self.version, self.desk.hold
        grant = GrantSeries(self.company.engine, GrantAction.READ_ORIGINAL, version.original_key, self.job.id)
        original = Original(
            self.company.storage, version.connection_id, version.original_key, version.size_bytes, grant, hold
        )
        asked = _limited(share.asked, self.limits)
        if asked.picture:
            asked = replace(asked, lut=patiently(partial(self._lut, share.published.lut), hold))
        source: SourceCache | SequenceSource
        if version.sequence is None:
            source = SourceCache(original.fetch, version.size_bytes)
        else:
            frames = patiently(self._frames, hold)
            source = SequenceSource(
                lambda file, offset, length: original.fetch_of(frames[file].object_key, offset, length),
                [SourceFile(frame.number, frame.size_bytes, frame.crc32) for frame in frames],
            )
            asked = replace(asked, images=_images(version.sequence, frames))
        units = SharedUnits(self.company, self.desk, self.job, share)
        begun: list[Attempt] = []
        try:
            begin = partial(self._begin, share, units, begun)
            done = Carrier(source, begin, hold, self.limits).run(start_codec, asked)
            whole = asked.picture and not (asked.resume_frame or asked.resume_audio_frame or units.stopped)
            sha256 = source.sha256() if whole else None
        finally:
            source.close()
        if sha256 is not None:
            self.desk.record(lambda conn: records.verify(conn, version.id, sha256))
            self._check_sha256(sha256)
        self.desk.record(lambda conn: self._end(conn, units, begun[-1], done.frames, source.fetched_bytes))

    def _check_sha256(self, found: bytes | None) -> None:
        if None not in (found, self.version.claimed_sha256) and found != self.version.claimed_sha256:
            raise OriginalAltered

    def _end(self, conn: Connection, units: SharedUnits, attempt: Attempt, frames: int, bytes_read: int) -> None:
        version_id, size = self.version.id, self.version.size_bytes
        if records.is_complete(conn, version_id):
            return  # recorded before
        total = units.end(conn, attempt, frames)
        if total is not None:
            records.complete(conn, version_id, total)
        audit.record(conn, "original.read", version_id, None, job=self.job.id, bytes_read=bytes_read, size_bytes=size)

    def _begin(
        self, share: Share, units: SharedUnits, begun: list[Attempt], probe: Probe, plan: protocol.Plan
    ) -> Publisher:
        proxy = ProxyPlan(
            probe.frames,
            probe.rate or SOUND_ONLY_RATE,
            probe.audio_samples,
            _layout(plan.tiles),
            share.published.mark_bands,
            share.published.largest_edge_px,
        )
        lut = share.published.lut if probe.has_video and share.published.lut else None
        lut = lut if lut and lut.scope.holds(probe.light) else None
        names = [*(rung.name for rung in plan.rungs), *map(sound_rendition, range(plan.sounds))]
        self.desk.record(
            lambda conn: begun.append(records.begin(conn, self.version.id, self.job.id, probe, proxy, names, lut))
        )
        return Publisher(self.desk, begun[-1], plan, proxy, share.published, share.asked, units, probe.sounds)


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
