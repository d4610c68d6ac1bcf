"""Values of media time and picture: rational rates, timecode, rungs, and what a probe found. Pure; no I/O."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass
from fractions import Fraction


class TrackKind(enum.Enum):
    VIDEO = "video"
    AUDIO = "audio"


@dataclass(frozen=True)
class FrameRate:
    """Frames a second as an exact fraction, 24000/1001 for 23.976."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if self.numerator <= 0 or self.denominator <= 0:
            raise ValueError("a frame rate is a positive fraction")

    @property
    def fraction(self) -> Fraction:
        return Fraction(self.numerator, self.denominator)

    @property
    def nominal(self) -> int:
        """Frames counted in a timecode second: 24 for 23.976, 30 for 29.97."""
        return max(1, round(self.fraction))


@dataclass(frozen=True)
class Timecode:
    """A start timecode as a frame count since 00:00:00:00, shown in the SMPTE ST 12-1 text form.

    Drop-frame leaves out two (at 60: four) numbers each minute, but not in minutes divisible by ten.
    """

    frame: int
    rate: FrameRate
    drop_frame: bool = False

    def text(self, offset_frames: int = 0) -> str:
        """Return the text form of the frame ``offset_frames`` after this one.

        >>> Timecode(1800, FrameRate(30000, 1001), drop_frame=True).text()
        '00:01:00;02'
        >>> Timecode(86400, FrameRate(24, 1)).text(25)
        '01:00:01:01'
        """
        nominal = self.rate.nominal
        number = self.frame + offset_frames
        if self.drop_frame:
            dropped = nominal // 15
            ten_minutes = nominal * 600 - dropped * 9
            tens, rest = divmod(number, ten_minutes)
            number += dropped * 9 * tens
            if rest >= nominal * 60:
                number += dropped * (1 + (rest - nominal * 60) // (nominal * 60 - dropped))
        seconds, frames = divmod(number, nominal)
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        mark = ";" if self.drop_frame else ":"
        return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}{mark}{frames:02d}"


MACROBLOCK_PX = 16  # ITU-T H.264, section 3.86
MAX_BANDS = 3
DEFAULT_BANDS = 2  # mark bands of a new production

LARGEST_EDGES_PX = (720, 1080, 2160)  # what a production may say of the shorter edge of its proxies' largest rung
DEFAULT_LARGEST_EDGE_PX = LARGEST_EDGES_PX[-1]  # of a new production


@dataclass(frozen=True)
class Band:
    """A mark band: whole macroblock rows over the whole width, whose slices can be replaced for one viewer."""

    first_row: int
    rows: int

    @property
    def end_row(self) -> int:
        """The first row below the band."""
        return self.first_row + self.rows


@dataclass(frozen=True)
class Rung:
    """One video rendition to make. Sizes are even; ``gop_frames`` divides ``SEGMENT_FRAMES``.

    ``bands`` lie from top to bottom, and slices begin and end at their edges. The plain ladder has none.
    """

    name: str  # "v360", "v720", "v1080"
    width_px: int
    height_px: int
    gop_frames: int
    crf: float
    max_bps: int
    is_step: bool = False
    bands: tuple[Band, ...] = ()


@dataclass(frozen=True)
class MediaLimits:
    """What an original may ask of the installation; settings have these names (docs/formats.md says where from)."""

    max_picture_px: int = 8_192 * 8_192  # 8K with room; a decoder holds up to sixteen such pictures
    max_media_seconds: int = 86_400  # a day: the longest that a timecode can name
    max_tracks: int = 256  # twice what the largest sound masters (Dolby Atmos, 128 tracks) have
    max_codec_bytes: int = 6 << 30  # benchmarks/measures/memory.py: 5.1 GiB from 12-bit 2160p with alpha
    max_opening_seconds: int = 1_800  # of waiting for the codec before the length is known: the index of a 5 TiB file
    max_work_seconds: int = 120  # for each second of media; JPEG 2000 at 2160p takes 7 on two cores


SEGMENT_FRAMES = 48  # one grid for every rung, in output frames
GOP_FRAMES = 24  # of every rung but the step rung: how long a seek to the full picture takes goes by it
STEP_GOP_FRAMES = 12
FIRST_STEP_SEGMENT_FRAMES = 12  # published before anything else
MAX_SOUNDS = 16  # tracks that can be chosen among: two stereo and 5.1 mixes in five languages, and a commentary
AUDIO_RATE_HZ = 48_000
AUDIO_FRAME_SAMPLES = 1_024  # AAC-LC, ISO/IEC 14496-3
AUDIO_SEGMENT_AAC_FRAMES = 94  # 2.005 s


def sound_rendition(number: int) -> str:
    """Return the name of the rendition that holds sound track ``number``, counted from 0.

    >>> sound_rendition(0)
    'a1'
    """
    return f"a{number + 1}"


def is_sound(rendition: str) -> bool:
    """Whether a rendition of this name holds sound."""
    return rendition.startswith("a")


@dataclass(frozen=True)
class Loudness:
    """One sound track as EBU R 128 measures it, in the original's own layout; None where there is only silence."""

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None  # of the loudest channel


@dataclass(frozen=True)
class Sound:
    """One sound track of the original that can be chosen: one stream, or several of one channel."""

    codec: str
    channels: int
    layout: str  # libavutil's name: "stereo", "5.1(side)"
    rate_hz: int
    language: str = ""  # ISO 639-2 or BCP 47, in lower case; empty if the file does not say
    title: str = ""
    streams: int = 1
    loudness: Loudness | None = None  # measured while the sound is read, so it comes with the end


class Light(enum.Enum):
    """What the numbers of a picture stand for, as the file says; how each is shown stands in docs/formats.md."""

    TELEVISION = "television"  # standard range, and whatever a file does not name
    PQ = "pq"
    HLG = "hlg"
    LINEAR = "linear"  # the scene's light: meant to be seen through the LUT of the production
    LOG = "log"  # the same, in a logarithm


@dataclass(frozen=True)
class Probe:
    """What the codec found in an original. Every number was bounded by the carrier before it got here."""

    container: str
    has_video: bool
    has_audio: bool
    width_px: int = 0  # display size: after rotation and pixel aspect
    height_px: int = 0
    rate: FrameRate | None = None
    frames: int = 0  # planned length of the proxy, in output frames; the real count comes with the end
    start_timecode: Timecode | None = None
    video_codec: str = ""
    audio_codec: str = ""
    audio_channels: int = 0
    audio_rate_hz: int = 0
    audio_samples: int = 0  # planned length at AUDIO_RATE_HZ
    is_still: bool = False
    sounds: tuple[Sound, ...] = ()
    light: Light = Light.TELEVISION

    @property
    def media_seconds(self) -> int:
        """Planned length in seconds, rounded up: of the picture, or else of the sound."""
        if self.rate is not None:
            return math.ceil(self.frames / self.rate.fraction)
        return -(-self.audio_samples // AUDIO_RATE_HZ)
