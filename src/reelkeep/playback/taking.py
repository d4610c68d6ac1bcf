"""The plan of a proxy that is taken away as a file: its tracks and fragments, in the order of the file. Pure; no I/O.

A file holds one rendition of the picture and every track of sound, or the sound alone where there is no picture. Part
0 is the head, each further part one fragment; a download goes on at a part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import lcm

from reelkeep.errors import Conflict, NotFound
from reelkeep.media import TrackKind
from reelkeep.packaging.cmaf import clear_movie
from reelkeep.packaging.tracks import track_of
from reelkeep.playback.manifest import timeline
from reelkeep.playback.proxies import Proxy, RenditionRow


@dataclass(frozen=True)
class Fragment:
    rendition: RenditionRow
    track_id: int
    number: int  # of the segment within the rendition


@dataclass(frozen=True)
class FilePlan:
    """What stands in the file, in this order."""

    tracks: tuple[RenditionRow, ...]
    fragments: tuple[Fragment, ...]
    seconds: Fraction

    @property
    def parts_total(self) -> int:
        return 1 + len(self.fragments)

    def head(self) -> bytes:
        """Return part 0."""
        tracks = [track_of(each.kind, each.codec_config, each.timescale) for each in self.tracks]
        return clear_movie(tracks, self.seconds)


def choose(proxy: Proxy, name: str) -> RenditionRow:
    """Return the rendition that leads a file: the one of this name, else the largest picture, else the sound.

    Raises:
        NotFound: there is no rendition of this name.
    """
    if name:
        found = next((each for each in proxy.renditions if each.name == name), None)
        if found is None:
            known = ", ".join(each.name for each in proxy.renditions)
            raise NotFound("there is no such rendition", advice=f"This version has: {known}.")
        return found
    pictures = [each for each in proxy.renditions if each.kind is TrackKind.VIDEO]
    return max(pictures or proxy.renditions, key=lambda each: (each.height_px or 0, not each.is_step))


def file_plan(proxy: Proxy, lead: RenditionRow) -> FilePlan:
    """Return the plan of a file; raise Conflict while the proxy is still being made.

    Fragments stand in the order of their times, so that a player reads the file from the front to the end.
    """
    if proxy.frames is None:
        raise Conflict("the proxy is not complete yet", advice="Wait until the version is ready.")
    sound = [each for each in proxy.renditions if each.kind is TrackKind.AUDIO and each.name != lead.name]
    tracks = (lead, *sound) if lead.kind is TrackKind.VIDEO else (lead,)
    ticks = lcm(*(each.timescale for each in tracks))  # a second in a unit that all tracks share
    timed = [
        (start * (ticks // rendition.timescale), track_id, number, rendition)
        for track_id, rendition in enumerate(tracks, 1)
        for number, start in enumerate(_starts(proxy, rendition))
    ]
    timed.sort(key=lambda each: each[:3])
    fragments = tuple(Fragment(rendition, track_id, number) for _, track_id, number, rendition in timed)
    seconds = Fraction(proxy.frames) / proxy.rate.fraction if proxy.frames else _length(proxy, tracks)
    return FilePlan(tracks, fragments, seconds)


def _starts(proxy: Proxy, rendition: RenditionRow) -> list[int]:
    """Return the start of each segment in the rendition's timescale."""
    return [
        start + index * duration
        for start, duration, count in timeline(rendition, proxy.samples(rendition), proxy.rate)
        for index in range(count)
    ]


def _length(proxy: Proxy, tracks: Sequence[RenditionRow]) -> Fraction:
    runs = timeline(tracks[0], proxy.samples(tracks[0]), proxy.rate)
    start, duration, count = runs[-1]
    return Fraction(start + duration * count, tracks[0].timescale)
