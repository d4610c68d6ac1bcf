"""The carrier: talks with one codec, serves its reads, and hands what it sends to the publisher.

The codec parses hostile media, so every word of it is hostile: frames are bounded, checked against the plan, and the
first broken one ends the codec. The carrier parses no media container. A codec that dies without a word is nobody's
fault that is known yet: the job is tried again.
"""

from __future__ import annotations

import logging
import re
import select
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, Protocol

from reelkeep.errors import DependencyError, IsolationError, MediaError
from reelkeep.isolation.channel import BadFrame, Channel, ChannelClosed, Message
from reelkeep.jobs.interface import Hold
from reelkeep.media import MediaLimits
from reelkeep.media import Probe as ProbeFacts
from reelkeep.transcode import protocol
from reelkeep.transcode.bands import place_bands
from reelkeep.transcode.problems import unusable
from reelkeep.transcode.protocol import (
    Boundary,
    Cuts,
    Done,
    Fragment,
    GoOn,
    Loudness,
    Peaks,
    Plan,
    Problem,
    Progress,
    Read,
    Still,
    Times,
    Track,
)

_log = logging.getLogger(__name__)

TICK_SECONDS: Final = 0.5
MAX_REASON_CHARACTERS: Final = 200  # of what a dead codec said, in a log that may lie on a disk: no room for pictures
SILENCE_SECONDS: Final = 900.0  # the slowest decoders make 3.6 frames a second at 2160p (J2K); GOPs of 48: 15 s
FRAME_SECONDS: Final = 120.0  # for a frame that was begun: 64 MiB at most, over a local socket
_READ_TIMES, _READ_SPARE_BYTES = 8, 512 << 20  # I3 asks for 1.02; a file cut into many cursors may need more
_MADE_TIMES, _MADE_SPARE_BYTES = 8, 256 << 30  # a day of film in three rungs, from however small a file


class CodecDied(DependencyError):
    """The program that reads the film stopped without saying why."""


class CodecMisbehaved(IsolationError):
    """This file made the program that reads films misbehave, so the work was stopped."""

    default_advice = "Export the file again and upload it as a new version; show this file to the operator."


class TooSlow(MediaError):
    """Transcoding this file takes longer than the installation allows for its length."""

    default_advice = "Export the film in another codec or a smaller size and upload that as a new version."


class Codec(Protocol):
    """A running codec: ``isolation.sandbox.CodecProcess``, or a play-acted one in tests."""

    @property
    def channel(self) -> Channel: ...

    def kill(self) -> None: ...

    def last_words(self) -> str: ...


class Source(Protocol):
    """What the codec reads: ``source.SourceCache`` or ``sequence_source.SequenceSource``."""

    @property
    def fetched_bytes(self) -> int: ...

    def read(self, offset: int, length: int, file: int = 0) -> bytes: ...

    def narrow(self) -> None: ...


class Recipient(Protocol):
    """Who takes what the codec sends: ``publisher.Publisher``."""

    def add_track(self, track: Track) -> None: ...

    def add_fragment(self, fragment: Fragment, now: float) -> None: ...

    def cut(self, cuts: Cuts) -> None: ...

    def cross(self, boundary: Boundary) -> bool: ...

    def add_still(self, still: Still) -> None: ...

    def add_peaks(self, peaks: Peaks) -> None: ...

    def add_loudness(self, loudness: Loudness) -> None: ...

    def add_times(self, times: Times) -> None: ...

    def tick(self, now: float) -> None: ...

    def finish(self, done: Done, now: float) -> None: ...

    def close(self) -> None: ...


StartCodec = Callable[[], AbstractContextManager[Codec]]
BeginProxy = Callable[[ProbeFacts, Plan], Recipient]


@dataclass(frozen=True)
class TalkLimits:
    """How long a talk may take. Only the time counts in which the carrier waits for the codec."""

    frame_seconds: float = FRAME_SECONDS
    silence_seconds: float = SILENCE_SECONDS  # without anything new: words that lead nowhere are silence, too


