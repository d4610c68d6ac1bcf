"""A table of originals, one of each kind that studios upload, made by the ffmpeg program from numbered pictures.

Every picture shows its number as the strip of originals.py. What the codec must find in each file stands beside how
it is made, so that a new kind is one more row.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
from tests.media.originals import numbered_picture

FILM, NTSC, PAL = Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)
SIZE = (320, 180)
HD = (1280, 720)
X264 = "-c:v libx264 -preset ultrafast -bf 2 -pix_fmt yuv420p"
AAC = "-c:a aac"
PCM = "-c:a pcm_s16le"
PRORES = "-c:v prores_ks -profile:v"
INTERLACED = "-flags +ildct+ilme"


@dataclass(frozen=True)
class Kind:
    """One row: the file's name, how it is made, and what must be found in it."""

    file: str
    make: str  # options of the ffmpeg program after its inputs
    facts: dict[str, Any] = field(default_factory=dict)
    rate: Fraction = PAL
    count: int = 14
    size: tuple[int, int] = SIZE
    before: str = ""  # options for the input of pictures
    sound: str | None = None  # a source of libavfilter
    shows: tuple[int, ...] | None = None  # the numbers on the proxy's frames; None: each its own
    order: tuple[int, ...] | None = None  # the numbers that the pictures fed in show; None: counted from 0
    again: tuple[str, str] | None = None  # options before and after the input of a second run that copies
    shown_as: tuple[int, int] | None = None  # the size as shown, if it is not the size of the pictures

    def __str__(self) -> str:
        return self.file


@cache
def pixels(order: tuple[int, ...], size: tuple[int, int]) -> bytes:
    """Return the RGB pixels of pictures that show these numbers."""
    return b"".join(np.ascontiguousarray(numbered_picture(number, *size)).tobytes() for number in order)


def ffmpeg(*arguments: str, feed: bytes = b"") -> None:
    """Run the ffmpeg program; its complaint becomes the test's."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *arguments]
    ended = subprocess.run(command, input=feed, capture_output=True, check=False)
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")


def ffmpeg_says(*arguments: str) -> str:
    """Run the ffmpeg program and return its report."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", *arguments]
    return subprocess.run(command, capture_output=True, check=True).stderr.decode(errors="replace")


def make(kind: Kind, folder: Path) -> Path:
    """Write the original of one row and return its path."""
    path = folder / kind.file
    first = path if not kind.again else path.with_name("first-" + path.name)
    order = kind.order or tuple(range(kind.count))
    inputs = [*kind.before.split(), "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{kind.size[0]}x{kind.size[1]}"]
    inputs += ["-r", str(kind.rate), "-i", "-"]
    if kind.sound:
        inputs += ["-f", "lavfi", "-t", f"{float(len(order) / kind.rate):.6f}", "-i", kind.sound]
    ffmpeg(*inputs, *kind.make.split(), str(first), feed=pixels(order, kind.size))
    if kind.again:
        before, after = kind.again
        ffmpeg(*before.split(), "-i", str(first), *after.split(), str(path))
        first.unlink()
    return path


TONE = "sine=440:sample_rate=48000"
H264_SOUND = f"{X264} {AAC}"
_GRAY = tuple(n ^ n >> 1 for n in range(28))  # neighbours differ in one cell, and no cell follows the parity of fields


def _fields(name: str, weave: str, flag: str, codec: str, shows: tuple[int, ...], **facts: Any) -> Kind:
    """Two pictures become the two fields of one frame, so that the order of the fields can be told from the proxy."""
    return Kind(
        name, f"-vf format=yuv420p,tinterlace={weave},setfield={flag} -r 25 {codec}",
        facts, rate=Fraction(50), order=_GRAY, shows=shows,
    )  # fmt: skip


def _turned(name: str, stored: str, flags: str) -> Kind:
    """Pictures are stored turned away, and the file says how to show them: its proxy stands upright again."""
    return Kind(name, f"-vf {stored} {X264}", again=(f"-noautorotate {flags}", "-c copy"))


