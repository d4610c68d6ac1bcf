"""Turns encoded samples into encrypted CMAF segments of one rendition. Pure; no I/O.

The samples come from the codec process and may be hostile: what breaks the grid, or could stay clear, is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reelkeep.encryption.keys import ContentKey
from reelkeep.media import AUDIO_FRAME_SAMPLES, Band, TrackKind
from reelkeep.packaging.band_ranges import find_ranges, pack_ranges
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.cbcs import SampleCipher, VideoSample, encrypt_video_sample
from reelkeep.packaging.cmaf import Protection, Sample, init_segment, media_segment
from reelkeep.packaging.tracks import TrackConfig

MAX_SAMPLES: Final = 1024  # a segment has 48 frames or 94 AAC frames
MAX_PAYLOAD_BYTES: Final = 64 << 20  # isolation.channel.MAX_BODY_BYTES
MAX_NUMBER: Final = (1 << 32) - 2  # the sequence number has 32 bits and is one more
MAX_DURATION: Final = (1 << 31) - 1
MAX_DECODE_TIME: Final = (1 << 63) - 1


class PackagedSegment(NamedTuple):
    body: bytes  # moof and mdat
    band_ranges: bytes  # as ``band_ranges.pack_ranges`` packs them; empty without bands


class RenditionPackager:
    """Packages one rendition: every segment comes out encrypted, none in the clear.

    Args:
        track: from ``video_track`` or ``audio_track``.
        content_key: of the rendition's class.
        iv: the constant IV, 16 bytes, kept with the rendition.
        bands: the mark bands of every picture.
    """

    def __init__(self, track: TrackConfig, content_key: ContentKey, iv: bytes, bands: Sequence[Band] = ()) -> None:
        self.track = track
        self._bands = bands
        self._protection = Protection(content_key.key_id, iv)
        self._cipher = SampleCipher(content_key, iv)

    def init(self) -> bytes:
        """Return the init segment."""
        return init_segment(self.track, self._protection)

    def segment(self, number: int, decode_time: int, samples: Sequence[Sample], payload: bytes) -> PackagedSegment:
        """Return one media segment, its samples encrypted, and where its mark bands lie.

        Args:
            number: of the segment, from 0.
            decode_time: of the first sample, in the track's timescale.
            samples: in decode order; the first is a sync sample.
            payload: the samples' bytes, one after the other: NAL units with four-byte lengths, or raw AAC.

        Raises:
            BadBitstream: samples and payload do not fit each other, or a frame is not on the grid; nothing came out.
        """
        _check(self.track.kind, number, decode_time, samples, len(payload))
        body = bytearray(payload)
        buffer = np.frombuffer(body, np.uint8)
        if self.track.kind is TrackKind.VIDEO:
            encrypted = self._encrypt_video(buffer, samples)
            ranges = [find_ranges(each.slices, self._bands, self.track.width_px) for each in encrypted]
            subsamples = [each.subsamples for each in encrypted]
            return PackagedSegment(media_segment(number, decode_time, samples, body, subsamples), pack_ranges(ranges))
        self._encrypt_audio(buffer, samples)
        return PackagedSegment(media_segment(number, decode_time, samples, body), b"")

    def _encrypt_video(self, buffer: NDArray[np.uint8], samples: Sequence[Sample]) -> list[VideoSample]:
        encrypted, start = [], 0
        for sample in samples:
            end = start + sample.size_bytes
            found = encrypt_video_sample(self._cipher, buffer, start, end, self.track.parameter_sets)
            if found.is_idr is not sample.is_sync:
                raise BadBitstream("a sync flag does not say what the picture is")
            encrypted.append(found)
            start = end
        return encrypted

    def _encrypt_audio(self, buffer: NDArray[np.uint8], samples: Sequence[Sample]) -> None:
        start = 0
        for sample in samples:
            self._cipher.encrypt_whole(buffer[start : start + sample.size_bytes])
            start += sample.size_bytes


def _check(kind: TrackKind, number: int, decode_time: int, samples: Sequence[Sample], payload_bytes: int) -> None:
    """Raise BadBitstream unless the samples fill the payload and their times lie on the grid without a hole."""
    if not 0 <= number <= MAX_NUMBER or not 0 <= decode_time <= MAX_DECODE_TIME:
        raise BadBitstream("a segment's number or time is out of its range")
    if not 1 <= len(samples) <= MAX_SAMPLES or payload_bytes > MAX_PAYLOAD_BYTES:
        raise BadBitstream("a segment has no samples, or too many")
    if any(each.size_bytes < 1 for each in samples) or sum(each.size_bytes for each in samples) != payload_bytes:
        raise BadBitstream("the sizes of a segment's samples do not add up to its payload")
    duration = samples[0].duration
    if not 1 <= duration <= MAX_DURATION or any(each.duration != duration for each in samples):
        raise BadBitstream("the samples of a segment differ in duration")
    if not samples[0].is_sync:
        raise BadBitstream("a segment does not start with a sync sample")
    if kind is TrackKind.AUDIO:
        if duration != AUDIO_FRAME_SAMPLES or any(each.composition_offset or not each.is_sync for each in samples):
            raise BadBitstream("an audio frame has times of its own")
        return
    shown = sorted(index * duration + each.composition_offset for index, each in enumerate(samples))
    if shown != [index * duration for index in range(len(samples))]:
        raise BadBitstream("the pictures of a segment do not fill its time")
