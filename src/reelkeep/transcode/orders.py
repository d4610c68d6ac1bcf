"""What the carrier says to the codec: one job, the bytes that were asked for, leave to go on. Pure; no I/O."""

from __future__ import annotations

import struct
from bisect import bisect_right
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.luts import (
    MAX_LUT_NUMBER,
    MAX_POINTS,
    MAX_SHAPER_POINTS,
    MIN_POINTS,
    ChosenLut,
    Lut,
    LutInput,
    LutScope,
    Shaper,
    Triple,
    shaper_bytes,
    table_bytes,
)
from reelkeep.media import (
    AUDIO_SEGMENT_AAC_FRAMES,
    DEFAULT_BANDS,
    DEFAULT_LARGEST_EDGE_PX,
    LARGEST_EDGES_PX,
    MAX_BANDS,
    SEGMENT_FRAMES,
    FrameRate,
    MediaLimits,
)
from reelkeep.sequences import MAX_FRAME_BYTES, MAX_FRAMES_OF_SEQUENCE, MAX_NUMBER, ImageKind
from reelkeep.transcode.fields import (
    MAX_AUDIO_SAMPLES,
    MAX_FRAMES,
    MAX_ORIGINAL_BYTES,
    MAX_PICTURE_PX,
    MAX_READ_BYTES,
    MAX_TRACKS,
    MAX_UNIT_SECONDS,
    Fields,
    bodyless,
    cuts_of,
    integer,
    rate_of,
)


@dataclass(frozen=True)
class Images:
    """The files of an image sequence, in the order of their numbers; file 0 is the first frame.

    ``offsets`` are counted in frames from the first file's number; a number without a file shows the one before it.
    """

    kind: ImageKind
    rate: FrameRate
    first_number: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]  # bytes

    @property
    def frames(self) -> int:
        """Return the length of the film."""
        return self.offsets[-1] + 1

    def place_at(self, frame: int) -> int:
        """Return which file shows a frame, counted from 0."""
        return max(0, bisect_right(self.offsets, frame) - 1)

    def header(self) -> dict[str, Any]:
        return {"kind_of_image": self.kind.value, "rate": asdict(self.rate), "first_number": self.first_number}

    def table(self) -> bytes:
        return b"".join(map(_FILE.pack, self.offsets, self.sizes))

    @staticmethod
    def parse(fields: Fields, table: bytes) -> Images:
        if len(table) % _FILE.size or not 1 <= len(table) // _FILE.size <= MAX_FRAMES_OF_SEQUENCE:
            raise BadFrame("a sequence has no table of files")
        rows = list(_FILE.iter_unpack(table))
        if rows[0][0] or any(before[0] >= after[0] for before, after in pairwise(rows)) or rows[-1][0] >= MAX_FRAMES:
            raise BadFrame("the files of a sequence are not in order")
        return Images(
            kind=ImageKind(fields.one_of("kind_of_image", _IMAGE_KINDS)),
            rate=fields.nested(fields.take("rate"), rate_of),
            first_number=fields.integer("first_number", 0, MAX_NUMBER),
            offsets=tuple(offset for offset, _ in rows),
            sizes=tuple(integer(size, 1, MAX_FRAME_BYTES) for _, size in rows),
        )


_FILE: Final = struct.Struct(">IQ")  # offset in frames, size in bytes
_IMAGE_KINDS: Final = frozenset(kind.value for kind in ImageKind)


def _lut_header(chosen: ChosenLut) -> dict[str, Any]:
    plain = {"points": chosen.lut.points, "domain_min": chosen.lut.domain_min, "domain_max": chosen.lut.domain_max}
    shaper = chosen.lut.shaper
    before = {"points": shaper.points, "low": shaper.low, "high": shaper.high} if shaper else None
    return {**plain, "shaper": before, "input": chosen.input.value, "scope": chosen.scope.value}


def _numbers_of(chosen: ChosenLut) -> bytes:
    return chosen.lut.numbers + (chosen.lut.shaper.numbers if chosen.lut.shaper else b"")


def _lut_of(fields: Fields, body: bytes) -> ChosenLut:
    """Read a LUT whose numbers are the end of a message's body, those of its shaper the last of them."""
    shaper = fields.optional("shaper", lambda nested: _shaper_of(nested, body))
    body = body[: len(body) - (len(shaper.numbers) if shaper else 0)]
    points = fields.integer("points", MIN_POINTS, MAX_POINTS)
    low, high = (_triple_of(fields.take(name)) for name in ("domain_min", "domain_max"))
    try:
        lut = Lut(points, low, high, body[max(0, len(body) - table_bytes(points)) :], shaper)
    except ValueError as error:
        raise BadFrame("a LUT has no numbers, or an empty domain") from error
    return ChosenLut(lut, LutInput(fields.one_of("input", _LUT_INPUTS)), LutScope(fields.one_of("scope", _LUT_SCOPES)))


def _shaper_of(fields: Fields, body: bytes) -> Shaper:
    points = fields.integer("points", MIN_POINTS, MAX_SHAPER_POINTS)
    low, high = (fields.number(name, -MAX_LUT_NUMBER, MAX_LUT_NUMBER) for name in ("low", "high"))
    if low is None or high is None or len(body) < shaper_bytes(points):
        raise BadFrame("a shaper has no numbers, or no domain")
    try:
        return Shaper(low, high, body[len(body) - shaper_bytes(points) :])
    except ValueError as error:
        raise BadFrame("a shaper has an empty domain") from error


