"""Publishes one attempt: what the codec sends is packaged, sealed, put into the bucket and recorded.

An object is recorded only when it lies in the bucket, in one transaction with the notice to those who watch. Each such
transaction is fenced by the job's lease: an attempt that was given up for dead publishes nothing more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import Connection, Engine

from reelkeep.encryption.keys import key_class, new_iv
from reelkeep.encryption.sealing import SealContext
from reelkeep.ids import CompanyId, JobId, VersionId
from reelkeep.isolation.channel import BadFrame
from reelkeep.jobs import queue
from reelkeep.jobs.interface import Hold
from reelkeep.jobs.transactions import transaction
from reelkeep.media import Loudness as LoudnessFacts
from reelkeep.media import Rung, Sound, TrackKind, is_sound, sound_rendition
from reelkeep.packaging.bundle_index import ProxyPlan, RenditionDescription
from reelkeep.packaging.bundles import Bundle, BundleWriter
from reelkeep.packaging.segmenter import RenditionPackager
from reelkeep.packaging.stills import SealedStill, StillKind, StillWriter
from reelkeep.packaging.tracks import TrackConfig
from reelkeep.transcode import picture_times, records, waveform
from reelkeep.transcode.bucket import ProxyPrefix
from reelkeep.transcode.outbox import Outbox
from reelkeep.transcode.patience import patiently
from reelkeep.transcode.protocol import (
    Boundary,
    Cuts,
    Done,
    Fragment,
    Job,
    Loudness,
    Peaks,
    Plan,
    Still,
    Times,
    Track,
)
from reelkeep.transcode.records import Attempt, Keys
from reelkeep.transcode.rendition import RenditionWriter, checked_config, grid_of
from reelkeep.transcode.resume import Published

AUDIO_BANDWIDTH_BPS: Final = 192_000  # the encoder's rate, for the manifest
BUNDLE_CONTENT_TYPE: Final = "application/octet-stream"  # sealed: no type of its own
STILLS_LANE: Final = "stills"


@dataclass(frozen=True)
class Desk:
    """What a publisher works with: one company's database and bucket, one version, one leased job."""

    engine: Engine
    company_id: CompanyId
    version_id: VersionId
    job_id: JobId
    keys: Keys
    bucket: ProxyPrefix
    hold: Hold

    def record(self, write: Callable[[Connection], None]) -> None:
        """Commit ``write`` under the fence of the lease, patiently. It may run twice, so it repeats harmlessly."""

        def once() -> None:
            with transaction(self.engine) as conn:
                queue.hold(conn, self.job_id, self.hold.worker)
                write(conn)

        patiently(once, self.hold)

    def progressed(self) -> None:
        """Say that this attempt got further than the ones before it."""
        with transaction(self.engine) as conn:
            queue.progressed(conn, self.job_id, self.hold.worker)


@dataclass
class _Row:
    """One rendition under way."""

    id: str
    is_step: bool
    writer: RenditionWriter


class Units(Protocol):
    """Who knows which parts of the film are this job's: ``shares.SharedUnits``."""

    def cut(self, frames: tuple[int, ...], *, sound: bool) -> None:
        """Record where the film is cut."""

    def go_on(self, frame: int) -> Published | None:
        """Record that all before ``frame`` is published; return what is published now if we go on there."""


