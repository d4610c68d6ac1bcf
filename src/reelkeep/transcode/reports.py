"""What the codec says to the carrier: reads, and everything that it made. Every field is bounded. Pure; no I/O."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.media import (
    MAX_SOUNDS,
    SEGMENT_FRAMES,
    Light,
    Rung,
)
from reelkeep.media import Loudness as LoudnessFacts
from reelkeep.media import Probe as ProbeFacts
from reelkeep.sequences import MAX_FRAMES_OF_SEQUENCE
from reelkeep.transcode.fields import (
    CONTENT_TYPES,
    LIGHTS,
    MAX_AUDIO_SAMPLES,
    MAX_EDGE_PX,
    MAX_FRAMES,
    MAX_ORIGINAL_BYTES,
    MAX_PEAKS_BYTES,
    MAX_READ_BYTES,
    MAX_RUNGS,
    MAX_RUNS,
    MAX_STILL_BYTES,
    PROBLEM_CODES,
    STILL_KINDS,
    Fields,
    bodyless,
    cuts_of,
    loudness_of,
    rate_of,
    rung_of,
    sounds_of,
    timecode_of,
)


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