CODECS = (
    Kind("h264.mp4", H264_SOUND, {"container": "MOV or MP4", "video_codec": "h264", "audio_codec": "aac"}, sound=TONE),
    Kind("h264-10bit-422.mp4", "-c:v libx264 -preset ultrafast -pix_fmt yuv422p10le", {"video_codec": "h264"}),
    Kind("h264-10bit-444.mkv", "-c:v libx264 -preset ultrafast -pix_fmt yuv444p10le", {"container": "Matroska"}),
    Kind("hevc-8bit.mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=none", {"video_codec": "hevc"}),
    Kind("hevc-10bit.mov", "-c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv420p10le"),
    Kind("hevc-12bit-444.mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=none -pix_fmt yuv444p12le"),
    Kind("av1-10bit.mkv", "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p10le", {"video_codec": "libdav1d"}),
    Kind("av1.mp4", "-c:v libsvtav1 -preset 12 -pix_fmt yuv420p", {"video_codec": "libdav1d"}),
    Kind("vp9.webm", "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime -c:a libopus",
         {"video_codec": "vp9", "audio_codec": "opus"}, sound=TONE),
    Kind("vp8.webm", "-c:v libvpx -cpu-used 8 -deadline realtime", {"video_codec": "vp8"}),
    Kind("mpeg2.ts", "-c:v mpeg2video -b:v 8M -bf 2 -c:a mp2",
         {"container": "MPEG-TS", "video_codec": "mpeg2video", "audio_codec": "mp2"}, sound=TONE),
    Kind("mpeg2.mpg", "-c:v mpeg2video -b:v 8M -bf 2 -c:a mp2", {"container": "MPEG-PS"}, sound=TONE),
    Kind("h264.ts", f"{X264} -c:a ac3", {"container": "MPEG-TS", "audio_codec": "ac3"}, sound=TONE),
    Kind("h264.m2ts", f"{X264} -c:a ac3 -f mpegts -mpegts_m2ts_mode 1", {"container": "MPEG-TS"}, sound=TONE),
    *(Kind(f"prores-{profile}.mov", f"{PRORES} {profile} -pix_fmt yuv422p10le", {"video_codec": "prores"})
      for profile in range(4)),
    Kind("prores-4444-alpha.mov", f"{PRORES} 4 -pix_fmt yuva444p10le -alpha_bits 16 -c:a pcm_s24le",
         {"video_codec": "prores", "audio_codec": "pcm_s24le"}, sound=TONE),
    Kind("prores-xq.mov", f"{PRORES} 5 -pix_fmt yuv444p12le"),
    Kind("dnxhd.mov", "-c:v dnxhd -b:v 60M -pix_fmt yuv422p", {"video_codec": "dnxhd"}, size=HD, count=5),
    Kind("dnxhd.mxf", f"-c:v dnxhd -b:v 60M -pix_fmt yuv422p {PCM}", {"container": "MXF"}, size=HD, count=5,
         sound=TONE),
    Kind("dnxhr-lb.mxf", "-c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p", {"video_codec": "dnxhd"}),
    Kind("dnxhr-hqx.mov", "-c:v dnxhd -profile:v dnxhr_hqx -pix_fmt yuv422p10le"),
    Kind("dnxhr-444.mov", "-c:v dnxhd -profile:v dnxhr_444 -pix_fmt yuv444p10le"),
    Kind("xdcam.mxf", f"-c:v mpeg2video -pix_fmt yuv422p -b:v 50M -g 12 -bf 2 {PCM}",
         {"container": "MXF", "video_codec": "mpeg2video"}, size=HD, sound=TONE),
    Kind("opatom.mxf", "-c:v dnxhd -b:v 60M -pix_fmt yuv422p -f mxf_opatom", {"container": "MXF"}, size=HD, count=5),
    Kind("mjpeg.avi", f"-c:v mjpeg -q:v 3 -pix_fmt yuvj422p {PCM}", {"container": "AVI", "video_codec": "mjpeg"},
         sound=TONE),
    Kind("cineform.mov", "-c:v cfhd -pix_fmt yuv422p10le", {"video_codec": "cfhd"}, size=(320, 192)),
    Kind("jpeg2000.mxf", "-c:v jpeg2000 -pix_fmt yuv422p10le", {"video_codec": "jpeg2000"}),
    Kind("ffv1-rgb.mkv", "-c:v ffv1 -pix_fmt gbrp10le", {"video_codec": "ffv1"}),
    Kind("v210.mov", "-c:v v210 -pix_fmt yuv422p10le", {"video_codec": "v210"}),
    Kind("uncompressed-rgb.mov", "-c:v rawvideo -pix_fmt rgb24", {"video_codec": "rawvideo"}),
    Kind("mpeg4.mp4", "-c:v mpeg4 -q:v 3 -bf 2", {"video_codec": "mpeg4"}),
    Kind("mpeg1.mpg", "-c:v mpeg1video -b:v 8M -bf 2", {"container": "MPEG-PS", "video_codec": "mpeg1video"}),
    Kind("huffyuv.avi", "-c:v huffyuv -pix_fmt yuv422p", {"container": "AVI", "video_codec": "huffyuv"}),
    Kind("utvideo.mov", "-c:v utvideo -pix_fmt gbrp", {"video_codec": "utvideo"}),
    Kind("imx.mxf", "-vf scale=720:608 -c:v mpeg2video -pix_fmt yuv422p -intra_vlc 1 -b:v 50M -minrate 50M "
         "-maxrate 50M -bufsize 2M -g 1 -flags +low_delay -dc 10 -qmin 1 -qmax 8 -rc_max_vbv_use 1 -rc_min_vbv_use 1",
         {"container": "MXF", "video_codec": "mpeg2video"}, shown_as=(720, 608), count=6),
    Kind("qtrle-alpha.mov", "-c:v qtrle -pix_fmt argb", {"video_codec": "qtrle"}),
    Kind("png.mov", "-c:v png -pix_fmt rgba", {"video_codec": "png"}),
    Kind("png-48bit.mov", "-c:v png -pix_fmt rgb48be", {"video_codec": "png"}),
    Kind("dv.mov", "-vf scale=720:576,setsar=16/15 -c:v dvvideo -pix_fmt yuv420p", {"video_codec": "dvvideo"},
         shown_as=(768, 576)),
)  # fmt: skip

