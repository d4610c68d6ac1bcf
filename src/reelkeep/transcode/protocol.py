"""The messages between the carrier and the codec, and how each is read without trust. Pure; no I/O.

The carrier answers ``read`` with ``bytes`` and sends one ``job``; everything else goes from the codec to the carrier.
Every field is bounded here: a codec taken over by a hostile file can say only what these types can hold. What the
samples' bytes mean is not checked here; the packaging modules parse them.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any, Final

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.luts import (
    MAX_LUT_NUMBER,
    MAX_POINTS,
    MIN_POINTS,
    ChosenLut,
    Lut,
    LutInput,
    LutScope,
    Triple,
    table_bytes,
)
from reelkeep.media import (
    AUDIO_SEGMENT_AAC_FRAMES,
    DEFAULT_BANDS,
    MAX_BANDS,
    MAX_SOUNDS,
    SEGMENT_FRAMES,
    FrameRate,
    Light,
    MediaLimits,
    Rung,
)
from reelkeep.media import Loudness as LoudnessFacts
from reelkeep.media import Probe as ProbeFacts
from reelkeep.sequences import MAX_FRAME_BYTES, MAX_FRAMES_OF_SEQUENCE, MAX_NUMBER, ImageKind
from reelkeep.transcode.fields import (
    CONTENT_TYPES,
    LIGHTS,
    MAX_AUDIO_SAMPLES,
    MAX_EDGE_PX,
    MAX_FRAMES,
    MAX_ORIGINAL_BYTES,
    MAX_PEAKS_BYTES,
    MAX_PICTURE_PX,
    MAX_READ_BYTES,
    MAX_RUNGS,
    MAX_RUNS,
    MAX_STILL_BYTES,
    MAX_TRACKS,
    MAX_UNIT_SECONDS,
    PROBLEM_CODES,
    STILL_KINDS,
    Fields,
    bodyless,
    cuts_of,
    integer,
    loudness_of,
    rate_of,
    rung_of,
    sounds_of,
    timecode_of,
)
from reelkeep.transcode.samples import Fragment, SampleEntry, Track

__all__ = [
    "Boundary", "Bytes", "Cuts", "Done", "Fragment", "FromCarrier", "FromCodec", "GoOn", "Images", "Job", "Loudness",
    "Peaks", "Plan", "Probe", "Problem", "Progress", "Read", "SampleEntry", "Still", "TileLayout", "Times", "Track",
    "parse_from_carrier",
    "parse_from_codec",
]  # fmt: skip

# ---- carrier to codec ------------------------------------------------------------------------------------------------


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
    return {**plain, "input": chosen.input.value, "scope": chosen.scope.value}


def _lut_of(fields: Fields, body: bytes) -> ChosenLut:
    """Read a LUT whose numbers are the end of a message's body."""
    points = fields.integer("points", MIN_POINTS, MAX_POINTS)
    low, high = (_triple_of(fields.take(name)) for name in ("domain_min", "domain_max"))
    try:
        lut = Lut(points, low, high, body[max(0, len(body) - table_bytes(points)) :])
    except ValueError as error:
        raise BadFrame("a LUT has no numbers, or an empty domain") from error
    return ChosenLut(lut, LutInput(fields.one_of("input", _LUT_INPUTS)), LutScope(fields.one_of("scope", _LUT_SCOPES)))


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
    each rung gets. At each of ``cuts`` the encoders begin anew, and the codec asks whether it is to go on there.
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
    threads: int = 0  # 0: as many as there are processors
    bands: int = DEFAULT_BANDS
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
            "job", {**plain, **headers}, (images.table() if images else b"") + (lut.lut.numbers if lut else b"")
        )

    @staticmethod
    def parse(message: Message) -> Job:
        fields = Fields(message.fields)
        lut = fields.optional("lut", lambda nested: _lut_of(nested, message.body))
        table = message.body[: len(message.body) - (len(lut.lut.numbers) if lut else 0)]
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


