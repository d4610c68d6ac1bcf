"""The sound: each track in stereo at 48 kHz on the picture's clock, as AAC frames, and the waveform's peaks."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from reelkeep.media import (
    AUDIO_FRAME_SAMPLES,
    AUDIO_RATE_HZ,
    AUDIO_SEGMENT_AAC_FRAMES,
    TrackKind,
)
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.sound_tracks import MAX_SOUND_HZ, MIN_SOUND_HZ
from reelkeep.transcode.protocol import Fragment, Peaks, SampleEntry, Track

BITRATE_BPS: Final = 160_000
PRIMING_SAMPLES: Final = 1_024  # libavcodec's AAC encoder, its initial_padding
PRE_ROLL_FRAMES: Final = 2
MAX_DRIFT_SAMPLES: Final = 2_400  # 50 ms: smaller differences are rounding of time stamps, not gaps
MAX_GAP_SAMPLES: Final = AUDIO_RATE_HZ * 600
PEAK_ZOOMS: Final = (512, 16_384)  # samples for each point: 10 ms and a third of a second
MAX_APART_SAMPLES: Final = AUDIO_RATE_HZ * 10  # interleaving keeps tracks within a second of each other
Samples = NDArray[np.float32]
_NOTHING: Final[Samples] = np.zeros((1, 0), dtype=np.float32)


class Timeline:
    """Brings decoded sound to floats at 48 kHz without holes; sample 0 is at ``origin`` seconds.

    Sound from before ``origin`` is dropped, a hole becomes silence, and what overlaps is cut. A change of format, rate
    or layout in the middle of a source is followed.
    """

    def __init__(self, origin: Fraction, first_sample: int = 0, channels: int = 2) -> None:
        self._origin = origin
        self._channels = channels
        self._resampler: Any = None
        self._shape: tuple[Any, ...] = ()  # of what the resampler takes
        self._given = first_sample  # the next sample to give out
        self._arriving: int | None = None  # the next sample to come from the resampler

    def add(self, frame: Any) -> Iterator[Samples]:
        """Yield blocks of shape (channels, n), in order, that follow each other without a hole."""
        shape = (frame.format.name, frame.layout.name, frame.sample_rate)
        if shape != self._shape:
            if not MIN_SOUND_HZ <= frame.sample_rate <= MAX_SOUND_HZ:
                raise Refused("unsupported", f"sound with {frame.sample_rate} samples a second")
            yield from self.end()
            self._resampler, self._shape = None, shape
        if frame.pts is not None:
            self._set_clock(round((Fraction(frame.pts) * frame.time_base - self._origin) * AUDIO_RATE_HZ))
            frame.pts = None
        if self._resampler is None:
            own = frame.layout if frame.layout.nb_channels == 1 else "mono"  # a place must not change its level
            self._resampler = _resampler(own if self._channels == 1 else "stereo")
        for out in self._resampler.resample(frame):
            yield from self._fit(out.to_ndarray())

    def _set_clock(self, start: int) -> None:
        if self._arriving is None or abs(start - self._arriving) > MAX_DRIFT_SAMPLES:
            self._arriving = start
        if self._arriving - self._given > MAX_GAP_SAMPLES:
            raise Refused("damaged", "the sound's time stamps jump")

    def _fit(self, block: Samples) -> Iterator[Samples]:
        start = self._given if self._arriving is None else self._arriving
        if start > self._given:
            yield from self.fill(start - self._given)
        rest = block[:, self._given - start :]
        self._arriving = start + block.shape[1]
        if rest.shape[1]:
            self._given += rest.shape[1]
            yield rest

    def fill(self, count: int) -> Iterator[Samples]:
        """Yield ``count`` samples of silence; sound that comes for that time later is dropped."""
        while count > 0:
            part = min(count, AUDIO_RATE_HZ)
            self._given += part
            count -= part
            yield np.zeros((self._channels, part), dtype=np.float32)

    def end(self) -> Iterator[Samples]:
        """Yield what the resampler held back."""
        for out in self._resampler.resample(None) if self._resampler else ():
            yield from self._fit(out.to_ndarray())


class JoinedStreams:
    """Streams of one channel as the channels of one track: as many recorders and MXF files carry them.

    A stream that falls behind by ``MAX_APART_SAMPLES``, or ends earlier, is silent from there on until it is back.
    """

    def __init__(self, origin: Fraction, first_sample: int, streams: int) -> None:
        self._lines = [Timeline(origin, first_sample, channels=1) for _ in range(streams)]
        self._waiting: list[Samples] = [_NOTHING] * streams

    def add(self, place: int, frame: Any) -> Iterator[Samples]:
        """Take sound of one stream; yield blocks of shape (streams, n)."""
        self._keep(place, self._lines[place].add(frame))
        for other, waiting in enumerate(self._waiting):
            ahead = self._waiting[place].shape[1] - waiting.shape[1]
            if ahead > MAX_APART_SAMPLES:
                self._keep(other, self._lines[other].fill(ahead))
        yield from self._together()

    def end(self) -> Iterator[Samples]:
        """Yield what is left of all, the shorter ones filled with silence."""
        for place, line in enumerate(self._lines):
            self._keep(place, line.end())
        longest = max(waiting.shape[1] for waiting in self._waiting)
        for place, line in enumerate(self._lines):
            self._keep(place, line.fill(longest - self._waiting[place].shape[1]))
        yield from self._together()

    def _keep(self, place: int, blocks: Iterator[Samples]) -> None:
        self._waiting[place] = np.concatenate((self._waiting[place], *blocks), axis=1)

    def _together(self) -> Iterator[Samples]:
        count = min(waiting.shape[1] for waiting in self._waiting)
        if count:
            yield np.concatenate([waiting[:, :count] for waiting in self._waiting])
            self._waiting = [waiting[:, count:] for waiting in self._waiting]


def _resampler(layout: Any) -> Any:
    return av.AudioResampler(format="fltp", layout=layout, rate=AUDIO_RATE_HZ)


class AacEncoder:
    """Makes AAC frames of stereo blocks and gives them back as fragments of 94.

    AAC frame 0 is the priming frame: frame ``n`` ends the sound that began in sample ``(n - 1) * 1024``. Started for
    a later frame, it encodes a little sound before it and drops those frames, so that the seam cannot be heard.
    """

    def __init__(self, rendition: str, first_frame: int, limit_samples: int | None) -> None:
        self._rendition = rendition
        self._drop = PRE_ROLL_FRAMES + 1 if first_frame else 0
        self.first_sample = max(0, first_frame - self._drop) * AUDIO_FRAME_SAMPLES
        self._next = first_frame
        self._left = None if limit_samples is None else max(0, limit_samples - self.first_sample)
        self.samples = self.first_sample
        self._waiting: list[Samples] = []
        self._waiting_samples = 0
        self._frames: list[bytes] = []
        self._pts = 0
        self._context = _context()

    @property
    def frames(self) -> int:
        """AAC frames on the whole grid so far."""
        return self._next + len(self._frames)

    def track(self) -> Track:
        return Track(
            rendition=self._rendition,
            kind=TrackKind.AUDIO,
            codec_config=bytes(self._context.extradata),
            timescale=AUDIO_RATE_HZ,
            sample_ticks=AUDIO_FRAME_SAMPLES,
            channels=2,
            priming_samples=PRIMING_SAMPLES,
        )

    def add(self, block: Samples) -> Iterator[Fragment]:
        """Take the next samples; yield fragments that are complete now."""
        if self._left is not None:
            block = block[:, : self._left]
            self._left -= block.shape[1]
        self.samples += block.shape[1]
        self._waiting.append(block)
        self._waiting_samples += block.shape[1]
        if self._waiting_samples >= AUDIO_FRAME_SAMPLES:
            yield from self._drain()

    def silence(self, until_sample: int) -> Iterator[Fragment]:
        """Fill with silence up to a sample of the whole grid, or to the limit; yield fragments that are complete."""
        while (missing := until_sample - self.samples) > 0 and self._left != 0:
            yield from self.add(np.zeros((2, min(missing, AUDIO_RATE_HZ)), dtype=np.float32))

    def finish(self) -> Iterator[Fragment]:
        """Fill the last AAC frame with silence and yield everything that is left."""
        missing = -self._waiting_samples % AUDIO_FRAME_SAMPLES
        if not (self._pts or self._next or self._waiting_samples):
            missing = AUDIO_FRAME_SAMPLES  # a track without any sound is one frame of silence
        self._waiting.append(np.zeros((2, missing), dtype=np.float32))
        self._waiting_samples += missing
        yield from self._drain()
        if self._pts:
            yield from self._collect(self._context.encode(None))
        if self._frames:
            yield self._fragment()

    def _drain(self) -> Iterator[Fragment]:
        joined = np.concatenate(self._waiting, axis=1)
        whole = joined.shape[1] // AUDIO_FRAME_SAMPLES * AUDIO_FRAME_SAMPLES
        self._waiting, self._waiting_samples = [joined[:, whole:]], joined.shape[1] - whole
        for start in range(0, whole, AUDIO_FRAME_SAMPLES):
            part = np.ascontiguousarray(joined[:, start : start + AUDIO_FRAME_SAMPLES])
            frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = AUDIO_RATE_HZ, self._pts, Fraction(1, AUDIO_RATE_HZ)
            self._pts += AUDIO_FRAME_SAMPLES
            yield from self._collect(self._context.encode(frame))

    def _collect(self, packets: list[Any]) -> Iterator[Fragment]:
        for packet in packets:
            if self._drop:
                self._drop -= 1
                continue
            self._frames.append(bytes(packet))
            if len(self._frames) == AUDIO_SEGMENT_AAC_FRAMES:
                yield self._fragment()

    def _fragment(self) -> Fragment:
        frames, first = self._frames, self._next
        self._frames = []
        self._next += len(frames)
        samples = tuple(SampleEntry(len(frame), AUDIO_FRAME_SAMPLES, 0, True) for frame in frames)
        return Fragment(self._rendition, first, samples, b"".join(frames))


def _context() -> Any:
    context: Any = av.CodecContext.create("aac", "w")
    context.sample_rate, context.layout, context.format = AUDIO_RATE_HZ, "stereo", "fltp"
    context.bit_rate = BITRATE_BPS
    context.time_base = Fraction(1, AUDIO_RATE_HZ)
    context.flags |= int(av.codec.context.Flags.global_header)
    context.open()
    return context


class PeakMeter:
    """Lowest and highest sample of both channels together, as int8, for every so many samples."""

    def __init__(self, samples_per_point: int) -> None:
        self._step = samples_per_point
        self._rest: Samples = np.zeros((2, 0), dtype=np.float32)
        self._points: list[NDArray[np.int8]] = []

    def add(self, block: Samples) -> None:
        joined = np.concatenate((self._rest, block), axis=1)
        whole = joined.shape[1] // self._step * self._step
        self._rest = joined[:, whole:]
        if whole:
            self._measure(joined[:, :whole])

    def finish(self) -> Peaks:
        if self._rest.shape[1]:
            padding = np.zeros((2, -self._rest.shape[1] % self._step), dtype=np.float32)
            self._measure(np.concatenate((self._rest, padding), axis=1))
            self._rest = self._rest[:, :0]
        body = np.concatenate(self._points).tobytes() if self._points else b""
        return Peaks(self._step, len(body) // 2, body)

    def _measure(self, samples: Samples) -> None:
        grouped = samples.reshape(2, -1, self._step)
        pairs = np.stack((grouped.min(axis=(0, 2)), grouped.max(axis=(0, 2))), axis=1)
        self._points.append(np.clip(np.rint(pairs * 127), -128, 127).astype(np.int8).ravel())
