"""Writes CMAF init segments and media segments, box by box. Pure; no I/O.

Follows ISO/IEC 23000-19:2020 (CMAF), 14496-12:2022 (boxes), 14496-14 and -15 (mp4a, avc1), 23001-7:2023 (sinf, tenc,
senc). One track, one moof and one mdat to a segment. No ``pssh``: licences are asked for by key id.
Video starts at composition time 0 (``trun`` version 1, offsets with sign, no edit list). Audio starts with the AAC
encoder's priming frame, which an edit list takes away again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from reelkeep.media import AUDIO_FRAME_SAMPLES, TrackKind
from reelkeep.packaging.boxes import box, descriptor, full_box
from reelkeep.packaging.cbcs import BLOCK_BYTES, CRYPT_BLOCKS, SKIP_BLOCKS, Subsample
from reelkeep.packaging.tracks import TrackConfig

AUDIO_PRIMING_SAMPLES: Final = AUDIO_FRAME_SAMPLES  # FFmpeg's AAC encoder, avcodec initial_padding
_TRACK_ID: Final = 1
_MATRIX: Final = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_UNDETERMINED_LANGUAGE: Final = 0x55C4  # "und", ISO 639-2/T in five bits each
_SYNC_FLAGS: Final = 0x02000000  # depends on no other sample
_NON_SYNC_FLAGS: Final = 0x01010000  # depends on others, is no sync sample
_DEFAULT_BASE_IS_MOOF: Final = 0x020000
_USE_SUBSAMPLES: Final = 0x000002
_SENC_PREFIX_BYTES: Final = 16  # size, name, version and flags, count


@dataclass(frozen=True)
class Sample:
    """One encoded frame. ``composition_offset`` may be negative; both times are in the track's timescale."""

    size_bytes: int
    duration: int
    composition_offset: int
    is_sync: bool


@dataclass(frozen=True)
class Protection:
    key_id: bytes
    iv: bytes


def init_segment(track: TrackConfig, protection: Protection | None) -> bytes:
    """Return ftyp and moov of a track, in the clear only where ``protection`` is None."""
    brands = (b"iso6", b"cmfc") + ((b"cmf2",) if track.kind is TrackKind.VIDEO else ())
    return box(b"ftyp", b"iso6", bytes(4), *brands) + box(
        b"moov",
        _movie_header(track),
        box(b"trak", _track_header(track), *_edits(track), _media(track, protection)),
        box(b"mvex", _track_extends(_TRACK_ID)),
    )


def clear_movie(tracks: Sequence[TrackConfig], seconds: Fraction) -> bytes:
    """Return ftyp and moov, in the clear, of a file with several tracks, numbered from 1 in this order.

    Args:
        seconds: how long the film is, so that a player knows it before it has read every fragment.
    """
    timescale = tracks[0].timescale
    duration = full_box(b"mehd", 1, 0, struct.pack(">Q", round(seconds * timescale)))
    numbered = list(enumerate(tracks, 1))
    return box(b"ftyp", b"iso6", bytes(4), b"iso6", b"mp41") + box(
        b"moov",
        _movie_header(tracks[0], len(tracks) + 1),
        *(box(b"trak", _track_header(track, of), *_edits(track), _media(track, None)) for of, track in numbered),
        box(b"mvex", duration, *(_track_extends(of) for of, _ in numbered)),
    )


def media_segment(
    number: int,
    decode_time: int,
    samples: Sequence[Sample],
    payload: bytes | bytearray,
    subsamples: Sequence[Sequence[Subsample]] = (),
    *,
    track_id: int = _TRACK_ID,
) -> bytes:
    """Return moof and mdat of one segment.

    Args:
        number: of the segment, from 0; the sequence number is one more.
        decode_time: of the first sample, in the track's timescale.
        subsamples: one sequence for each sample, or none at all where whole samples are encrypted (audio).
    """
    header = struct.pack(">I", 8 + len(payload)) + b"mdat"
    size = len(_moof(number, decode_time, samples, subsamples, track_id, 0))
    return b"".join((_moof(number, decode_time, samples, subsamples, track_id, size), header, payload))


def _moof(
    number: int,
    decode_time: int,
    samples: Sequence[Sample],
    subsamples: Sequence[Sequence[Subsample]],
    track_id: int,
    size: int,
) -> bytes:
    """Return the moof box of a segment. ``size`` is its own, on which two offsets hang; any to learn it."""
    encryption = _encryption_boxes(subsamples, size) if subsamples else ()
    return box(
        b"moof",
        full_box(b"mfhd", 0, 0, struct.pack(">I", number + 1)),
        box(
            b"traf",
            full_box(b"tfhd", 0, _DEFAULT_BASE_IS_MOOF, struct.pack(">I", track_id)),
            full_box(b"tfdt", 1, 0, struct.pack(">Q", decode_time)),
            _trun(samples, size + 8),
            *encryption,
        ),
    )


def _trun(samples: Sequence[Sample], data_offset: int) -> bytes:
    """Return a run with duration, size, flags and composition offset for each sample."""
    entry = struct.Struct(">IIIi")
    entries = (
        entry.pack(
            each.duration, each.size_bytes, _SYNC_FLAGS if each.is_sync else _NON_SYNC_FLAGS, each.composition_offset
        )
        for each in samples
    )
    return full_box(b"trun", 1, 0x000F01, struct.pack(">Ii", len(samples), data_offset), *entries)