# ---- codec to carrier ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """The codec wants ``length`` bytes of the original from ``offset``; of a sequence, of its file ``file``."""

    offset: int
    length: int
    file: int = 0

    def message(self) -> Message:
        return Message("read", asdict(self))

    @staticmethod
    def parse(message: Message) -> Read:
        fields = bodyless(message)
        read = Read(
            offset=fields.integer("offset", 0, MAX_ORIGINAL_BYTES),
            length=fields.integer("length", 1, MAX_READ_BYTES),
            file=fields.integer("file", 0, MAX_FRAMES_OF_SEQUENCE - 1),
        )
        fields.end()
        return read


@dataclass(frozen=True)
class Probe:
    """What the original is."""

    facts: ProbeFacts

    def message(self) -> Message:
        return Message("probe", {**asdict(self.facts), "light": self.facts.light.value})

    @staticmethod
    def parse(message: Message) -> Probe:
        fields = bodyless(message)
        facts = ProbeFacts(
            container=fields.word("container"),
            has_video=fields.flag("has_video"),
            has_audio=fields.flag("has_audio"),
            width_px=fields.integer("width_px", 0, MAX_EDGE_PX),
            height_px=fields.integer("height_px", 0, MAX_EDGE_PX),
            rate=fields.optional("rate", rate_of),
            frames=fields.integer("frames", 0, MAX_FRAMES),
            start_timecode=fields.optional("start_timecode", timecode_of),
            video_codec=fields.word("video_codec"),
            audio_codec=fields.word("audio_codec"),
            audio_channels=fields.integer("audio_channels", 0, 256),
            audio_rate_hz=fields.integer("audio_rate_hz", 0, 1_000_000),
            audio_samples=fields.integer("audio_samples", 0, MAX_AUDIO_SAMPLES),
            is_still=fields.flag("is_still"),
            sounds=sounds_of(fields.take("sounds")),
            light=Light(fields.one_of("light", LIGHTS)),
        )
        fields.end()
        if facts.has_video and not (facts.rate and facts.frames and facts.width_px and facts.height_px):
            raise BadFrame("a picture has no size, rate or length")
        if facts.has_audio is not bool(facts.sounds):
            raise BadFrame("a probe's sound tracks contradict it")
        if not (facts.has_video or facts.has_audio):
            raise BadFrame("a probe names neither picture nor sound")
        return Probe(facts)


@dataclass(frozen=True)
class TileLayout:
    """How tile sheets are cut: tile ``n`` shows frame ``n * step_frames``, filled by rows, sheet after sheet."""

    width_px: int
    height_px: int
    columns: int
    rows: int
    step_frames: int

    @property
    def per_sheet(self) -> int:
        return self.columns * self.rows


def _layout(fields: Fields) -> TileLayout:
    return TileLayout(
        width_px=fields.integer("width_px", 2, 1_024),
        height_px=fields.integer("height_px", 2, 4_096),
        columns=fields.integer("columns", 1, 32),
        rows=fields.integer("rows", 1, 32),
        step_frames=fields.integer("step_frames", 1, MAX_FRAMES),
    )


@dataclass(frozen=True)
class Plan:
    """The renditions that will come, smallest first, and where the work begins."""

    rungs: tuple[Rung, ...]
    sounds: int  # how many sound tracks
    resume_frame: int
    resume_audio_frame: int
    tiles: TileLayout | None

    def message(self) -> Message:
        return Message("plan", asdict(self))

    @staticmethod
    def parse(message: Message) -> Plan:
        fields = bodyless(message)
        rungs = fields.take("rungs")
        if not isinstance(rungs, list) or len(rungs) > MAX_RUNGS:
            raise BadFrame("a plan has no list of rungs")
        plan = Plan(
            rungs=tuple(Fields.nested(rung, rung_of) for rung in rungs),
            sounds=fields.integer("sounds", 0, MAX_SOUNDS),
            resume_frame=fields.integer("resume_frame", 0, MAX_FRAMES),
            resume_audio_frame=fields.integer("resume_audio_frame", 0, MAX_AUDIO_SAMPLES),
            tiles=fields.optional("tiles", _layout),
        )
        fields.end()
        if len({rung.name for rung in plan.rungs}) != len(plan.rungs) or not (plan.rungs or plan.sounds):
            raise BadFrame("a plan names a rendition twice, or none at all")
        return plan