CONTAINERS = (
    Kind("index-last.mp4", H264_SOUND, sound=TONE),
    Kind("index-first.mp4", f"{H264_SOUND} -movflags faststart", sound=TONE),
    Kind("fragmented.mp4", f"{H264_SOUND} -g 5 -movflags frag_keyframe+empty_moov", sound=TONE, count=40),
    Kind("fragmented-cmaf.mp4", f"{X264} -g 5 -movflags cmaf+frag_keyframe+delay_moov+skip_trailer", count=40),
    Kind("fragment-each-frame.mp4", f"{X264} -movflags frag_every_frame+empty_moov", count=30),
    Kind("no-length.mkv", f"{X264} -live 1 -f matroska", {"container": "Matroska"}, count=40),
    Kind("no-length-sound.mkv", f"{H264_SOUND} -live 1 -f matroska", count=40, sound=TONE),
    Kind("sound-goes-on.mkv", f"-af apad=pad_dur=2 {H264_SOUND}", count=20, sound=TONE),
    Kind("sound-goes-on.mp4", f"-af apad=pad_dur=2 {H264_SOUND}", count=20, sound=TONE),
    Kind("piped.ts", f"{H264_SOUND} -f mpegts -muxdelay 0", count=40, sound=TONE),
    Kind("starts-late.mp4", H264_SOUND, before="-itsoffset 3", sound=TONE),
    Kind("starts-late.ts", f"{H264_SOUND} -output_ts_offset 90000", sound=TONE),
    Kind("starts-late.mkv", f"{H264_SOUND} -output_ts_offset 500", sound=TONE),
    Kind("edit-list.mp4", f"{H264_SOUND} -g 50", again=("-ss 0.4", "-c copy"), count=40, shows=tuple(range(10, 40)),
         sound=TONE),
    Kind("edit-list.mov", f"{PRORES} 0 -pix_fmt yuv422p10le", again=("-ss 0.4", "-c copy"), count=40,
         shows=tuple(range(10, 40))),
    Kind("open-gop.mp4", "-c:v libx264 -preset veryfast -pix_fmt yuv420p -g 10 -bf 3 "
         "-x264-params open-gop=1:scenecut=0", count=40),
    Kind("open-gop.ts", "-c:v libx265 -preset ultrafast -g 10 -bf 3 "
         "-x265-params open-gop=1:scenecut=0:log-level=none:keyint=10", count=40),
    Kind("one-frame.mp4", X264, {"is_still": True}, count=1),
    Kind("one-frame.mov", f"{PRORES} 0 -pix_fmt yuv422p10le", {"is_still": True}, count=1),
    Kind("one-frame.mxf", "-c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p", {"is_still": True}, count=1),
    Kind("one-frame.ts", X264, count=1),
    Kind("one-frame.mkv", X264, count=1),
    Kind("two-frames.mp4", H264_SOUND, count=2, sound=TONE),
    Kind("two-frames.ts", X264, count=2),
    Kind("two-frames.webm", "-c:v libvpx-vp9 -cpu-used 8 -deadline realtime", count=2),
    Kind("two-frames.avi", "-c:v mjpeg -pix_fmt yuvj420p", count=2),
)  # fmt: skip

