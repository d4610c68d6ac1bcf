"""The messages between the carrier and the codec, and how each is read without trust. Pure; no I/O.

The carrier answers ``read`` with ``bytes`` and sends one ``job``; everything else goes from the codec to the carrier.
Every field is bounded here: a codec taken over by a hostile file can say only what these types can hold. What the
samples' bytes mean is not checked here; the packaging modules parse them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.transcode.orders import Bytes, GoOn, Images, Job
from reelkeep.transcode.reports import (
    Boundary,
    Cuts,
    Done,
    Loudness,
    Peaks,
    Plan,
    Probe,
    Problem,
    Progress,
    Read,
    Still,
    TileLayout,
    Times,
)
from reelkeep.transcode.samples import Fragment, SampleEntry, Track

__all__ = [
    "Boundary", "Bytes", "Cuts", "Done", "Fragment", "FromCarrier", "FromCodec", "GoOn", "Images", "Job", "Loudness",
    "Peaks", "Plan", "Probe", "Problem", "Progress", "Read", "SampleEntry", "Still", "TileLayout", "Times", "Track",
    "parse_from_carrier",
    "parse_from_codec",
]  # fmt: skip

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