class Carrier:
    """One talk with one codec, from the job to its end. Use it once.

    Args:
        begin: called when the probe and the plan are known; returns the publisher of this attempt.
    """

    def __init__(
        self,
        source: Source,
        begin: BeginProxy,
        hold: Hold,
        limits: MediaLimits | None = None,
        *,
        talk: TalkLimits | None = None,
    ) -> None:
        self._limits, self._talk_limits = limits or MediaLimits(), talk or TalkLimits()
        self._allowed_seconds = float(self._limits.max_opening_seconds)
        self._source = source
        self._begin = begin
        self._hold = hold
        self._silent_seconds = self._worked_seconds = 0.0
        self._read_bytes = self._made_bytes = self._progress = 0
        self._probe: ProbeFacts | None = None
        self._publisher: Recipient | None = None

    def run(self, start: StartCodec, job: protocol.Job) -> Done:
        """Have the original made into a proxy; return when everything the codec sent is published.

        Raises:
            MediaError: the original cannot be used, in the uploader's words, or takes too long; the codec was killed.
            CodecDied: the codec ended in the middle; what is published stays.
            CodecMisbehaved, BadBitstream: the codec broke the protocol; it was killed.
            JobCancelled, LeaseLost: the job has to be let go; the codec was killed.
        """
        try:
            with start() as codec:
                self._hold.on_stop(codec.kill)
                done = self._talk(codec, job)
            self._finish(done)
            return done
        finally:
            if self._publisher is not None:
                self._publisher.close()

    def _finish(self, done: Done) -> None:
        try:
            self._publishing().finish(done, time.monotonic())
        except BadFrame as error:
            raise CodecMisbehaved from error

    def _talk(self, codec: Codec, job: protocol.Job) -> Done:
        codec.channel.limit(self._talk_limits.frame_seconds)
        try:
            codec.channel.send(job.message())
            while True:
                said = protocol.parse_from_codec(self._next(codec.channel))
                if isinstance(said, Done):
                    return said
                self._hear(said, codec.channel, job)
        except BadFrame as error:
            _log.warning("the codec broke the protocol: %s", error.message)
            raise CodecMisbehaved from error
        except (ChannelClosed, OSError) as error:  # OSError: on_stop has closed the channel under us
            self._hold.check()
            _log.warning("the codec ended early: %s", _reason(codec.last_words()))
            raise CodecDied from error

    def _next(self, channel: Channel) -> Message:
        while self._silent_seconds < self._talk_limits.silence_seconds:
            self._hold.check()
            if self._worked_seconds > self._allowed_seconds:
                raise TooSlow
            if channel.fileno() < 0:
                raise ChannelClosed
            began = time.monotonic()
            try:
                if select.select([channel.fileno()], [], [], TICK_SECONDS)[0]:
                    return channel.receive()
            finally:
                self._waited(time.monotonic() - began)
            if self._publisher is not None:
                self._publisher.tick(time.monotonic())
        raise CodecDied("the program that reads the film has stopped answering")

    def _waited(self, seconds: float) -> None:
        self._silent_seconds += seconds
        self._worked_seconds += seconds

    def _account(self, said: protocol.FromCodec, size_bytes: int) -> None:
        """Break the silence if this is anything new; refuse what no film needs of the company's bucket."""
        match said:
            case Read():
                is_new = self._source.fetched_bytes > self._read_bytes
                self._read_bytes = self._source.fetched_bytes
            case Progress():
                is_new = said.frames > self._progress
                self._progress = max(self._progress, said.frames)
            case _:
                is_new = True
        if isinstance(said, Fragment | Still | Peaks | Times):
            self._made_bytes += len(said.body)
        if is_new:
            self._silent_seconds = 0.0
        if self._read_bytes > _READ_TIMES * size_bytes + _READ_SPARE_BYTES:
            raise BadFrame("the codec reads the original again and again")
        if self._made_bytes > _MADE_TIMES * size_bytes + _MADE_SPARE_BYTES:
            raise BadFrame("the codec makes more than a film can hold")

    def _hear(self, said: protocol.FromCodec, channel: Channel, job: protocol.Job) -> None:
        self._account(said, job.size_bytes)
        match said:
            case Read():
                body = self._source.read(said.offset, said.length, said.file)
                channel.send(protocol.Bytes(said.offset, body).message())
            case protocol.Probe():
                if self._probe is not None:
                    raise BadFrame("a second probe")
                self._probe = said.facts
                self._allowed_seconds += said.facts.media_seconds * self._limits.max_work_seconds
            case Plan():
                self._take_plan(said, job)
            case Track():
                self._publishing().add_track(said)
            case Fragment():
                self._publishing().add_fragment(said, time.monotonic())
            case Cuts():
                self._publishing().cut(said)
            case Boundary():
                goes_on = self._publishing().cross(said)
                if not goes_on:
                    self._source.narrow()  # what is still read of the original is its sound
                channel.send(GoOn(goes_on).message())
            case Still():
                self._publishing().add_still(said)
            case Peaks():
                self._publishing().add_peaks(said)
            case Loudness():
                self._publishing().add_loudness(said)
            case Times():
                self._publishing().add_times(said)
            case Problem():
                _log.info("the codec refuses the original: %s (%s)", said.code, said.detail)
                raise unusable(said.code, said.detail)
            case Progress():
                self._publishing().tick(time.monotonic())

    def _take_plan(self, plan: Plan, job: protocol.Job) -> None:
        if self._probe is None or self._publisher is not None:
            raise BadFrame("a plan comes before its probe, or twice")
        if (plan.resume_frame, plan.resume_audio_frame) != (job.resume_frame, job.resume_audio_frame):
            raise BadFrame("the codec begins at another frame than it was told")
        if any(rung.bands != place_bands(rung.height_px, job.bands) for rung in plan.rungs):
            raise BadFrame("the codec places mark bands elsewhere than it was told")
        if any(min(rung.width_px, rung.height_px) > job.largest_edge_px for rung in plan.rungs):
            raise BadFrame("the codec plans a larger rung than it was told")
        self._publisher = self._begin(self._probe, plan)

    def _publishing(self) -> Recipient:
        if self._publisher is None:
            raise BadFrame("the codec sends media before its plan")
        return self._publisher


def _reason(last_words: str) -> str:
    """Return the class of the error in the last line of what a codec said before it died: its text may quote the film.

    The sandbox's own words come before any film, and are returned whole.

    >>> _reason("Traceback:\\nMemoryError: a title\\n"), _reason("a title")
    ('MemoryError', 'it gave no reason')
    >>> _reason("bwrap: setting up uid map: Permission denied")
    'bwrap: setting up uid map: Permission denied'
    """
    line = (last_words.strip().splitlines() or [""])[-1]
    if line.startswith("bwrap: "):
        return "".join(c if " " <= c <= "~" else "?" for c in line[:MAX_REASON_CHARACTERS])
    found = re.match(r"((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt))(?::|$)", line)
    return found[1][:MAX_REASON_CHARACTERS] if found else "it gave no reason"