RATES = (
    *(Kind(f"rate-{rate.numerator}-{rate.denominator}{ending}", X264, rate=rate, count=20)
    for rate, ending in (
        (FILM, ".mp4"), (Fraction(24), ".mov"), (NTSC, ".ts"), (Fraction(30), ".mkv"), (Fraction(48000, 1001), ".mkv"),
        (Fraction(50), ".ts"), (Fraction(60000, 1001), ".mp4"), (Fraction(60), ".mkv"), (Fraction(100), ".mp4"),
        (Fraction(120000, 1001), ".mp4"), (Fraction(120), ".mp4"), (Fraction(25, 2), ".mp4"), (Fraction(18), ".mp4"),
        (FILM, ".mkv"), (FILM, ".ts"), (Fraction(120), ".mkv"),
    )),
    Kind("rate-240.mp4", X264, {"rate": Fraction(120), "frames": 20}, rate=Fraction(240), count=40,
         shows=tuple(range(0, 40, 2))),
)  # fmt: skip

PICTURES = (
    Kind("odd.mkv", "-c:v ffv1 -pix_fmt yuv444p", {"width_px": 321, "height_px": 181}, size=(321, 181)),
    Kind("odd.mov", f"{PRORES} 4 -pix_fmt yuv444p10le", size=(333, 187)),
    Kind("odd-420.mkv", "-c:v ffv1 -pix_fmt yuv420p", size=(321, 181)),
    Kind("narrow.mkv", "-c:v ffv1 -pix_fmt yuv420p", size=(64, 400)),
    _turned("turned-90.mp4", "transpose=clock", "-display_rotation 90"),
    _turned("turned-180.mp4", "hflip,vflip", "-display_rotation 180"),
    _turned("turned-270.mov", "transpose=cclock", "-display_rotation 270"),
    _turned("mirrored.mp4", "hflip", "-display_hflip"),
    _turned("upside-down.mov", "vflip", "-display_vflip"),
    _turned("turned-mirrored.mp4", "transpose=clock_flip", "-display_rotation 90 -display_hflip"),
    _turned("turned-mirrored-270.mp4", "transpose=cclock_flip", "-display_rotation 270 -display_hflip"),
    Kind("anamorphic.mp4", f"-vf setsar=2/1 {X264}", shown_as=(640, 180)),
    Kind("hdv.mov", f"-vf setsar=4/3 {X264}", size=(360, 270), shown_as=(480, 270)),
    Kind("pal-16-9.mpg", "-vf setdar=16/9 -c:v mpeg2video -b:v 8M", size=(720, 576), shown_as=(1024, 576), count=5),
    Kind("ntsc-4-3.mxf", "-vf setdar=4/3 -c:v mpeg2video -b:v 8M", size=(720, 480), shown_as=(640, 480), rate=NTSC,
         count=5),
)  # fmt: skip

