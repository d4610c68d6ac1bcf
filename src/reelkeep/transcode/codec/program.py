"""The codec's main line: one job from its first read to ``done`` or ``problem``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

import av

import reelkeep.transcode.codec.warm  # noqa: F401 - it must run before the doors close
from reelkeep.isolation.channel import Channel, Message
from reelkeep.media import AUDIO_RATE_HZ, SEGMENT_FRAMES, STEP_GOP_FRAMES, FrameRate, Light, Rung
from reelkeep.transcode.codec.band_encoder import BandEncoder
from reelkeep.transcode.codec.cuts import find_cuts
from reelkeep.transcode.codec.grid import Grid
from reelkeep.transcode.codec.lane import Lane
from reelkeep.transcode.codec.look import Look
from reelkeep.transcode.codec.original import Original
from reelkeep.transcode.codec.picture import Deinterlacer, Pictures
from reelkeep.transcode.codec.probing import Found, probe
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.reader import CUT_OFF_SHARE, Source
from reelkeep.transcode.codec.sequence import ImageSequence
from reelkeep.transcode.codec.sound_line import TrackLine
from reelkeep.transcode.codec.stills import Poster, Tiles, plan_tiles
from reelkeep.transcode.codec.video_encoder import VideoEncoder
from reelkeep.transcode.ladder import plan_ladder
from reelkeep.transcode.protocol import (
    Boundary,
    Cuts,
    Done,
    GoOn,
    Job,
    Plan,
    Probe,
    Problem,
    Progress,
    TileLayout,
    Track,
)

PROGRESS_FRAMES: Final = SEGMENT_FRAMES
_CUT_OFF_FRAMES: Final = 2
_SOUND_PRE_ROLL: Final = Fraction(1, 2)


def main(channel: Channel) -> None:
    """Wait for a job, do it, and say how it ended. Everything that goes wrong with the file becomes a ``problem``."""
    job = Job.parse(channel.receive())
    try:
        _Transcode(channel, job).run()
    except Refused as refused:
        channel.send(Problem(refused.reason, refused.detail).message())
    except (MemoryError, av.error.MemoryError):
        channel.send(Problem("too_large", "memory").message())


class _Transcode:
    """One job. Everything it makes goes out at once; nothing is kept but the GOPs being encoded."""

    def __init__(self, channel: Channel, job: Job) -> None:
        self._channel = channel
        self._job = job
        self._source: Source | ImageSequence
        if job.images is None:
            self._source = Source(Original(channel, job.size_bytes), job)
            self._found = probe(self._source, job)
        else:
            self._source = ImageSequence(channel, job, job.images)
            self._found = self._source.probe(job)
        self._send(Probe(self._found.facts))

    def run(self) -> None:
        facts = self._found.facts
        job, picture = self._job, None
        if facts.has_video and job.picture:
            picture = PictureLine(self._found, job, self._may_go_on)
        sound = SoundLine(self._found, self._job) if facts.has_audio and self._job.sound else None
        self._send(self._plan())
        self._send_all(picture.tracks() if picture else ())
        self._send_all(sound.tracks() if sound else ())
        held: list[Any] = []  # sound that comes before the first picture has gone out
        unsure = self._job.find_cuts
        for frame in self._frames(picture, sound):
            if not hasattr(frame, "samples"):
                self._send_all(picture.add(frame) if picture else ())
            elif sound:
                held.extend(sound.add(frame))
            if picture is None or picture.has_opened:
                self._send_all(held)
                held.clear()
            if picture and picture.has_opened and unsure:
                unsure = False
                self._send_all(self._cuts(picture))
            if picture and picture.has_stopped:
                if sound is None or isinstance(self._source, ImageSequence):
                    break
                self._source.leave_picture()
        self._send_all(picture.finish() if picture else ())
        self._send_all(held)
        self._send_all(sound.finish() if sound else ())
        if sound and self._job.resume_audio_frame:
            self._send_all(self._heard_from_start())
        self._send_all(self._times(picture) if picture and not picture.is_cut else ())  # only a constant rate is cut
        self._end(picture, sound)

    def _plan(self) -> Plan:
        """The whole film's plan, also of a job that makes a part of it."""
        facts, job = self._found.facts, self._job
        width, height = facts.width_px, facts.height_px
        return Plan(
            rungs=plan_ladder(width, height, job.bands, job.largest_edge_px) if facts.has_video else (),
            sounds=len(facts.sounds),
            resume_frame=job.resume_frame,
            resume_audio_frame=job.resume_audio_frame,
            tiles=_layout(self._found, job) if facts.has_video else None,
        )

    def _cuts(self, picture: PictureLine) -> Iterator[Cuts]:
        """Cuts are looked for when the first picture is out: of a long film it takes a second."""
        if isinstance(self._source, ImageSequence):
            return  # its files are decoded side by side already
        found = find_cuts(self._source, picture.layout, self._found.facts.frames, picture.rate.fraction)
        picture.cut(found)
        if found:
            yield Cuts(found)

    def _may_go_on(self, frame: int) -> bool:
        self._send(Boundary(frame))
        return GoOn.parse(self._channel.receive()).go

    def _frames(self, picture: PictureLine | None, sound: SoundLine | None) -> Iterator[Any]:
        """Frames from where the first thing wanted lies; the first ones were decoded once already by the probe."""
        if isinstance(self._source, ImageSequence):
            assert picture is not None
            return self._source.frames(picture.early, self._job.resume_frame)
        wanted = []
        if picture:
            wanted.append(Fraction(picture.first_wanted) / picture.rate.fraction)
        if sound:
            wanted.append(Fraction(self._job.resume_audio_frame * 1024, AUDIO_RATE_HZ) - _SOUND_PRE_ROLL)
        start = self._found.origin + min(wanted, default=Fraction(0))
        return self._source.frames_from(start, video=picture is not None, audio=sound is not None)

    def _times(self, picture: PictureLine) -> Iterator[Any]:
        """The times of the original's pictures, if its rate is not constant; a retried job has not seen all of them."""
        if isinstance(self._source, ImageSequence):
            return
        if self._job.resume_frame or self._job.resume_audio_frame:
            self._source.read_times()
        video = self._source.video
        if video is None or video.time_base is None or self._source.is_still:
            return
        times = self._source.times.message(
            Fraction(video.time_base), picture.rate.fraction, self._found.origin, picture.frames
        )
        if times is not None:
            yield times

    def _heard_from_start(self) -> Iterator[Any]:
        """A retried job has not heard the start of the sound: measure all of it once more."""
        assert isinstance(self._source, Source)
        self._source.rewind()
        sound = SoundLine(self._found, replace(self._job, resume_audio_frame=0), is_heard_again=True)
        for frame in self._source.frames(video=False):
            yield from sound.add(frame)
        yield from sound.finish()

    def _end(self, picture: PictureLine | None, sound: SoundLine | None) -> None:
        frames = picture.frames if picture else 0
        planned = self._found.facts.frames
        whole = picture is not None and not picture.has_stopped
        if whole and planned - frames > max(Fraction(_CUT_OFF_FRAMES), planned * CUT_OFF_SHARE):
            raise Refused("cut_off")
        self._send(Done(frames, sound.frames if sound else 0, sound.samples if sound else 0))

    def _send_all(self, messages: Any) -> None:
        for message in messages:
            self._send(message)

    def _send(self, message: Any) -> None:
        framed: Message = message.message()
        self._channel.send(framed)