@dataclass(frozen=True)
class Cuts:
    """Where this film may be cut into units: their first frames, but for the first one's. At most one in a job."""

    frames: tuple[int, ...]

    def message(self) -> Message:
        return Message("cuts", asdict(self))

    @staticmethod
    def parse(message: Message) -> Cuts:
        fields = bodyless(message)
        cuts = Cuts(cuts_of(fields.take("frames")))
        fields.end()
        return cuts


@dataclass(frozen=True)
class Boundary:
    """Every picture before ``frame`` was sent; the codec waits to be told whether to go on."""

    frame: int

    def message(self) -> Message:
        return Message("boundary", asdict(self))

    @staticmethod
    def parse(message: Message) -> Boundary:
        fields = bodyless(message)
        boundary = Boundary(fields.integer("frame", SEGMENT_FRAMES, MAX_FRAMES))
        fields.end()
        return boundary


@dataclass(frozen=True)
class Still:
    """A picture for the pages: the poster, or tile sheet ``number``. ``tiles`` counts the tiles on a sheet."""

    kind: str  # "poster" or "tiles"
    number: int
    width_px: int
    height_px: int
    content_type: str
    tiles: int
    body: bytes = field(repr=False)

    def message(self) -> Message:
        fields = {name: value for name, value in vars(self).items() if name not in ("body", "kind")}
        return Message("still", {**fields, "kind_of_still": self.kind}, self.body)

    @staticmethod
    def parse(message: Message) -> Still:
        fields = Fields(message.fields)
        still = Still(
            kind=fields.one_of("kind_of_still", STILL_KINDS),
            number=fields.integer("number", 0, 1_000),
            width_px=fields.integer("width_px", 1, MAX_EDGE_PX),
            height_px=fields.integer("height_px", 1, MAX_EDGE_PX),
            content_type=fields.one_of("content_type", CONTENT_TYPES),
            tiles=fields.integer("tiles", 0, 1_024),
            body=message.body,
        )
        fields.end()
        if not still.body.startswith(b"\xff\xd8\xff") or len(still.body) > MAX_STILL_BYTES:
            raise BadFrame("a still is not a JPEG picture, or too large")
        return still


