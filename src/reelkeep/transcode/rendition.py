"""One rendition on its way out: fragments in, encrypted and sealed bundles out. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Container

from reelkeep.isolation.channel import BadFrame
from reelkeep.media import AUDIO_FRAME_SAMPLES, AUDIO_RATE_HZ, FrameRate, Rung, TrackKind
from reelkeep.packaging.bundles import Bundle, BundleWriter
from reelkeep.packaging.cmaf import Sample
from reelkeep.packaging.segmenter import RenditionPackager
from reelkeep.packaging.tracks import TrackConfig, audio_track, video_track
from reelkeep.transcode.grid import Assembler, Grid, Segment
from reelkeep.transcode.protocol import Fragment, Track


def checked_config(track: Track, rung: Rung | None, rate: FrameRate) -> TrackConfig:
    """Return a codec's track as the packager reads it from the codec configuration itself.

    Raises:
        BadFrame: the track is not what the plan said.
        BadBitstream: the packager cannot encrypt such a track.
    """
    if rung is None:
        config = audio_track(track.codec_config)
        if (track.timescale, track.sample_ticks, track.priming_samples, config.timescale) != (
            AUDIO_RATE_HZ, AUDIO_FRAME_SAMPLES, AUDIO_FRAME_SAMPLES, AUDIO_RATE_HZ,
        ):  # fmt: skip
            raise BadFrame("an audio track is not on its grid")
        return config
    config = video_track(track.codec_config, track.timescale)
    if (track.timescale, track.sample_ticks) != (rate.numerator, rate.denominator):
        raise BadFrame("a video track has another frame rate than the original")
    if (config.width_px, config.height_px) != (rung.width_px, rung.height_px):
        raise BadFrame("a video track has another size than was planned")
    return config


class RenditionWriter:
    """Packages, encrypts, seals and groups the segments of one rendition in one attempt.

    Args:
        first: the frame at which the codec begins.
        published: the numbers of segments that are published already; these are dropped when they come again.
    """

    def __init__(
        self,
        packager: RenditionPackager,
        bundles: BundleWriter,
        grid: Grid,
        sample_ticks: int,
        *,
        first: int,
        published: Container[int] = (),
    ) -> None:
        self._packager = packager
        self._bundles = bundles
        self._assembler = Assembler(grid, first)
        self._ticks = sample_ticks
        self._published = published

    @property
    def frames(self) -> int:
        """Return the length of the rendition so far, those of earlier attempts included."""
        return self._assembler.next_frame

    def add(self, fragment: Fragment, now: float) -> Bundle | None:
        """Take the next fragment; return a bundle if one is due.

        Raises:
            BadFrame, BadBitstream: the codec broke the protocol; kill it.
        """
        if any(sample.duration != self._ticks for sample in fragment.samples):
            raise BadFrame("a sample has another duration than its track")
        segment = self._assembler.add(fragment)
        if segment is not None:
            self._write(segment, now)
        return self.due(now)

    def due(self, now: float) -> Bundle | None:
        """Return a bundle if one is due by its size or by the clock."""
        return self._bundles.close() if self._bundles.due(now) else None

    def pause(self) -> Bundle | None:
        """Return what is left before a cut, which lies at the start of a segment."""
        return self._bundles.close()

    def finish(self, now: float) -> Bundle:
        """Return the last bundle; it may hold no segment, but tells how long the rendition is."""
        segment = self._assembler.finish()
        if segment is not None:
            self._write(segment, now)
        return self._bundles.finish(self.frames)

    def _write(self, segment: Segment, now: float) -> None:
        samples = [Sample(each.size, each.duration, each.cts_offset, each.sync) for each in segment.samples]
        decode_time = segment.first * self._ticks
        packaged = self._packager.segment(segment.number, decode_time, samples, segment.body)
        if segment.number not in self._published:
            duration = len(samples) * self._ticks
            self._bundles.add(
                segment.number, decode_time, duration, len(samples), packaged.body, now, packaged.band_ranges
            )


def grid_of(rung: Rung | None) -> Grid:
    """Return the grid of a rung, or of the audio rendition."""
    return Grid(TrackKind.AUDIO) if rung is None else Grid(TrackKind.VIDEO, is_step=rung.is_step)
