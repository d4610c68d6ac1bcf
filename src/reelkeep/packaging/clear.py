"""Turns an encrypted segment of our own back into a clear fragment of a file. Pure; no I/O.

Reads what ``packaging.cmaf`` writes and nothing else: the boxes in their order, one run, offsets that fit. The bytes
come out of a seal, so they are ours; what does not have this form is refused all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from reelkeep.encryption.keys import ContentKey
from reelkeep.media import TrackKind
from reelkeep.packaging.bits import BadBitstream
from reelkeep.packaging.cbcs import SampleCipher, Subsample
from reelkeep.packaging.cmaf import Sample, media_segment

_SYNC_FLAGS: Final = 0x02000000
_ENTRY: Final = struct.Struct(">IIIi")
_FULL_BOX_BYTES: Final = 4


@dataclass(frozen=True)
class _Segment:
    decode_time: int
    samples: tuple[Sample, ...]
    subsamples: tuple[tuple[Subsample, ...], ...]  # () for audio
    payload: bytes


def clear_fragment(
    segment: bytes, kind: TrackKind, content_key: ContentKey, iv: bytes, *, number: int, track_id: int
) -> bytes:
    """Return the segment with its samples decrypted, as the fragment of one track of a file.

    Args:
        number: of the fragment within the file, from 0.
        track_id: of the track, as ``cmaf.clear_movie`` numbers them.

    Raises:
        BadBitstream: this is no segment of ours.
    """
    found = _read(segment)
    payload = bytearray(found.payload)
    buffer, cipher, start = np.frombuffer(payload, np.uint8), SampleCipher(content_key, iv), 0
    if (kind is TrackKind.VIDEO) is not bool(found.subsamples):
        raise BadBitstream("a segment is not of the kind of its track")
    for index, sample in enumerate(found.samples):
        end = start + sample.size_bytes
        if kind is TrackKind.AUDIO:
            cipher.decrypt_whole(buffer[start:end])
        else:
            for clear_bytes, protected_bytes in found.subsamples[index]:
                start += clear_bytes
                cipher.decrypt_pattern(buffer[start : start + protected_bytes])
                start += protected_bytes
            if start != end:
                raise BadBitstream("the subsamples of a picture do not fill it")
        start = end
    return media_segment(number, found.decode_time, found.samples, payload, track_id=track_id)


def _read(segment: bytes) -> _Segment:
    try:
        (_, moof), (_, payload) = _named(segment, b"moof", b"mdat")
        (_, _), (_, traf) = _named(moof, b"mfhd", b"traf")
        found = dict(_boxes(traf))
        (decode_time,) = struct.unpack_from(">Q", found[b"tfdt"], _FULL_BOX_BYTES)
        samples = tuple(_samples(found[b"trun"]))
        subsamples = tuple(_subsamples(found[b"senc"])) if b"senc" in found else ()
    except (ValueError, KeyError, struct.error) as error:
        raise BadBitstream("this is no segment that was packaged here") from error
    if sum(each.size_bytes for each in samples) != len(payload) or len(subsamples) not in (0, len(samples)):
        raise BadBitstream("the samples of a segment do not fill it")
    return _Segment(decode_time, samples, subsamples, payload)


def _named(data: bytes, *names: bytes) -> Sequence[tuple[bytes, bytes]]:
    found = list(_boxes(data))
    if [name for name, _ in found] != list(names):
        raise ValueError("other boxes than were written")
    return found


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        (size,) = struct.unpack_from(">I", data, at)
        if size < 8 or at + size > len(data):
            raise ValueError("a box does not fit")
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _samples(trun: bytes) -> Iterator[Sample]:
    (count,) = struct.unpack_from(">I", trun, _FULL_BOX_BYTES)
    entries = trun[_FULL_BOX_BYTES + 8 :]
    if len(entries) != count * _ENTRY.size:
        raise ValueError("a run of another length")
    for duration, size_bytes, flags, offset in _ENTRY.iter_unpack(entries):
        yield Sample(size_bytes, duration, offset, flags == _SYNC_FLAGS)


def _subsamples(senc: bytes) -> Iterator[tuple[Subsample, ...]]:
    (count,) = struct.unpack_from(">I", senc, _FULL_BOX_BYTES)
    at = _FULL_BOX_BYTES + 4
    for _ in range(count):
        (many,) = struct.unpack_from(">H", senc, at)
        at += 2
        yield tuple(Subsample(*struct.unpack_from(">HI", senc, at + 6 * index)) for index in range(many))
        at += 6 * many