class Publisher:
    """Takes what one codec sends in one attempt. Used by one thread; close it in every case.

    Args:
        asked: what the codec was asked for.
        sounds: the sound tracks, as the probe found them.
    """

    def __init__(
        self,
        desk: Desk,
        attempt: Attempt,
        plan: Plan,
        proxy: ProxyPlan,
        published: Published,
        asked: Job,
        units: Units,
        sounds: Sequence[Sound] = (),
    ) -> None:
        if len(sounds) != plan.sounds:
            raise BadFrame("a plan has another number of sound tracks than its probe")
        self._desk = desk
        self._attempt = attempt
        self._asked, self._units = asked, units
        self._cuts = [cut for cut in asked.cuts if cut > asked.resume_frame]
        self._stopped = False  # at a cut: the rest of the picture is made by others
        self._plan = plan
        self._proxy = proxy
        self._published = published
        self._numbers = {name: set(numbers) for name, numbers in published.numbers.items()}
        self._sheets = set(published.sheets)
        self._rungs: Mapping[str, Rung] = {rung.name: rung for rung in plan.rungs}
        names = {sound_rendition(number): sound for number, sound in enumerate(sounds)}
        self._planned = {*self._rungs, *names}
        self._active = {*(self._rungs if asked.picture else ()), *(names if asked.sound else ())}
        self._sounds = names
        self._loudness: dict[int, LoudnessFacts] = {}
        self._times: Times | None = None
        self._rows: dict[str, _Row] = {}
        self._outbox = Outbox()
        self._peaks: list[Peaks] = []
        self._next_sheet = asked.resume_tile_sheet
        self._progressed = threading.Event()
        self._stills = StillWriter(
            desk.keys.version_key, attempt.salt, desk.company_id, desk.version_id, attempt.number
        )

    def add_track(self, track: Track) -> None:
        """Record a rendition of the plan, before its first fragment.

        Raises:
            BadFrame, BadBitstream: it is not what was planned; kill the codec.
            ProxyChanged: published segments of it were encoded otherwise.
        """
        rung = self._rungs.get(track.rendition)
        if track.rendition not in self._active or track.rendition in self._rows:
            raise BadFrame("a track was not planned, or comes twice")
        config = checked_config(track, rung, self._proxy.rate)
        wanted = self._describe(track.rendition, rung, config)
        found: list[tuple[str, bytes]] = []

        def write(conn: Connection) -> None:
            found.append(records.add_rendition(conn, self._desk.version_id, wanted))

        self._desk.record(write)
        rendition_id, iv = found[-1]
        is_step = rung is not None and rung.is_step
        self._rows[track.rendition] = _Row(rendition_id, is_step, self._writer(wanted, config, iv, rung, track))

    def _describe(self, name: str, rung: Rung | None, config: TrackConfig) -> RenditionDescription:
        kind = TrackKind.VIDEO if rung else TrackKind.AUDIO
        content_class = key_class(kind, rung.height_px if rung else 0)
        content_key = self._desk.keys.content_keys[content_class]
        return RenditionDescription(
            name=name,
            kind=kind,
            is_step=rung is not None and rung.is_step,
            width_px=rung.width_px if rung else None,
            height_px=rung.height_px if rung else None,
            codecs=config.codecs,
            timescale=config.timescale,
            bandwidth_bps=rung.max_bps if rung else AUDIO_BANDWIDTH_BPS,
            key_id=content_key.key_id,
            iv=new_iv(),
            content_key_class=content_class,
            codec_config=config.codec_config,
            bands=rung.bands if rung else (),
            language=self._sounds[name].language if name in self._sounds else "",
            label=self._sounds[name].title if name in self._sounds else "",
            wrapped_content_key=self._desk.keys.version_key.wrap_content_key(content_key),
        )

    def _writer(
        self, wanted: RenditionDescription, config: TrackConfig, iv: bytes, rung: Rung | None, track: Track
    ) -> RenditionWriter:
        desk, attempt = self._desk, self._attempt
        context = SealContext(desk.company_id, desk.version_id, attempt.number, wanted.name)
        described = RenditionDescription(**{**vars(wanted), "iv": iv})
        return RenditionWriter(
            RenditionPackager(config, desk.keys.content_keys[wanted.content_key_class], iv, wanted.bands),
            BundleWriter(described, self._proxy, desk.keys.version_key, attempt.salt, context),
            grid_of(rung),
            track.sample_ticks,
            first=self._plan.resume_frame if rung else self._plan.resume_audio_frame,
            published=self._numbers.setdefault(wanted.name, set()),
        )

    def add_fragment(self, fragment: Fragment, now: float) -> None:
        """Take the next fragment of a rendition; what is due goes out on threads of its own.

        Raises:
            BadFrame, BadBitstream: the codec broke the protocol; kill it.
            ReelkeepError: what was to go out earlier could not.
        """
        row = self._row(fragment.rendition)
        if fragment.rendition in self._rungs:
            self._check_place(fragment)
        self._send(fragment.rendition, row.writer.add(fragment, now))

    def _check_place(self, fragment: Fragment) -> None:
        end = fragment.first + len(fragment.samples)
        if self._stopped or (self._cuts and end > self._cuts[0]):
            raise BadFrame("a picture lies beyond a cut that the codec has not asked about, or was stopped at")

    def cut(self, cuts: Cuts) -> None:
        """Take where the film is cut, before any picture behind the first cut.

        Raises:
            BadFrame: it was not asked for, comes twice or too late, or lies beyond the film.
        """
        if not self._asked.find_cuts or self._cuts or not cuts.frames:
            raise BadFrame("cuts come that were not asked for")
        late = any(self._rows[name].writer.frames > cuts.frames[0] for name in self._rungs if name in self._rows)
        if late or cuts.frames[-1] >= self._proxy.planned_frames:
            raise BadFrame("cuts come that cannot be")
        self._cuts = list(cuts.frames)
        self._units.cut(cuts.frames, sound=self._plan.sounds > 0)

    def cross(self, boundary: Boundary) -> bool:
        """Publish all that lies before a cut; return whether the codec goes on behind it.

        Raises:
            BadFrame: it is not the next cut, or something before it is missing.
            ReelkeepError: what was to go out could not.
        """
        if self._stopped or not self._cuts or boundary.frame != self._cuts[0]:
            raise BadFrame("the codec asks about a frame that is not the next cut")
        if any(name not in self._rows or self._length(name) != boundary.frame for name in self._rungs):
            raise BadFrame("a rendition does not end at a cut")
        self._cuts.pop(0)
        for name in self._rungs:
            self._send(name, self._rows[name].writer.pause())
        self._outbox.drain()
        published = self._units.go_on(boundary.frame)
        if published is None:
            self._stopped = True
            return False
        for name, numbers in published.numbers.items():  # somebody who died may have begun the next unit
            self._numbers.setdefault(name, set()).update(numbers)
        self._sheets.update(published.sheets)
        return True

    def tick(self, now: float) -> None:
        """Send what has waited long enough; raise what went wrong on the way out."""
        self._outbox.check()
        for name, row in self._rows.items():
            self._send(name, row.writer.due(now))

    def add_still(self, still: Still) -> None:
        """Take the poster or the next tile sheet; those that are published already are dropped."""
        kind = StillKind(still.kind)
        if kind is StillKind.POSTER and (still.number != 0 or self._published.poster):
            return
        if kind is StillKind.TILES:
            if still.number != self._next_sheet:
                raise BadFrame("a tile sheet is not the next one")
            self._next_sheet += 1
            if still.number in self._sheets:
                return
        self._send_still(self._stills.seal(kind, still.number, still.body))

    def add_peaks(self, peaks: Peaks) -> None:
        """Take one zoom of the waveform; they go out together at the end."""
        if len(self._peaks) >= waveform.MAX_ZOOMS:
            raise BadFrame("a waveform has too many zooms")
        self._peaks.append(peaks)

    def add_loudness(self, loudness: Loudness) -> None:
        """Take what was measured of one sound track; it is recorded at the end."""
        if loudness.number >= self._plan.sounds or loudness.number in self._loudness:
            raise BadFrame("a sound track that is not planned was measured, or one was twice")
        self._loudness[loudness.number] = loudness.facts

    def add_times(self, times: Times) -> None:
        """Take the times of the original's pictures; they are kept beside the proxy."""
        if self._times is not None:
            raise BadFrame("the times of pictures come twice")
        self._times = times

    def finish(self, done: Done, now: float) -> None:
        """Send the rest, wait until everything is recorded, and check that nothing is missing.

        Raises:
            BadFrame: the codec says it is done, but a rendition is missing or is shorter than it says.
        """
        picture = max(done.frames, self._plan.resume_frame)  # a unit behind the film's real end has no frame
        wanted = {name: done.audio_frames if is_sound(name) else picture for name in self._active}
        if not all(wanted[name] and wanted[name] == self._length(name) for name in wanted):
            raise BadFrame("the codec ended before every rendition was whole")
        if self._peaks and not self._published.peaks:
            self._send_still(self._stills.seal(StillKind.PEAKS, 0, waveform.encode(self._peaks)))
        if self._times is not None and not self._published.times:
            self._send_still(self._stills.seal(StillKind.TIMES, 0, picture_times.encode(self._times)))
        self._desk.record(lambda conn: records.measured(conn, self._desk.version_id, self._loudness, self._times))
        for name, row in self._rows.items():
            if not (self._stopped and name in self._rungs):
                self._send(name, row.writer.finish(now))
        self._outbox.drain()

    def close(self) -> None:
        """Begin no more writes and wait for those that have begun."""
        self._outbox.close()

    def _length(self, name: str) -> int:
        """Return how long a rendition is; one without a track in this attempt was whole before."""
        return self._rows[name].writer.frames if name in self._rows else self._published.samples.get(name, 0)

    def _row(self, name: str) -> _Row:
        try:
            return self._rows[name]
        except KeyError:
            raise BadFrame("a fragment comes before its track") from None

    def _send(self, name: str, bundle: Bundle | None) -> None:
        if bundle is None:
            return
        row, attempt, version_id = self._rows[name], self._attempt, self._desk.version_id
        whole = self._planned <= {*self._rows, *self._published.numbers}  # the manifest can name every rendition
        begun = not self._plan.resume_frame or 0 in self._published.numbers.get(name, ())
        playable = whole and (row.is_step or not self._rungs) and begun

        def publish() -> None:
            self._desk.bucket.put(bundle.object_key, bundle.body, BUNDLE_CONTENT_TYPE)
            if bundle.segments:
                self._desk.record(
                    lambda conn: records.publish_bundle(conn, version_id, row.id, attempt, bundle, playable=playable)
                )

            if bundle.segments and not self._progressed.is_set():
                self._desk.progressed()
                self._progressed.set()

        self._outbox.submit(name, publish)

    def _send_still(self, still: SealedStill) -> None:
        def publish() -> None:
            self._desk.bucket.put(still.object_key, still.body, BUNDLE_CONTENT_TYPE)
            self._desk.record(lambda conn: records.publish_still(conn, self._desk.version_id, self._attempt, still))

        self._outbox.submit(STILLS_LANE, publish)