def _triple_of(value: Any) -> Triple:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise BadFrame("the end of a domain is not three numbers")
    red, green, blue = (Fields({"end": each}).number("end", -MAX_LUT_NUMBER, MAX_LUT_NUMBER) for each in value)
    if red is None or green is None or blue is None:
        raise BadFrame("the end of a domain is not three numbers")
    return red, green, blue


_LUT_INPUTS: Final = frozenset(each.value for each in LutInput)
_LUT_SCOPES: Final = frozenset(each.value for each in LutScope)


@dataclass(frozen=True)
class Job:
    """What to make of the original. Nothing in it is secret and nothing names where the original lies.

    ``resume_frame`` is a multiple of 48: frames before it are not encoded. ``resume_audio_frame`` is the number of
    the first AAC frame wanted (frame 0 is the priming frame), a multiple of 94. ``resume_tile_sheet`` is the first
    tile sheet wanted. ``poster`` and ``peaks`` say whether these are still missing. ``bands`` is how many mark bands
    each rung gets, and no rung's shorter edge is longer than ``largest_edge_px``. At each of ``cuts`` the encoders
    begin anew, and the codec asks whether it is to go on there.
    """

    size_bytes: int
    resume_frame: int = 0
    resume_audio_frame: int = 0
    resume_tile_sheet: int = 0
    poster: bool = True
    peaks: bool = True
    picture: bool = True  # False: the sound alone is wanted
    sound: bool = True  # False: another job makes the sound
    unit_seconds: int = 0  # the length a long film is cut into units of; 0: it is not cut
    find_cuts: bool = False  # say where to cut, once the first picture is out
    cuts: tuple[int, ...] = ()  # where it was cut: the first frames of all units but the first
    threads: int = 0  # of each decoder; 0: by the number of processors (codec/processors.py)
    bands: int = DEFAULT_BANDS
    largest_edge_px: int = DEFAULT_LARGEST_EDGE_PX
    max_picture_px: int = MediaLimits.max_picture_px
    max_media_seconds: int = MediaLimits.max_media_seconds
    max_tracks: int = MediaLimits.max_tracks
    images: Images | None = None  # of an image sequence; None: the original is one file
    lut: ChosenLut | None = None  # of the production; the codec sees whether its scope holds the original

    def message(self) -> Message:
        """The body is the table of the images, if there is one, and then the numbers of the LUT, if there is one."""
        plain = {name: value for name, value in vars(self).items() if name not in ("images", "lut")}
        images, lut = self.images, self.lut
        headers = {"images": images.header() if images else None, "lut": _lut_header(lut) if lut else None}
        return Message(
            "job", {**plain, **headers}, (images.table() if images else b"") + (_numbers_of(lut) if lut else b"")
        )

    @staticmethod
    def parse(message: Message) -> Job:
        fields = Fields(message.fields)
        lut = fields.optional("lut", lambda nested: _lut_of(nested, message.body))
        table = message.body[: len(message.body) - (len(_numbers_of(lut)) if lut else 0)]
        job = Job(
            size_bytes=fields.integer("size_bytes", 0, MAX_ORIGINAL_BYTES),
            resume_frame=fields.integer("resume_frame", 0, MAX_FRAMES),
            resume_audio_frame=fields.integer("resume_audio_frame", 0, MAX_AUDIO_SAMPLES),
            resume_tile_sheet=fields.integer("resume_tile_sheet", 0, 1_000),
            poster=fields.flag("poster"),
            peaks=fields.flag("peaks"),
            picture=fields.flag("picture"),
            sound=fields.flag("sound"),
            unit_seconds=fields.integer("unit_seconds", 0, MAX_UNIT_SECONDS),
            find_cuts=fields.flag("find_cuts"),
            cuts=cuts_of(fields.take("cuts")),
            bands=fields.integer("bands", 0, MAX_BANDS),
            largest_edge_px=fields.integer("largest_edge_px", LARGEST_EDGES_PX[0], LARGEST_EDGES_PX[-1]),
            threads=fields.integer("threads", 0, 64),
            max_picture_px=fields.integer("max_picture_px", 1, MAX_PICTURE_PX),
            max_media_seconds=fields.integer("max_media_seconds", 1, MAX_FRAMES),
            max_tracks=fields.integer("max_tracks", 1, MAX_TRACKS),
            images=fields.optional("images", lambda nested: Images.parse(nested, table)),
            lut=lut,
        )
        fields.end()
        if table and job.images is None:
            raise BadFrame("a job has a body that nothing in it asks for")
        if job.resume_frame % SEGMENT_FRAMES or job.resume_audio_frame % AUDIO_SEGMENT_AAC_FRAMES:
            raise BadFrame("a job goes on at the start of a segment only")
        return job


@dataclass(frozen=True)
class Bytes:
    """The answer to ``read``: as many bytes as were asked for, fewer only at the end of the original."""

    offset: int
    body: bytes = field(repr=False)

    def message(self) -> Message:
        return Message("bytes", {"offset": self.offset}, self.body)

    @staticmethod
    def parse(message: Message) -> Bytes:
        fields = Fields(message.fields)
        offset = fields.integer("offset", 0, MAX_ORIGINAL_BYTES)
        fields.end()
        if len(message.body) > MAX_READ_BYTES:
            raise BadFrame("more bytes than a read may ask for")
        return Bytes(offset, message.body)


@dataclass(frozen=True)
class GoOn:
    """The answer to ``boundary``: whether this codec makes the unit that begins there, too."""

    go: bool

    def message(self) -> Message:
        return Message("go_on", asdict(self))

    @staticmethod
    def parse(message: Message) -> GoOn:
        fields = bodyless(message)
        answer = GoOn(fields.flag("go"))
        fields.end()
        return answer
