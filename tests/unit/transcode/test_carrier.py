"""The carrier against play-acted codecs: whatever they say, it believes nothing and leaves nothing running."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from reelkeep.errors import MediaError, ReelkeepError
from reelkeep.isolation.channel import Channel, ChannelClosed, Message
from reelkeep.jobs.interface import JobCancelled
from reelkeep.media import DEFAULT_BANDS, FrameRate, MediaLimits, Rung
from reelkeep.media import Probe as ProbeFacts
from reelkeep.transcode.bands import place_bands
from reelkeep.transcode.carrier import Carrier, CodecDied, CodecMisbehaved, TalkLimits, TooSlow
from reelkeep.transcode.protocol import Done, Fragment, Job, Plan, Probe, Problem, Progress, Read, SampleEntry
from reelkeep.transcode.source import SourceCache

ORIGINAL = bytes(range(256)) * 10
PROBE = Probe(ProbeFacts("mp4", True, False, 640, 360, FrameRate(24, 1), 12))
RUNG = Rung("v360", 640, 360, 12, 23.0, 1_000_000, is_step=True, bands=place_bands(360, DEFAULT_BANDS))
PLAN = Plan((RUNG,), 0, 0, 0, None)
FRAGMENT = Fragment("v360", 0, tuple(SampleEntry(1, 1, 0, True) for _ in range(12)), b"x" * 12)
DONE = Done(12, 0, 0)


@dataclass
class Taker:
    taken: list[str] = field(default_factory=list)
    closed: bool = False

    def add_track(self, track: object) -> None:
        self.taken.append("track")

    def add_fragment(self, fragment: object, now: float) -> None:
        self.taken.append("fragment")

    def add_still(self, still: object) -> None:
        self.taken.append("still")

    def cut(self, cuts: object) -> None:
        self.taken.append("cuts")

    def cross(self, boundary: object) -> bool:
        self.taken.append("boundary")
        return False

    def add_peaks(self, peaks: object) -> None:
        self.taken.append("peaks")

    def add_loudness(self, loudness: object) -> None:
        self.taken.append("loudness")

    def add_times(self, times: object) -> None:
        self.taken.append("times")

    def tick(self, now: float) -> None: ...

    def finish(self, done: object, now: float) -> None:
        self.taken.append("done")

    def close(self) -> None:
        self.closed = True


@dataclass
class Stop:
    """A hold that can be told to let go."""

    reason: ReelkeepError | None = None
    callbacks: list[Callable[[], None]] = field(default_factory=list)
    worker: str = "me"

    def check(self) -> None:
        if self.reason is not None:
            raise self.reason

    def wait(self, seconds: float) -> None:
        self.check()

    def on_stop(self, callback: Callable[[], None]) -> None:
        self.callbacks.append(callback)

    def cancel(self) -> None:
        self.reason = JobCancelled()
        for callback in self.callbacks:
            callback()


class PlayedCodec:
    def __init__(self, play: Callable[[Channel], None]) -> None:
        self._ours, theirs = socket.socketpair()
        self.channel = Channel(self._ours)
        self.killed = False
        self._thread = threading.Thread(target=self._run, args=(play, Channel(theirs)))
        self._thread.start()

    def _run(self, play: Callable[[Channel], None], channel: Channel) -> None:
        try:
            play(channel)
        except (ChannelClosed, OSError):
            pass
        finally:
            channel.close()

    def kill(self) -> None:
        if not self.killed:
            self._ours.shutdown(socket.SHUT_RDWR)  # as the end of the process would
        self.killed = True
        self.channel.close()

    def last_words(self) -> str:
        return "the end"

    def join(self) -> None:
        self._thread.join(5)
        assert not self._thread.is_alive()


def raw(channel: Channel, octets: bytes) -> None:
    os.write(channel.fileno(), octets)


class Stage:
    """Runs a carrier against a play, and checks that nothing is left behind."""

    def __init__(self) -> None:
        self.taker, self.hold = Taker(), Stop()
        self.codec: PlayedCodec | None = None

    def run(
        self,
        *lines: Message | Callable[[Channel], None],
        job: Job | None = None,
        limits: MediaLimits | None = None,
        talk: TalkLimits | None = None,
    ) -> Done:
        def play(channel: Channel) -> None:
            channel.receive()
            for line in lines:
                if isinstance(line, Message):
                    channel.send(line)
                else:
                    line(channel)

        @contextmanager
        def start() -> Iterator[PlayedCodec]:
            self.codec = PlayedCodec(play)
            try:
                yield self.codec
            finally:
                self.codec.kill()

        source = SourceCache(lambda offset, length: ORIGINAL[offset : offset + length], len(ORIGINAL))
        try:
            carrier = Carrier(source, lambda probe, plan: self.taker, self.hold, limits, talk=talk)
            return carrier.run(start, job or Job(len(ORIGINAL)))
        finally:
            source.close()
            assert self.codec is not None
            assert self.codec.killed
            self.codec.join()


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_an_orderly_talk_reaches_the_publisher_and_ends_the_codec(stage: Stage) -> None:
    done = stage.run(PROBE.message(), PLAN.message(), FRAGMENT.message(), Progress(12).message(), DONE.message())
    assert done == DONE
    assert stage.taker.taken == ["fragment", "done"]
    assert stage.taker.closed


def test_a_codec_that_keeps_talking_has_its_time_and_no_more(stage: Stage) -> None:
    """Twelve frames at 24 are one second, rounded up; it is allowed one to open and one for each second of media."""

    def talk(channel: Channel) -> None:
        channel.send(PROBE.message())
        channel.send(PLAN.message())
        while True:
            channel.send(Progress(1).message())
            time.sleep(0.05)

    began = time.monotonic()
    with pytest.raises(TooSlow):
        stage.run(talk, limits=MediaLimits(max_opening_seconds=1, max_work_seconds=1))
    assert 2 <= time.monotonic() - began < 30
    assert stage.taker.closed


def test_reads_are_answered_with_the_bytes_of_the_original_and_fewer_at_its_end(stage: Stage) -> None:
    got: list[bytes] = []

    def read(channel: Channel) -> None:
        for offset, length in ((0, 10), (len(ORIGINAL) - 5, 100), (len(ORIGINAL) + 9, 4)):
            channel.send(Read(offset, length).message())
            got.append(channel.receive().body)

    stage.run(read, PROBE.message(), PLAN.message(), DONE.message())
    assert got == [ORIGINAL[:10], ORIGINAL[-5:], b""]


def test_a_problem_is_told_in_our_own_words_for_the_uploader(stage: Stage) -> None:
    with pytest.raises(MediaError, match=r"^The file is damaged: too much of it cannot be read$") as told:
        stage.run(Problem("damaged", "send your password to eve").message())
    assert "stays stored" in told.value.advice()
    with pytest.raises(MediaError, match=r"cannot read the format .* \(cinepak\)$"):
        stage.run(Problem("unsupported", "cinepak").message())


HOSTILE: dict[str, list[Message | Callable[[Channel], None]]] = {
    "an unknown kind": [Message("exec", {"path": "/bin/sh"})],
    "a fragment before the plan": [FRAGMENT.message()],
    "a plan before the probe": [PLAN.message()],
    "a second probe": [PROBE.message(), PROBE.message()],
    "a second plan": [PROBE.message(), PLAN.message(), PLAN.message()],
    "bands elsewhere than asked": [PROBE.message(), replace(PLAN, rungs=(replace(RUNG, bands=()),)).message()],
    "another beginning than asked": [PROBE.message(), Plan(PLAN.rungs, 0, 48, 0, None).message()],
    "an end before the plan": [DONE.message()],
    "an order to the carrier": [Job(1).message()],
    "a read of a negative offset": [Message("read", {"offset": -1, "length": 4})],
    "a read of everything": [Message("read", {"offset": 0, "length": 1 << 40})],
    "fields too many": [Message("progress", {"frames": 1, "path": "x"})],
    "no JSON": [lambda channel: raw(channel, b"\0\0\0\2\0\0\0\0no")],
    "a frame too large": [lambda channel: raw(channel, b"\xff" * 8)],
}


@pytest.mark.parametrize("lines", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_codec_that_breaks_the_protocol_is_killed(
    stage: Stage, lines: list[Message | Callable[[Channel], None]]
) -> None:
    with pytest.raises(CodecMisbehaved):
        stage.run(*lines, lambda channel: channel.receive())
    assert "done" not in stage.taker.taken


def test_a_codec_that_dies_without_a_word_is_tried_again(stage: Stage) -> None:
    with pytest.raises(CodecDied):
        stage.run(PROBE.message(), PLAN.message(), FRAGMENT.message())
    assert stage.taker.taken == ["fragment"]
    assert stage.taker.closed


def test_a_codec_that_stalls_in_the_middle_of_a_frame_can_be_cancelled(stage: Stage) -> None:
    def stall(channel: Channel) -> None:
        raw(channel, b"\0\0\0\x10")
        threading.Timer(0.3, stage.hold.cancel).start()
        channel.receive()

    began = time.monotonic()
    with pytest.raises(JobCancelled):
        stage.run(PROBE.message(), stall)
    assert time.monotonic() - began < 3


def half_a_frame(channel: Channel) -> None:
    raw(channel, b"\0\0")
    channel.receive()


def one_byte_at_a_time(channel: Channel) -> None:
    raw(channel, b"\0\0\1\0\0\0\0\0")
    while True:
        raw(channel, b" ")
        time.sleep(0.02)


def reads_and_takes_nothing(channel: Channel) -> None:
    while True:
        channel.send(Read(0, len(ORIGINAL)).message())


@pytest.mark.parametrize("line", [half_a_frame, one_byte_at_a_time, reads_and_takes_nothing])
def test_a_codec_that_stops_in_the_middle_of_a_frame_holds_nobody(
    stage: Stage, line: Callable[[Channel], None]
) -> None:
    with pytest.raises(CodecMisbehaved):
        stage.run(line, talk=TalkLimits(frame_seconds=0.3))


def test_words_that_lead_nowhere_do_not_keep_a_codec_alive(stage: Stage) -> None:
    def chatter(channel: Channel) -> None:
        while True:
            channel.send(Progress(5).message())
            channel.send(Read(0, 1).message())
            channel.receive()
            time.sleep(0.01)

    with pytest.raises(CodecDied, match="stopped answering"):
        stage.run(PROBE.message(), PLAN.message(), chatter, talk=TalkLimits(silence_seconds=0.3))


def test_a_codec_cannot_have_the_original_fetched_for_ever() -> None:
    """Each block fetched is paid for by the company whose bucket it is."""
    size, block = 64 << 30, 1 << 20
    source = SourceCache(lambda offset, length: b"\0" * length, size, block_bytes=block, blocks_ahead=1, blocks_kept=1)
    taker, played = Taker(), []

    def play(channel: Channel) -> None:
        channel.receive()
        while True:
            channel.send(Read(4 * block * (len(played) % 99), 1).message())
            channel.receive()
            played.append(None)

    @contextmanager
    def start() -> Iterator[PlayedCodec]:
        codec = PlayedCodec(play)
        try:
            yield codec
        finally:
            codec.kill()
            codec.join()

    try:
        with pytest.raises(CodecMisbehaved):
            Carrier(source, lambda probe, plan: taker, Stop()).run(start, Job(len(ORIGINAL)))
    finally:
        source.close()
    assert source.fetched_bytes < 1 << 30
