"""Bounds of what a codec may say, and readers of hostile fields that keep to them. Pure; no I/O."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.media import (
    MACROBLOCK_PX,
    MAX_BANDS,
    MAX_SOUNDS,
    SEGMENT_FRAMES,
    Band,
    FrameRate,
    Light,
    Loudness,
    Rung,
    Sound,
    Timecode,
)

MAX_READ_BYTES: Final = 1 << 20
MAX_ORIGINAL_BYTES: Final = 5 << 40  # the largest object S3 holds: 5 TiB
MAX_FRAMES: Final = 10_000_000  # 23 hours at 120 frames a second
MAX_RATE: Final = 240
MAX_AUDIO_SAMPLES: Final = 48_000 * 86_400 * 2
MAX_EDGE_PX: Final = 16_384  # JPEG 2000 and EXR scans; H.264 rungs stay far below
MAX_PICTURE_PX: Final = MAX_EDGE_PX * MAX_EDGE_PX
MAX_TRACKS: Final = 1_000  # libavformat's own bound
MAX_RUNGS: Final = 8
_MAX_ROWS: Final = MAX_EDGE_PX // MACROBLOCK_PX
MAX_TITLE_CHARACTERS: Final = 64
MAX_SAMPLE_BYTES: Final = 16 << 20
MAX_CONFIG_BYTES: Final = 4_096
MAX_STILL_BYTES: Final = 8 << 20
MAX_PEAKS_BYTES: Final = 32 << 20
MAX_RUNS: Final = 600_000  # of equal steps: 2.7 hours at 60 pictures a second if no two are equal, in 16 MiB of JSON
MAX_TICKS: Final = 1 << 31
MAX_CUTS: Final = 1_000  # each unit has a tile sheet of its own, and there are no more of these
MAX_UNIT_SECONDS: Final = 3_600

PROBLEM_CODES: Final = frozenset(
    {"empty", "not_media", "text", "cut_off", "no_streams", "unsupported", "damaged", "too_large", "codec_failed"}
    | {"frame_damaged", "frame_kind", "frame_size"}  # of one picture of a sequence, which the detail names
)
RENDITION_NAME: Final = re.compile(r"v[1-9][0-9]{0,4}|a(?:[1-9]|1[0-6])")  # as many sounds as MAX_SOUNDS
LANGUAGE: Final = re.compile(r"(?:[a-z]{2,3}(?:-[a-z0-9]{1,8}){0,4})?")
LAYOUT: Final = re.compile(r"[A-Za-z0-9_.,+() -]{0,64}")
MAX_DETAIL_CHARACTERS: Final = 64
_WORD: Final = re.compile(rf"[A-Za-z0-9_.,+ -]{{0,{MAX_DETAIL_CHARACTERS}}}")
LIGHTS: Final = frozenset(light.value for light in Light)
CONTENT_TYPES: Final = frozenset({"image/jpeg"})
STILL_KINDS: Final = frozenset({"poster", "tiles"})
_Parsed = TypeVar("_Parsed")


class Fields:
    """Takes the fields of a hostile message one by one; what is left over breaks the protocol."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._left = dict(fields)

    def take(self, name: str) -> Any:
        try:
            return self._left.pop(name)
        except KeyError as error:
            raise BadFrame(f"a field is missing: {name}") from error

    def integer(self, name: str, low: int, high: int) -> int:
        return integer(self.take(name), low, high)

    def flag(self, name: str) -> bool:
        value = self.take(name)
        if not isinstance(value, bool):
            raise BadFrame(f"{name} is neither true nor false")
        return value

    def word(self, name: str, pattern: re.Pattern[str] = _WORD) -> str:
        value = self.take(name)
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise BadFrame(f"{name} is not a name this protocol knows")
        return value

    def title(self, name: str) -> str:
        """Take a few words in any script that a file says of itself; nothing that moves a cursor or hides letters."""
        value = self.take(name)
        if not isinstance(value, str) or len(value) > MAX_TITLE_CHARACTERS or not value.isprintable():
            raise BadFrame(f"{name} is not a short printable text")
        return value

    def number(self, name: str, low: float, high: float) -> float | None:
        """Take a number or null."""
        value = self.take(name)
        if value is None:
            return None
        if type(value) not in (int, float) or not low <= value <= high:  # NaN is in no range
            raise BadFrame(f"{name} is out of its range")
        return float(value)

    def one_of(self, name: str, allowed: frozenset[str]) -> str:
        value = self.take(name)
        if not isinstance(value, str) or value not in allowed:
            raise BadFrame(f"{name} is none of the values this protocol knows")
        return value

    def optional(self, name: str, parse: Callable[[Fields], _Parsed]) -> _Parsed | None:
        value = self.take(name)
        return None if value is None else self.nested(value, parse)

    @staticmethod
    def nested(value: Any, parse: Callable[[Fields], _Parsed]) -> _Parsed:
        if not isinstance(value, dict):
            raise BadFrame("a nested field is not an object")
        fields = Fields(value)
        parsed = parse(fields)
        fields.end()
        return parsed

    def end(self) -> None:
        if self._left:
            raise BadFrame("a message has a field this protocol does not know")


