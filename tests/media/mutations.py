"""Small files of many kinds, and seeded damage to them, for the fuzzer."""

from __future__ import annotations

import functools
import io
import random
import struct

from PIL import Image
from tests.media import bad_files
from tests.media.kinds import PCM, X264
from tests.media.originals import numbered_picture

_ODD_NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0, 0x10000)
_HEAD_BYTES = 2_048  # most fields that lie are near the start; half of the damage goes there


def _still(kind: str) -> bytes:
    out = io.BytesIO()
    Image.fromarray(numbered_picture(7, 96, 64)).save(out, kind)
    return out.getvalue()


@functools.cache
def seeds() -> dict[str, bytes]:
    """Return the files that are damaged, by the name of their kind."""
    make = _film
    return {
        "mp4": make("mp4", *X264.split(), "-c:a", "aac", "-movflags", "faststart"),
        "fragments": make("mp4", *X264.split(), "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
        "hevc": make("mp4", "-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", *PCM.split()),
        "av1": make("mkv", "-c:v", "libsvtav1", "-preset", "12", "-c:a", "libopus"),
        "prores": make("mov", "-c:v", "prores_ks", "-pix_fmt", "yuva444p10le", "-profile:v", "4", *PCM.split()),
        "matroska": make("mkv", *X264.split(), "-c:a", "flac"),
        "webm": make("webm", "-c:v", "libvpx-vp9", "-cpu-used", "8", "-deadline", "realtime", "-c:a", "libvorbis"),
        "mxf": make("mxf", "-c:v", "mpeg2video", *PCM.split()),
        "dnx": make(
            "mxf", "-c:v", "dnxhd", "-profile:v", "dnxhr_lb", "-pix_fmt", "yuv422p", *PCM.split(), size="256x120"
        ),
        "ts": make("ts", "-c:v", "mpeg2video", "-c:a", "mp2"),
        "avi": make("avi", "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-c:a", "libmp3lame"),
        "jpeg2000": make("mov", "-c:v", "jpeg2000", "-pix_fmt", "yuv422p10le", "-c:a", "alac"),
        "cineform": make("mov", "-c:v", "cfhd", "-pix_fmt", "yuv422p10le", "-an", sounds=0),
        **{kind: _still(kind) for kind in ("png", "jpeg", "tiff")},
        "exr": _converted("exr"),
        "dpx": _converted("dpx"),
        "jp2": _still("jpeg2000"),
        "j2k": _converted("j2k"),
        "wav": bad_files.wav(2, 48_000),
    }


def _film(ending: str, *options: str, size: str = "64x64", sounds: int = 1) -> bytes:
    return bad_files.film(ending, *options, seconds=0.4, size=size, sounds=sounds)


def _converted(ending: str) -> bytes:
    return bad_files.film(ending, "-frames:v", "1", "-update", "1", seconds=0.04, size="96x64", sounds=0)


def mutant(number: int) -> tuple[str, bytes]:
    """Return the name of a seed and one damaged copy of it; the same for the same number."""
    chance = random.Random(number)
    name = chance.choice(sorted(seeds()))
    content = bytearray(seeds()[name])
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        _damage(content, chance)
    return name, bytes(content)


def _damage(content: bytearray, chance: random.Random) -> None:
    if len(content) < 16:
        return
    place = chance.randrange(min(len(content), _HEAD_BYTES) if chance.random() < 0.5 else len(content))
    match chance.randrange(7):
        case 0:
            content[place] ^= 1 << chance.randrange(8)
        case 1:
            content[place : place + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(_ODD_NUMBERS))
        case 2:
            content[place : place + 8] = chance.randbytes(8)
        case 3:
            del content[place : place + chance.choice((1, 4, 100))]
        case 4:
            content[place:place] = content[place : place + chance.choice((1, 8, 300))]
        case 5:
            end = chance.randrange(len(content))
            content[place : place + 64] = content[end : end + 64]
        case _:
            if chance.random() < 0.3:
                del content[place:]