class PictureLine:
    """From decoded frames to GOPs of every rung, tile sheets and the poster."""

    def __init__(self, found: Found, job: Job, may_go_on: Callable[[int], bool]) -> None:
        facts = found.facts
        assert facts.rate is not None
        self.has_stopped = False  # at a cut: the rest is made by others
        self._may_go_on = may_go_on
        self._cuts = [cut for cut in job.cuts if cut > job.resume_frame]
        self.is_cut = bool(job.cuts)
        self.rate: FrameRate = facts.rate
        self.rungs = plan_ladder(facts.width_px, facts.height_px, job.bands, job.largest_edge_px)
        self.layout = _layout(found, job)
        self.frames = 0
        self._job = job
        self._found = found
        self._grid: Grid[Any] = Grid(self.rate.fraction, found.origin)
        self._pictures = Pictures(self.rungs, found.upright, _look(job, facts.light))
        self._deinterlacer = Deinterlacer()
        self._tiles = Tiles(self.layout, job.resume_tile_sheet)
        self._poster = Poster(facts.frames) if job.poster else None
        self._lanes = {rung.name: self._lane(rung, job.resume_frame) for rung in self.rungs}
        self._opening = self._opening_encoder()
        self._early: list[tuple[int, dict[str, Any]]] = []
        self._last: tuple[Any, dict[str, Any]] | None = None

    @property
    def has_opened(self) -> bool:
        """Whether the step rung's first GOP has gone out, before which nothing else may."""
        return self._opening is None

    @property
    def first_wanted(self) -> int:
        """The first grid frame for which anything must be decoded."""
        return 0 if self._poster else min(self._job.resume_frame, self._tiles.next_frame)

    @property
    def early(self) -> range:
        """The grid frames before the first one to encode of which a picture is needed."""
        if self._poster:
            return range(self._job.resume_frame)
        return range(self._tiles.next_frame, self._job.resume_frame, self.layout.step_frames)

    def cut(self, frames: tuple[int, ...]) -> None:
        """Take the cuts that were found; all lie ahead."""
        self._cuts = list(frames)
        self.is_cut = bool(frames)

    def tracks(self) -> Iterator[Track]:
        """Describe every rung before its first fragment, so that the manifest can name all of them from the start."""
        return (self._lanes[rung.name].track() for rung in self.rungs)

    def _encoder(self, rung: Rung, first: int) -> VideoEncoder | BandEncoder:
        kind = BandEncoder if rung.bands else VideoEncoder
        return kind(rung, self.rate, first)

    def _lane(self, rung: Rung, first: int) -> Lane:
        return Lane(self._encoder(rung, first), goes_first=rung is self.rungs[-1])

    def _opening_encoder(self) -> VideoEncoder | BandEncoder | None:
        """The very first GOP of the step rung has an encoder of its own, so that it can be flushed at once."""
        if self._job.resume_frame:
            return None
        step = self.rungs[0]
        self._lanes[step.name] = self._lane(step, STEP_GOP_FRAMES)
        return self._encoder(step, 0)

    def add(self, frame: Any) -> Iterator[Any]:
        """Take the next decoded frame; yield what it completes."""
        if frame.pts is None:
            return
        for whole in self._deinterlacer.add(frame):
            yield from self._place(whole)

    def _place(self, frame: Any) -> Iterator[Any]:
        time = Fraction(frame.pts) * frame.time_base
        try:
            for number, settled in self._grid.place(frame, time):
                yield from self._take(number, settled)
        except ValueError as error:
            raise Refused("damaged", "the picture's time stamps jump") from error

    def finish(self) -> Iterator[Any]:
        """Yield everything that is left."""
        for frame in self._deinterlacer.finish():
            yield from self._place(frame)
        for number, settled in self._grid.end():
            yield from self._take(number, settled)
        yield from self._close_opening()
        yield from self._empty()
        yield from self._tiles.finish() if not self.has_stopped else ()
        yield from self._poster.finish() if self._poster else ()

    def _cross(self, cut: int) -> Iterator[Any]:
        """Send all that lies before a cut, and begin anew there if nobody else does."""
        yield from self._empty()
        self.has_stopped = not self._may_go_on(cut)
        if not self.has_stopped:
            self._lanes = {rung.name: self._lane(rung, cut) for rung in self.rungs}

    def _empty(self) -> Iterator[Any]:
        for lane in self._lanes.values():
            lane.end()
        for lane in self._lanes.values():
            yield from lane.rest()
        self._lanes.clear()

    def _take(self, number: int, frame: Any) -> Iterator[Any]:
        """One frame of the grid; a frame repeated on it is scaled once."""
        if self._cuts and number == self._cuts[0] and not self.has_stopped:
            yield from self._cross(self._cuts.pop(0))
        if self.has_stopped:
            return
        self.frames = number + 1
        if not self._is_wanted(number):
            return
        if self._last is None or self._last[0] is not frame:
            self._last = (frame, self._pictures.of(frame))
        pictures = self._last[1]
        if self._opening is not None:
            yield from self._open(number, pictures)
        else:
            yield from self._all_of(number, pictures)

    def _open(self, number: int, pictures: dict[str, Any]) -> Iterator[Any]:
        """Nothing but the step rung is worked on until its first GOP is out; the rest is made up for then."""
        assert self._opening is not None
        self._early.append((number, pictures))
        yield from self._opening.encode(number, pictures[self.rungs[0].name])
        if number == STEP_GOP_FRAMES - 1:
            yield from self._close_opening()

    def _close_opening(self) -> Iterator[Any]:
        if self._opening is None:
            return
        opening, self._opening = self._opening, None
        yield from opening.finish()
        for number, pictures in self._early:
            yield from self._all_of(number, pictures)
        self._early.clear()

    def _all_of(self, number: int, pictures: dict[str, Any]) -> Iterator[Any]:
        step = self.rungs[0].name
        for rung in self.rungs:
            lane = self._lanes[rung.name]
            if number >= lane.first:
                yield from lane.encode(number, pictures[rung.name])
        yield from self._tiles.add(number, pictures[step])
        yield from self._poster.add(number, pictures[step]) if self._poster else ()
        if number % PROGRESS_FRAMES == PROGRESS_FRAMES - 1:
            yield Progress(number + 1)

    def _is_wanted(self, number: int) -> bool:
        return number >= self._job.resume_frame or number == self._tiles.next_frame or self._poster is not None


