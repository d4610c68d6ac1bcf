"""One sound track on its way: from decoded frames to stereo, to AAC fragments, to peaks and loudness."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from reelkeep.media import AUDIO_RATE_HZ, sound_rendition
from reelkeep.transcode.codec.loudness import LoudnessMeter
from reelkeep.transcode.codec.sound import PEAK_ZOOMS, AacEncoder, JoinedStreams, PeakMeter, Samples, Timeline
from reelkeep.transcode.codec.sound_tracks import gains
from reelkeep.transcode.protocol import Job, Loudness


class TrackLine:
    """Takes the frames of one track's streams.

    Args:
        places: the channels of its streams; empty for one stream with a layout of its own.
        limit_samples: the length of the picture; None for sound alone.
        is_heard_again: the sound is measured only, because its start was encoded in an earlier attempt.
    """

    def __init__(
        self,
        number: int,
        places: tuple[str, ...],
        origin: Fraction,
        job: Job,
        limit_samples: int | None,
        *,
        is_heard_again: bool,
    ) -> None:
        self._number = number
        self._encodes = not is_heard_again
        self.aac = AacEncoder(sound_rendition(number), job.resume_audio_frame, limit_samples)
        first = self.aac.first_sample
        self._layout = "+".join(places)
        self._gains = gains(places) if places else None
        self._joined = JoinedStreams(origin, first, len(places)) if places else None
        self._timeline = Timeline(origin, first)
        from_the_start = not job.resume_audio_frame
        has_peaks = job.peaks and from_the_start and number == 0  # the page draws the first track's waveform
        self._meters = [PeakMeter(zoom) for zoom in PEAK_ZOOMS] if has_peaks else []
        self._loudness = LoudnessMeter() if from_the_start else None

    def add(self, place: int, frame: Any) -> Iterator[Any]:
        """Take a frame of one of the track's streams."""
        if self._joined is None:
            if self._loudness is not None:
                self._loudness.add(frame)
            for block in self._timeline.add(frame):
                yield from self._take(block)
        else:
            for block in self._joined.add(place, frame):
                yield from self._take_channels(block)

    def end(self) -> Iterator[Any]:
        """Yield what the resamplers held back."""
        if self._joined is None:
            for block in self._timeline.end():
                yield from self._take(block)
        else:
            for block in self._joined.end():
                yield from self._take_channels(block)

    def finish(self, until_sample: int) -> Iterator[Any]:
        """Yield everything that is left, with silence up to a sample, and what was measured."""
        if self._encodes:
            yield from self.aac.silence(until_sample)
            yield from self.aac.finish()
        for meter in self._meters:
            yield meter.finish()
        if self._loudness is not None and (measured := self._loudness.finish()) is not None:
            yield Loudness(self._number, measured)

    def _take_channels(self, block: Samples) -> Iterator[Any]:
        assert self._gains is not None
        if self._loudness is not None:
            self._loudness.add(_frame(block, self._layout))
        yield from self._take(self._gains @ block)

    def _take(self, block: Samples) -> Iterator[Any]:
        for meter in self._meters:
            meter.add(block)
        if self._encodes:
            yield from self.aac.add(block)


def _frame(block: Samples, layout: str) -> Any:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout=layout)
    frame.sample_rate = AUDIO_RATE_HZ
    return frame
