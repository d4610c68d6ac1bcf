"""Tells a file's container from its first bytes and allows only those that cannot make a demuxer open other files.

Pure; no I/O. Left out on purpose: every text format (HLS, DASH, ffconcat, SDP and the like list other files), image
sequences, devices, and demuxers for containers that no camera, editor or mastering tool writes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from reelkeep.transcode.codec.problems import Refused

HEAD_BYTES: Final = 4_096
_MOV_ATOMS: Final = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid"})
_TS_SYNC: Final = 0x47
_TS_PACKET_BYTES: Final = 188
_M2TS_PACKET_BYTES: Final = 192
_J2K_CODESTREAM: Final = b"\xff\x4f\xff\x51"  # ISO/IEC 15444-1 A.4.1: start of codestream, then SIZ
_JP2_SIGNATURE: Final = b"\0\0\0\x0cjP  \r\n\x87\n"  # ISO/IEC 15444-1 I.5.1
_MXF_RUN_IN_BYTES: Final = 65_536  # SMPTE ST 377-1 section 6.5; only a run-in of nothing is accepted here


def _is_mov(head: bytes) -> bool:
    return head[4:8] in _MOV_ATOMS


def _is_transport_stream(head: bytes) -> bool:
    for step, start in ((_TS_PACKET_BYTES, 0), (_M2TS_PACKET_BYTES, 4)):
        places = range(start, min(len(head), start + 5 * step), step)
        if len(places) >= 3 and all(head[place] == _TS_SYNC for place in places):
            return True
    return False


def _is_mp3(head: bytes) -> bool:
    return head[:3] == b"ID3" or (head[:1] == b"\xff" and len(head) > 1 and head[1] & 0xE6 == 0xE2)


# libavformat's name of the demuxer, and how its files begin.
_CONTAINERS: Final[tuple[tuple[str, Callable[[bytes], bool]], ...]] = (
    ("mov", _is_mov),
    ("matroska", lambda head: head.startswith(b"\x1a\x45\xdf\xa3")),
    ("mxf", lambda head: head.startswith(b"\x06\x0e\x2b\x34\x02\x05\x01\x01")),
    ("avi", lambda head: head.startswith(b"RIFF") and head[8:12] in (b"AVI ", b"AVIX")),
    ("wav", lambda head: head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE"),
    ("aiff", lambda head: head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC")),
    ("flac", lambda head: head.startswith(b"fLaC")),
    ("ogg", lambda head: head.startswith(b"OggS")),
    ("mpegts", _is_transport_stream),
    ("mpeg", lambda head: head.startswith(b"\x00\x00\x01\xba")),
    ("mp3", _is_mp3),
    ("png_pipe", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    ("jpeg_pipe", lambda head: head.startswith(b"\xff\xd8\xff")),
    ("tiff_pipe", lambda head: head[:4] in (b"II*\0", b"MM\0*")),
    ("exr_pipe", lambda head: head.startswith(b"\x76\x2f\x31\x01")),
    ("dpx_pipe", lambda head: head[:4] in (b"SDPX", b"XPDS")),
    ("j2k_pipe", lambda head: head.startswith((_J2K_CODESTREAM, _JP2_SIGNATURE))),
)
STILLS: Final = frozenset(name for name, _ in _CONTAINERS if name.endswith("_pipe"))
ALLOWED: Final = ",".join(name for name, _ in _CONTAINERS)


def container_of(head: bytes) -> str:
    """Return the name of the only demuxer that may open a file beginning with ``head``.

    Raises:
        Refused: it is empty, text, or nothing known.
    """
    if not head:
        raise Refused("empty")
    for name, matches in _CONTAINERS:
        if matches(head):
            return name
    raise Refused("text" if _is_text(head) else "not_media")


def _is_text(head: bytes) -> bool:
    """Text in an ASCII-compatible encoding, or UTF-16 with its mark."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    plain = sum(byte in b"\t\r\n" or 32 <= byte < 127 or byte >= 128 for byte in head)
    control = len(head) - plain
    return control == 0 and sum(byte < 128 for byte in head) * 10 >= len(head) * 7