@dataclass(frozen=True)
class Peaks:
    """The waveform at one zoom: for each ``samples_per_point`` samples at 48 kHz the lowest and highest as int8."""

    samples_per_point: int
    points: int
    body: bytes = field(repr=False)

    def message(self) -> Message:
        return Message("peaks", {"samples_per_point": self.samples_per_point, "points": self.points}, self.body)

    @staticmethod
    def parse(message: Message) -> Peaks:
        fields = Fields(message.fields)
        peaks = Peaks(
            samples_per_point=fields.integer("samples_per_point", 1, 1 << 20),
            points=fields.integer("points", 0, MAX_PEAKS_BYTES // 2),
            body=message.body,
        )
        fields.end()
        if len(peaks.body) != peaks.points * 2:
            raise BadFrame("a waveform's bytes are not two for each point")
        return peaks


@dataclass(frozen=True)
class Times:
    """When the pictures of an original without a constant rate are shown.

    A tick is ``numerator / denominator`` seconds. The body is the steps from picture to picture as runs: ticks and how
    many such steps, each four bytes, least significant first; of a very long film the later ones may be left out.
    """

    numerator: int
    denominator: int
    pictures: int
    shortest_ticks: int
    longest_ticks: int
    body: bytes = field(repr=False)

    def message(self) -> Message:
        return Message("times", {name: value for name, value in vars(self).items() if name != "body"}, self.body)

    @staticmethod
    def parse(message: Message) -> Times:
        fields = Fields(message.fields)
        times = Times(
            numerator=fields.integer("numerator", 1, 1_000_000_000),
            denominator=fields.integer("denominator", 1, 1_000_000_000),
            pictures=fields.integer("pictures", 2, MAX_FRAMES),
            shortest_ticks=fields.integer("shortest_ticks", 0, (1 << 32) - 1),
            longest_ticks=fields.integer("longest_ticks", 0, (1 << 32) - 1),
            body=message.body,
        )
        fields.end()
        if not 8 <= len(times.body) <= MAX_RUNS * 8 or len(times.body) % 8:
            raise BadFrame("the times of pictures are no runs, or too many")
        return times


@dataclass(frozen=True)
class Loudness:
    """What was measured of sound track ``number``, when all of it was heard."""

    number: int
    facts: LoudnessFacts

    def message(self) -> Message:
        return Message("loudness", {"number": self.number, **asdict(self.facts)})

    @staticmethod
    def parse(message: Message) -> Loudness:
        fields = bodyless(message)
        loudness = Loudness(fields.integer("number", 0, MAX_SOUNDS - 1), loudness_of(fields))
        fields.end()
        return loudness


@dataclass(frozen=True)
class Progress:
    """How many frames of the grid have been decoded."""

    frames: int

    def message(self) -> Message:
        return Message("progress", asdict(self))

    @staticmethod
    def parse(message: Message) -> Progress:
        fields = bodyless(message)
        progress = Progress(fields.integer("frames", 0, MAX_FRAMES))
        fields.end()
        return progress


@dataclass(frozen=True)
class Done:
    """All was sent. ``frames`` and ``audio_frames`` (AAC frames) are the real lengths of the whole grid."""

    frames: int
    audio_frames: int
    audio_samples: int

    def message(self) -> Message:
        return Message("done", asdict(self))

    @staticmethod
    def parse(message: Message) -> Done:
        fields = bodyless(message)
        done = Done(
            frames=fields.integer("frames", 0, MAX_FRAMES),
            audio_frames=fields.integer("audio_frames", 0, MAX_AUDIO_SAMPLES),
            audio_samples=fields.integer("audio_samples", 0, MAX_AUDIO_SAMPLES),
        )
        fields.end()
        return done


@dataclass(frozen=True)
class Problem:
    """Why the original cannot be used; the uploader's words for it are in ``problems``. The detail is hostile, too."""

    code: str
    detail: str

    def message(self) -> Message:
        return Message("problem", asdict(self))

    @staticmethod
    def parse(message: Message) -> Problem:
        fields = bodyless(message)
        problem = Problem(fields.one_of("code", PROBLEM_CODES), fields.word("detail"))
        fields.end()
        return problem


FromCodec = (
    Read | Probe | Plan | Track | Fragment | Cuts | Boundary
    | Still | Peaks | Loudness | Times | Progress | Done | Problem
)  # fmt: skip
FromCarrier = Job | Bytes | GoOn

_FROM_CODEC: Final[Mapping[str, Callable[[Message], FromCodec]]] = {
    "read": Read.parse,
    "probe": Probe.parse,
    "plan": Plan.parse,
    "track": Track.parse,
    "fragment": Fragment.parse,
    "cuts": Cuts.parse,
    "boundary": Boundary.parse,
    "still": Still.parse,
    "peaks": Peaks.parse,
    "loudness": Loudness.parse,
    "times": Times.parse,
    "progress": Progress.parse,
    "done": Done.parse,
    "problem": Problem.parse,
}


def parse_from_codec(message: Message) -> FromCodec:
    """Return what the codec said.

    Raises:
        BadFrame: the message is not one of the protocol; kill the codec and believe nothing more of it.
    """
    parse = _FROM_CODEC.get(message.kind)
    if parse is None:
        raise BadFrame("a message is of a kind this protocol does not know")
    return parse(message)


def parse_from_carrier(message: Message) -> FromCarrier:
    """Return what the carrier said; raise BadFrame for anything else."""
    if message.kind == "job":
        return Job.parse(message)
    if message.kind == "bytes":
        return Bytes.parse(message)
    if message.kind == "go_on":
        return GoOn.parse(message)
    raise BadFrame("a message is of a kind this protocol does not know")