def _look(job: Job, light: Light) -> Look | None:
    """Return what the film is shown through, if the production's LUT is for films like this one."""
    return Look(job.lut, light) if job.lut is not None and job.lut.scope.holds(light) else None


def _layout(found: Found, job: Job) -> TileLayout:
    facts = found.facts
    assert facts.rate is not None
    return plan_tiles(facts.width_px, facts.height_px, facts.frames, facts.rate, job.unit_seconds)


class SoundLine:
    """From decoded sound to AAC fragments of every track, the first one's peaks, and how loud each is."""

    def __init__(self, found: Found, job: Job, *, is_heard_again: bool = False) -> None:
        facts = found.facts
        limit = None
        if facts.has_video and facts.rate is not None:
            limit = round(facts.frames / facts.rate.fraction * AUDIO_RATE_HZ)
        self._lines = [
            TrackLine(number, places, found.origin, job, limit, is_heard_again=is_heard_again)
            for number, places in enumerate(found.places)
        ]

    @property
    def frames(self) -> int:
        """AAC frames on the whole grid, the same of every track."""
        return self._lines[0].aac.frames

    @property
    def samples(self) -> int:
        """Samples of the longest track."""
        return self._lines[0].aac.samples

    def tracks(self) -> Iterator[Track]:
        """Describe every track before its first fragment."""
        return (line.aac.track() for line in self._lines)

    def add(self, frame: Any) -> Iterator[Any]:
        number, place = frame.opaque
        yield from self._lines[number].add(place, frame)

    def finish(self) -> Iterator[Any]:
        """Yield everything that is left; tracks shorter than the longest end in silence."""
        for line in self._lines:
            yield from line.end()
        longest = max(line.aac.samples for line in self._lines)
        for line in self._lines:
            yield from line.finish(longest)
