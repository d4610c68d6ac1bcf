"""Runs the real codec on a file as a carrier would, and decodes what it made."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from reelkeep.isolation.channel import ChannelClosed
from reelkeep.isolation.sandbox import start_codec
from reelkeep.media import FrameRate, Timecode, sound_rendition
from reelkeep.sequences import frame_name
from reelkeep.transcode import protocol

FILM_RATE = FrameRate(24, 1)


@dataclass
class Run:
    """Everything one job said, in order, without its reads."""

    said: list[Any] = field(default_factory=list)
    reads: list[protocol.Read] = field(default_factory=list)

    def all_of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.said if isinstance(message, kind)]

    def only(self, kind: type[Any]) -> Any:
        (message,) = self.all_of(kind)
        return message

    @property
    def facts(self) -> Any:
        return self.only(protocol.Probe).facts

    @property
    def timecode(self) -> Timecode:
        timecode: Timecode = self.facts.start_timecode
        return timecode

    def fragments(self, rendition: str) -> list[protocol.Fragment]:
        return [fragment for fragment in self.all_of(protocol.Fragment) if fragment.rendition == rendition]

    def track(self, rendition: str) -> protocol.Track:
        (track,) = [track for track in self.all_of(protocol.Track) if track.rendition == rendition]
        return track

    def pictures(self, rendition: str) -> list[tuple[Fraction, np.ndarray]]:
        """Decode a rendition: presentation time in frames, and luma."""
        ticks = self.track(rendition).sample_ticks
        return [(Fraction(frame.pts, ticks), _luma(frame)) for frame in self.frames(rendition)]

    def frames(self, rendition: str) -> list[Any]:
        """Decode a rendition to frames of PyAV."""
        track, decoded = self.track(rendition), []
        for fragment in self.fragments(rendition):  # each alone: it must need nothing of its neighbours
            decoder: Any = av.CodecContext.create("h264", "r")
            decoder.extradata = track.codec_config
            for packet in _packets(fragment, track.sample_ticks):
                decoded += decoder.decode(packet)
            decoded += decoder.decode(None)
        return decoded

    def sound(self, track: int = 0) -> np.ndarray:
        """Decode the AAC frames of one sound track to floats of shape (2, n), the priming still in front."""
        decoder: Any = av.CodecContext.create("aac", "r")
        decoder.extradata = self.track(sound_rendition(track)).codec_config
        blocks = []
        for fragment in self.fragments(sound_rendition(track)):
            for packet in _packets(fragment, 1024):
                blocks += [frame.to_ndarray() for frame in decoder.decode(packet)]
        return np.concatenate(blocks, axis=1)


def _luma(frame: Any) -> np.ndarray:
    return np.array(frame.reformat(format="gray").to_ndarray())


def _packets(fragment: protocol.Fragment, ticks: int) -> list[Any]:
    packets, place = [], 0
    for number, sample in enumerate(fragment.samples):
        packet: Any = av.Packet(fragment.body[place : place + sample.size])
        packet.dts = (fragment.first + number) * ticks
        packet.pts = packet.dts + sample.cts_offset
        place += sample.size
        packets.append(packet)
    return packets


def run_codec(path: Path, *, insecure: bool = False, **job: Any) -> Run:
    """Serve one job from ``path``."""
    content = path.read_bytes()
    return _run([content], protocol.Job(len(content), **job), insecure=insecure)


def run_sequence(paths: list[Path], *, insecure: bool = False, rate: FrameRate = FILM_RATE, **job: Any) -> Run:
    """Serve one job from the files of an image sequence, in the order of their numbers."""
    names = [frame_name(path.name) for path in paths]
    contents, numbers = [path.read_bytes() for path in paths], [name.number for name in names if name is not None]
    offsets = tuple(number - numbers[0] for number in numbers)
    sizes = tuple(len(content) for content in contents)
    assert names[0] is not None
    images = protocol.Images(names[0].kind, rate, numbers[0], offsets, sizes)
    return _run(contents, protocol.Job(sum(sizes), images=images, **job), insecure=insecure)


def _run(contents: list[bytes], job: protocol.Job, *, insecure: bool) -> Run:
    run = Run()
    with start_codec(insecure=insecure) as codec:
        codec.channel.send(job.message())
        while not (run.said and isinstance(run.said[-1], protocol.Done | protocol.Problem)):
            try:
                message = protocol.parse_from_codec(codec.channel.receive())
            except ChannelClosed as error:
                error.add_note(codec.last_words())
                raise
            if isinstance(message, protocol.Read):
                run.reads.append(message)
                body = contents[message.file][message.offset : message.offset + message.length]
                codec.channel.send(protocol.Bytes(message.offset, body).message())
            else:
                run.said.append(message)
            if isinstance(message, protocol.Boundary):
                codec.channel.send(protocol.GoOn(True).message())
    return run