FIELDS = (
    _fields("fields-top.mov", "interleave_top", "tff", f"{PRORES} 2 -pix_fmt yuv422p10le {INTERLACED} -field_order tt",
            _GRAY[0::2]),
    _fields("fields-bottom.mov", "interleave_bottom", "bff",
            f"{PRORES} 2 -pix_fmt yuv422p10le {INTERLACED} -field_order bb", _GRAY[0::2]),
    _fields("fields-top.ts", "interleave_top", "tff", f"-c:v mpeg2video -b:v 9M {INTERLACED}", _GRAY[0::2]),
    _fields("fields-bottom.ts", "interleave_bottom", "bff", f"-c:v mpeg2video -b:v 9M {INTERLACED}",
            _GRAY[0::2]),
    _fields("fields-top.mxf", "interleave_top", "tff", f"-c:v mpeg2video -b:v 20M {INTERLACED}", _GRAY[0::2]),
    _fields("fields-top.mp4", "interleave_top", "tff", f"{X264} {INTERLACED} -x264-params tff=1", _GRAY[0::2]),
    _fields("fields-bottom.mp4", "interleave_bottom", "bff", f"{X264} {INTERLACED} -x264-params bff=1", _GRAY[0::2]),
)  # fmt: skip

TIMECODES = (
    Kind("timecode.mov", f"{PRORES} 0 -pix_fmt yuv422p10le -timecode 10:11:12:13", {"timecode": "10:11:12:13"}),
    Kind("timecode-film.mov", f"{X264} -timecode 01:00:00:23", {"timecode": "01:00:00:23"}, rate=FILM),
    Kind("timecode-drop.mov", f"{X264} -timecode 00:59:59;28", {"timecode": "00:59:59;28"}, rate=NTSC),
    Kind("timecode-drop-60.mov", f"{X264} -timecode 00:01:00;04", {"timecode": "00:01:00;04"},
         rate=Fraction(60000, 1001)),
    Kind("timecode-non-drop.mov", f"{X264} -timecode 00:59:59:28", {"timecode": "00:59:59:28"}, rate=NTSC),
    Kind("timecode.mp4", f"{X264} -timecode 09:59:59:24", {"timecode": "09:59:59:24"}),
    Kind("timecode.mxf", "-c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p -timecode 10:00:00:00",
         {"timecode": "10:00:00:00"}),
    Kind("timecode-drop.mxf", "-c:v dnxhd -profile:v dnxhr_lb -pix_fmt yuv422p -timecode 10:00:00;02",
         {"timecode": "10:00:00;02"}, rate=NTSC),
    Kind("timecode-last-hour.mov", f"{X264} -timecode 23:59:59;20", {"timecode": "23:59:59;20"}, rate=NTSC),
    Kind("timecode.mkv", f"{X264} -metadata timecode=11:22:33:12", {"timecode": "11:22:33:12"}),
    Kind("timecode-user-data.ts", "-c:v mpeg2video -b:v 8M -timecode 03:04:05:06", {"timecode": "03:04:05:06"}),
    Kind("timecode-drop-user-data.mpg", "-c:v mpeg2video -b:v 8M -timecode 03:04:00;06", {"timecode": "03:04:00;06"},
         rate=NTSC),
)  # fmt: skip
KINDS = CODECS + CONTAINERS + RATES + PICTURES + FIELDS + TIMECODES