def _encryption_boxes(subsamples: Sequence[Sequence[Subsample]], moof_size: int) -> tuple[bytes, bytes, bytes]:
    """Return saiz, saio and senc; senc is the last of the moof and holds no IVs (the constant one is in tenc)."""
    entries = (
        struct.pack(">H", len(each)) + b"".join(struct.pack(">HI", *subsample) for subsample in each)
        for each in subsamples
    )
    senc = full_box(b"senc", 0, _USE_SUBSAMPLES, struct.pack(">I", len(subsamples)), *entries)
    sizes = bytes(2 + 6 * len(each) for each in subsamples)
    same = len(set(sizes)) == 1
    saiz = full_box(b"saiz", 0, 0, struct.pack(">BI", sizes[0] if same else 0, len(sizes)), b"" if same else sizes)
    offset = max(moof_size - len(senc), 0) + _SENC_PREFIX_BYTES
    return saiz, full_box(b"saio", 0, 0, struct.pack(">2I", 1, offset)), senc


def _track_extends(track_id: int) -> bytes:
    return full_box(b"trex", 0, 0, struct.pack(">5I", track_id, 1, 0, 0, 0))


def _movie_header(track: TrackConfig, next_track_id: int = _TRACK_ID + 1) -> bytes:
    rest = struct.pack(">IH10x", 0x00010000, 0x0100) + _MATRIX + bytes(24) + struct.pack(">I", next_track_id)
    return full_box(b"mvhd", 0, 0, struct.pack(">4I", 0, 0, track.timescale, 0), rest)


def _track_header(track: TrackConfig, track_id: int = _TRACK_ID) -> bytes:
    volume = 0x0100 if track.kind is TrackKind.AUDIO else 0
    return full_box(
        b"tkhd", 0, 7,  # enabled, in movie, in preview
        struct.pack(">5I8x4H", 0, 0, track_id, 0, 0, 0, 0, volume, 0),
        _MATRIX,
        struct.pack(">2I", track.width_px << 16, track.height_px << 16),
    )  # fmt: skip


def _edits(track: TrackConfig) -> tuple[bytes, ...]:
    if track.kind is not TrackKind.AUDIO:
        return ()
    entry = struct.pack(">IIiHH", 1, 0, AUDIO_PRIMING_SAMPLES, 1, 0)  # duration 0: to the end, as fragments come
    return (box(b"edts", full_box(b"elst", 0, 0, entry)),)


def _media(track: TrackConfig, protection: Protection | None) -> bytes:
    if track.kind is TrackKind.VIDEO:
        handler, name = b"vide", b"Reelkeep video\0"
        header, entry = full_box(b"vmhd", 0, 1, bytes(8)), _video_entry(track, protection)
    else:
        handler, name = b"soun", b"Reelkeep audio\0"
        header, entry = full_box(b"smhd", 0, 0, bytes(4)), _audio_entry(track, protection)
    media_header = struct.pack(">4I2H", 0, 0, track.timescale, 0, _UNDETERMINED_LANGUAGE, 0)
    references = full_box(b"dref", 0, 0, struct.pack(">I", 1), full_box(b"url ", 0, 1))
    empty = (full_box(each, 0, 0, bytes(8 if each == b"stsz" else 4)) for each in (b"stts", b"stsc", b"stsz", b"stco"))
    table = box(b"stbl", full_box(b"stsd", 0, 0, struct.pack(">I", 1), entry), *empty)
    return box(
        b"mdia",
        full_box(b"mdhd", 0, 0, media_header),
        full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(12), name),
        box(b"minf", header, box(b"dinf", references), table),
    )


def _video_entry(track: TrackConfig, protection: Protection | None) -> bytes:
    """Return avc1, or encv with what it stands for (ISO/IEC 14496-12, 12.1.3; 14496-15, 5.4.2)."""
    fields = struct.pack(
        ">6xH16x2H2I4xH32x2H", 1, track.width_px, track.height_px, 0x00480000, 0x00480000, 1, 0x0018, 0xFFFF
    )
    colour: tuple[bytes, ...] = ()
    if track.colour is not None:
        points = track.colour.primaries, track.colour.transfer, track.colour.matrix
        colour = (box(b"colr", b"nclx", struct.pack(">3HB", *points, track.colour.full_range << 7)),)
    parts = (fields, box(b"avcC", track.codec_config), *colour)
    return _protected(b"avc1", b"encv", parts, protection, (CRYPT_BLOCKS, SKIP_BLOCKS))


def _audio_entry(track: TrackConfig, protection: Protection | None) -> bytes:
    """Return mp4a, or enca with what it stands for (ISO/IEC 14496-12, 12.2.3; 14496-14, 6.7)."""
    fields = struct.pack(">6xH8x2H4xI", 1, track.channels, 16, track.timescale << 16 & 0xFFFFFFFF)
    decoder = descriptor(4, struct.pack(">BB3x2I", 0x40, 0x15, 0, 0), descriptor(5, track.codec_config))
    stream = descriptor(3, struct.pack(">HB", 0, 0), decoder, descriptor(6, b"\x02"))
    return _protected(b"mp4a", b"enca", (fields, full_box(b"esds", 0, 0, stream)), protection, (0, 0))


def _protected(
    clear: bytes, encrypted: bytes, parts: tuple[bytes, ...], protection: Protection | None, pattern: tuple[int, int]
) -> bytes:
    """Return a sample entry, with a ``sinf`` of scheme cbcs and a ``tenc`` version 1 where it is protected."""
    if protection is None:
        return box(clear, *parts)
    crypt, skip = pattern
    tenc = full_box(
        b"tenc", 1, 0, bytes((0, crypt << 4 | skip, 1, 0)), protection.key_id, bytes((BLOCK_BYTES,)), protection.iv
    )
    scheme = full_box(b"schm", 0, 0, b"cbcs", struct.pack(">I", 0x00010000))
    return box(encrypted, *parts, box(b"sinf", box(b"frma", clear), scheme, box(b"schi", tenc)))