def integer(value: Any, low: int, high: int) -> int:
    """Return ``value`` if it is a whole number of the range; else raise BadFrame."""
    if type(value) is not int or not low <= value <= high:
        raise BadFrame("a number is out of its range")
    return value


def cuts_of(value: Any) -> tuple[int, ...]:
    """Return the first frames of units: rising multiples of the segment, from its first one on."""
    if not isinstance(value, list | tuple) or len(value) > MAX_CUTS:
        raise BadFrame("the cuts are no list, or too many")
    cuts = tuple(integer(each, SEGMENT_FRAMES, MAX_FRAMES) for each in value)
    if any(cut % SEGMENT_FRAMES for cut in cuts) or list(cuts) != sorted(set(cuts)):
        raise BadFrame("a cut is not at the start of a segment, or out of order")
    return cuts


def rate_of(fields: Fields) -> FrameRate:
    """Read a frame rate; refuse more than MAX_RATE."""
    numerator, denominator = fields.integer("numerator", 1, 10_000_000), fields.integer("denominator", 1, 1_000_000)
    if numerator > MAX_RATE * denominator:
        raise BadFrame("the frame rate is out of its range")
    return FrameRate(numerator, denominator)


def timecode_of(fields: Fields) -> Timecode:
    """Read a start timecode."""
    frame = fields.integer("frame", 0, MAX_RATE * 86_400)
    rate = fields.nested(fields.take("rate"), rate_of)
    return Timecode(frame, rate, fields.flag("drop_frame"))


def loudness_of(fields: Fields) -> Loudness:
    """Read what EBU R 128 says of one track."""
    return Loudness(
        integrated_lufs=fields.number("integrated_lufs", -100, 100),
        range_lu=fields.number("range_lu", 0, 200),
        true_peak_dbtp=fields.number("true_peak_dbtp", -400, 400),  # floating-point samples may be of any size
    )


def sounds_of(value: Any) -> tuple[Sound, ...]:
    """Read the sound tracks of a probe; their loudness is not known yet."""
    if not isinstance(value, list) or len(value) > MAX_SOUNDS:
        raise BadFrame("a probe has no list of sound tracks, or too long a one")
    return tuple(Fields.nested(each, _sound) for each in value)


def _sound(fields: Fields) -> Sound:
    if fields.take("loudness") is not None:
        raise BadFrame("a sound was measured before it was heard")
    return Sound(
        codec=fields.word("codec"),
        channels=fields.integer("channels", 1, 256),
        layout=fields.word("layout", LAYOUT),
        rate_hz=fields.integer("rate_hz", 1, 1_000_000),
        language=fields.word("language", LANGUAGE),
        title=fields.title("title"),
        streams=fields.integer("streams", 1, MAX_TRACKS),
    )


def rung_of(fields: Fields) -> Rung:
    """Read one rung of a plan."""
    crf = fields.take("crf")
    if type(crf) not in (int, float) or not 0 <= crf <= 51:
        raise BadFrame("a quality is out of its range")
    return Rung(
        name=fields.word("name", RENDITION_NAME),
        width_px=fields.integer("width_px", 2, MAX_EDGE_PX),
        height_px=fields.integer("height_px", 2, MAX_EDGE_PX),
        gop_frames=fields.integer("gop_frames", 1, SEGMENT_FRAMES),
        crf=float(crf),
        max_bps=fields.integer("max_bps", 1, 1_000_000_000),
        is_step=fields.flag("is_step"),
        bands=_bands_of(fields.take("bands")),
    )


def _bands_of(value: Any) -> tuple[Band, ...]:
    """Read the bands of a rung, from top to bottom."""
    if not isinstance(value, list) or len(value) > MAX_BANDS:
        raise BadFrame("a rung has no list of bands")
    bands = tuple(Fields.nested(each, _band_of) for each in value)
    if any(lower.first_row < upper.end_row for upper, lower in itertools.pairwise(bands)):
        raise BadFrame("the bands of a rung lie over each other")
    return bands


def _band_of(fields: Fields) -> Band:
    return Band(fields.integer("first_row", 0, _MAX_ROWS), fields.integer("rows", 1, _MAX_ROWS))


def bodyless(message: Message) -> Fields:
    """Return the fields of a message that has no body; raise BadFrame if it has one."""
    if message.body:
        raise BadFrame("a message has a body that should have none")
    return Fields(message.fields)
