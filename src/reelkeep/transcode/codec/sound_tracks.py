"""Which sound tracks can be chosen of an original: every stream alone, or streams of one channel that belong together.

The rule for streams of one channel, by codec, rate and language (languages are never mixed):

1. Where the file names their places (left, centre, ...), they are one track up to the first place that comes again.
2. Six without places are one 5.1 track in the order of SMPTE ST 320: left, right, centre, low, surrounds.
3. Others without places are pairs of left and right in the order of the file; a last one alone is mono.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from reelkeep.media import MAX_SOUNDS, Sound
from reelkeep.transcode.fields import LANGUAGE, LAYOUT, MAX_TITLE_CHARACTERS

MIN_SOUND_HZ: Final = 2_000  # telephones have 8,000
MAX_SOUND_HZ: Final = 768_000  # the highest rate of converters for studios
STEREO: Final = ("FL", "FR")
SURROUND: Final = ("FL", "FR", "FC", "LFE", "BL", "BR")  # SMPTE ST 320
_HALF: Final = 0.5**0.5
# ITU-R BS.775-3, table 2: how loud each place is on the left and on the right. In libavutil's order of channels.
_GAINS: Final = {
    "FL": (1.0, 0.0), "FR": (0.0, 1.0), "FC": (_HALF, _HALF), "LFE": (0.0, 0.0), "BL": (_HALF, 0.0),
    "BR": (0.0, _HALF), "BC": (0.5, 0.5), "SL": (_HALF, 0.0), "SR": (0.0, _HALF),
}  # fmt: skip
_ORDER: Final = tuple(_GAINS)
_UNPLACED: Final = frozenset({"FC", "NONE"})  # what libavformat says of a channel that the file does not name
_GUESSED: Final = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
_UNKNOWN: Final = frozenset({"und", "mis", "mul", "qaa"})


@dataclass(frozen=True)
class SoundTrack:
    """Streams that are heard together. ``places`` are their channels, in the same order; empty for a stream alone."""

    streams: tuple[AudioStream, ...]
    places: tuple[str, ...] = ()

    @property
    def facts(self) -> Sound:
        """What is known of the track before it is heard."""
        first = self.streams[0]
        context: Any = first.codec_context
        layout = av.AudioLayout("+".join(self.places)) if self.places else context.layout
        return Sound(
            codec=context.name,
            channels=len(self.places) or layout.nb_channels,
            layout=_name(layout),
            rate_hz=context.sample_rate,
            language=_language(first),
            title=_title(first),
            streams=len(self.streams),
        )


def layout_taken_for(layout: Any) -> str:
    """Return the name of a layout; where a file does not name its channels, the one that libswresample guesses.

    Source: av_channel_layout_default of libavutil.
    """
    named = layout.channels and layout.channels[0].name not in ("NONE", "")
    return str(layout.name) if named else _GUESSED.get(layout.nb_channels, str(layout.name))


def gains(places: Sequence[str]) -> NDArray[np.float32]:
    """Return an array of shape (2, channels) that makes left and right of channels in these places.

    >>> gains(("FL", "FR")).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return np.array([_GAINS[place] for place in places], dtype=np.float32).T


def sound_tracks(streams: Sequence[AudioStream], decoders: frozenset[str]) -> tuple[SoundTrack, ...]:
    """Return the tracks in the order of the file, ``MAX_SOUNDS`` at most; what cannot be decoded is left out."""
    usable = [stream for stream in streams if is_usable(stream, decoders)]
    groups: dict[tuple[Any, ...], list[AudioStream]] = {}
    for stream in usable:
        groups.setdefault(_family(stream), []).append(stream)
    tracks = [track for group in groups.values() for track in _joined(group)]
    tracks.sort(key=lambda track: min(stream.index for stream in track.streams))
    return tuple(tracks[:MAX_SOUNDS])


def is_usable(stream: AudioStream, decoders: frozenset[str]) -> bool:
    """Whether a stream has a decoder of the list, at least one channel and a rate of sound."""
    context: Any = stream.codec_context
    if context is None or context.name not in decoders or not context.layout.nb_channels:
        return False
    return bool(MIN_SOUND_HZ <= context.sample_rate <= MAX_SOUND_HZ)


def _family(stream: AudioStream) -> tuple[Any, ...]:
    context: Any = stream.codec_context
    if context.layout.nb_channels != 1:
        return (stream.index,)
    return (context.name, context.sample_rate, _language(stream))


def _joined(group: list[AudioStream]) -> Iterator[SoundTrack]:
    places = [_place(stream) for stream in group]
    if len(group) > 1 and not _UNPLACED.issuperset(places) and set(places) <= set(_ORDER):
        yield from _by_place(group, places)
    elif len(group) == len(SURROUND):
        yield SoundTrack(tuple(group), SURROUND)
    else:
        for first in range(0, len(group), 2):
            pair = tuple(group[first : first + 2])
            yield SoundTrack(pair, STEREO if len(pair) == 2 else ())


def _by_place(group: list[AudioStream], places: list[str]) -> Iterator[SoundTrack]:
    run: dict[str, AudioStream] = {}
    for stream, place in zip(group, places, strict=True):
        if place in run:
            yield _placed(run)
            run = {}
        run[place] = stream
    yield _placed(run)


def _placed(run: dict[str, AudioStream]) -> SoundTrack:
    if len(run) == 1:
        return SoundTrack(tuple(run.values()))
    places = tuple(sorted(run, key=_ORDER.index))
    return SoundTrack(tuple(run[place] for place in places), places)


def _place(stream: AudioStream) -> str:
    context: Any = stream.codec_context
    return str(context.layout.channels[0].name) if context.layout.nb_channels == 1 else ""


def _name(layout: Any) -> str:
    """What people call the layout; channels that a file does not name are what they are taken for."""
    name = layout_taken_for(layout)
    return name if LAYOUT.fullmatch(name) else ""


def _language(stream: AudioStream) -> str:
    language = re.sub(r"[^a-z0-9-]", "", _said(stream, "language").lower())
    return "" if language in _UNKNOWN or not LANGUAGE.fullmatch(language) else language


def _title(stream: AudioStream) -> str:
    title = "".join(letter for letter in _said(stream, "title") if letter.isprintable())
    return " ".join(title.split())[:MAX_TITLE_CHARACTERS]


def _said(stream: AudioStream, name: str) -> str:
    """Containers write the names of their tags in letters of either case."""
    return next((text for key, text in stream.metadata.items() if key.lower() == name), "")
