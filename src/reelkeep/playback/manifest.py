"""The static DASH manifest of a whole planned timeline. Pure; no I/O.

Follows ISO/IEC 23009-1:2022 (MPD, SegmentTemplate with SegmentTimeline), ISO/IEC 23001-7 (the mp4protection descriptor)
and DASH-IF's ContentProtection for ClearKey. One AdaptationSet holds one content key, as DASH-IF's interoperability
points ask; a descriptor lets players switch between the sets of video. It is *static* although segments are still being
made: players ask for a segment, and the media process holds the request until it is published. No base address:
addresses are relative to the manifest's own, except the licence's, which players do not resolve.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from fractions import Fraction
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from reelkeep.media import (
    AUDIO_FRAME_SAMPLES,
    AUDIO_SEGMENT_AAC_FRAMES,
    FIRST_STEP_SEGMENT_FRAMES,
    SEGMENT_FRAMES,
    FrameRate,
    TrackKind,
    sound_rendition,
)
from reelkeep.playback.proxies import Proxy, RenditionRow

CLEARKEY_SCHEME: Final = "urn:uuid:e2719d58-a985-b3c9-781a-b030af78d30e"  # DASH-IF's registered UUID of ClearKey
SWITCHING_SCHEME: Final = "urn:mpeg:dash:adaptation-set-switching:2016"  # ISO/IEC 23009-1:2022, section 5.3.3.5
ROLE_SCHEME: Final = "urn:mpeg:dash:role:2011"  # ISO/IEC 23009-1:2022, section 5.8.5.5
_CONTENT_TYPES: Final = {TrackKind.VIDEO: "video/mp4", TrackKind.AUDIO: "audio/mp4"}


def manifest(proxy: Proxy, licence_url: str) -> str:
    """Return the manifest of a proxy.

    Args:
        proxy: its planned length is used until the real one is known.
        licence_url: absolute; bound to the playback session.
    """
    duration = _seconds(_duration(proxy))
    parts = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:cenc="urn:mpeg:cenc:2013"'
        ' xmlns:dashif="https://dashif.org/CPS" profiles="urn:mpeg:dash:profile:isoff-live:2011"'
        f' type="static" minBufferTime="PT2S" mediaPresentationDuration="{duration}">',
        f'<Period id="0" start="PT0S" duration="{duration}">',
    ]
    sets = adaptation_sets(proxy)
    for number, tracks in enumerate(sets):
        pictures = [each for each, other in enumerate(sets) if other[0].kind is TrackKind.VIDEO]
        twins = [each for each in pictures if number in pictures and each != number]
        parts.append(_adaptation_set(proxy, number, tracks, twins, licence_url))
    parts.append("</Period></MPD>\n")
    return "\n".join(parts)


def adaptation_sets(proxy: Proxy) -> list[list[RenditionRow]]:
    """Return the renditions grouped into AdaptationSets, in their own order.

    Those of one set share kind, content key and segment grid; so the step rung, whose first segments are shorter, has
    a set of its own even where a larger rung has the same key, and so has every sound track.
    """
    sets: dict[tuple[str, bool, bytes], list[RenditionRow]] = {}
    for rendition in proxy.renditions:
        kind = rendition.name if rendition.kind is TrackKind.AUDIO else rendition.kind.value
        if proxy.samples(rendition):
            sets.setdefault((kind, rendition.is_step, rendition.key_id), []).append(rendition)
    return sorted(sets.values(), key=lambda tracks: tracks[0].kind is not TrackKind.VIDEO)


def segment_samples(total: int, *, kind: TrackKind, is_step: bool) -> Iterator[int]:
    """Yield how many samples each segment of a rendition holds, by the one grid.

    Source: ``media``: 48 frames; on the step rung 12, then 36, so that both grids meet at every 48th frame.

    >>> list(segment_samples(100, kind=TrackKind.VIDEO, is_step=True))
    [12, 36, 48, 4]
    >>> list(segment_samples(100, kind=TrackKind.VIDEO, is_step=False))
    [48, 48, 4]
    """
    for samples, count in _segment_runs(total, kind=kind, is_step=is_step):
        yield from [samples] * count


def _segment_runs(total: int, *, kind: TrackKind, is_step: bool) -> Iterator[tuple[int, int]]:
    """Yield the same as (samples, how many segments in a row), in no more time for a longer film."""
    regular = SEGMENT_FRAMES if kind is TrackKind.VIDEO else AUDIO_SEGMENT_AAC_FRAMES
    for first in [FIRST_STEP_SEGMENT_FRAMES, regular - FIRST_STEP_SEGMENT_FRAMES] if is_step else []:
        if total > 0:
            yield min(total, first), 1
            total -= first
    whole, rest = divmod(max(0, total), regular)
    if whole:
        yield regular, whole
    if rest:
        yield rest, 1


def segment_count(total: int, *, kind: TrackKind, is_step: bool) -> int:
    """Return how many segments a rendition of ``total`` samples has.

    >>> segment_count(100, kind=TrackKind.VIDEO, is_step=True), segment_count(12, kind=TrackKind.VIDEO, is_step=True)
    (4, 1)
    """
    if is_step:
        regular = -(-total // SEGMENT_FRAMES)
        return regular + 1 if total > FIRST_STEP_SEGMENT_FRAMES else regular
    return -(-total // (SEGMENT_FRAMES if kind is TrackKind.VIDEO else AUDIO_SEGMENT_AAC_FRAMES))


def timeline(rendition: RenditionRow, total: int, rate: FrameRate) -> list[tuple[int, int, int]]:
    """Return the presentation times of a rendition's segments as (start, duration, how many in a row).

    Video begins at exactly 0. Audio's first AAC frame primes the decoder and is cut off by the edit list of the
    initialization segment, so audio is presented 1,024 samples before its decode time.
    """
    unit = rate.denominator if rendition.kind is TrackKind.VIDEO else AUDIO_FRAME_SAMPLES
    priming = 0 if rendition.kind is TrackKind.VIDEO else AUDIO_FRAME_SAMPLES
    runs: list[tuple[int, int, int]] = []
    start = 0
    for samples, count in _segment_runs(total, kind=rendition.kind, is_step=rendition.is_step):
        primed = 1 if priming and start == 0 else 0
        for duration, times in ((samples * unit - priming, primed), (samples * unit, count - primed)):
            if times:
                runs.append((start, duration, times))
                start += duration * times
    return runs


def _adaptation_set(proxy: Proxy, number: int, tracks: list[RenditionRow], twins: list[int], licence_url: str) -> str:
    """Return one set; ``twins`` are the numbers of the sets a player may switch to."""
    kind = tracks[0].kind
    attributes = f'id="{number}" contentType="{kind.value}" mimeType="{_CONTENT_TYPES[kind]}" startWithSAP="1"'
    if len(tracks) > 1:  # one rendition alone is aligned with nothing
        attributes += ' segmentAlignment="true"'
    if kind is TrackKind.AUDIO and tracks[0].language:
        attributes += f" lang={quoteattr(tracks[0].language)}"
    switching = f'<SupplementalProperty schemeIdUri="{SWITCHING_SCHEME}" value="{",".join(map(str, twins))}"/>'
    return "\n".join(
        [
            f"<AdaptationSet {attributes}>{_protection(tracks[0].key_id, licence_url)}{switching if twins else ''}",
            *(_sound(proxy, tracks[0]) if kind is TrackKind.AUDIO else ()),
            *(_representation(proxy, rendition) for rendition in tracks),
            "</AdaptationSet>",
        ]
    )


def _sound(proxy: Proxy, rendition: RenditionRow) -> Iterator[str]:
    """Say which sound track is played unless another is chosen: the first of the original."""
    role = "main" if rendition.name == sound_rendition(0) else "alternate"
    yield f"<Label>{escape(proxy.label(rendition))}</Label>"
    yield f'<Role schemeIdUri="{ROLE_SCHEME}" value="{role}"/>'


def _representation(proxy: Proxy, rendition: RenditionRow) -> str:
    rate = proxy.rate
    attributes = f'id={quoteattr(rendition.name)} bandwidth="{rendition.bandwidth_bps}"'
    attributes += f" codecs={quoteattr(rendition.codecs)}"
    if rendition.kind is TrackKind.VIDEO:
        attributes += f' width="{rendition.width_px}" height="{rendition.height_px}" sar="1:1"'
        attributes += f' frameRate="{rate.numerator}/{rate.denominator}"'
    else:
        attributes += f' audioSamplingRate="{rendition.timescale}"'
    runs = "".join(
        f'<S t="{start}" d="{duration}"/>' if count == 1 else f'<S t="{start}" d="{duration}" r="{count - 1}"/>'
        for start, duration, count in timeline(rendition, proxy.samples(rendition), rate)
    )
    return (
        f'<Representation {attributes}><SegmentTemplate timescale="{rendition.timescale}" startNumber="0"'
        ' initialization="$RepresentationID$/init.mp4" media="$RepresentationID$/$Number$.m4s">'
        f"<SegmentTimeline>{runs}</SegmentTimeline></SegmentTemplate></Representation>"
    )


def _protection(key_id: bytes, licence_url: str) -> str:
    return (
        '<ContentProtection schemeIdUri="urn:mpeg:dash:mp4protection:2011" value="cbcs"'
        f' cenc:default_KID="{uuid.UUID(bytes=key_id)}"/>'
        f'<ContentProtection schemeIdUri="{CLEARKEY_SCHEME}" value="ClearKey1.0">'
        f'<dashif:Laurl Lic_type="EME-1.0">{escape(licence_url)}</dashif:Laurl></ContentProtection>'
    )


def _duration(proxy: Proxy) -> Fraction:
    if any(rendition.kind is TrackKind.VIDEO for rendition in proxy.renditions):
        return proxy.shown_frames / proxy.rate.fraction
    audio = proxy.renditions[0]
    return Fraction((proxy.samples(audio) - 1) * AUDIO_FRAME_SAMPLES, audio.timescale)


def _seconds(duration: Fraction) -> str:
    """Return an xs:duration rounded up to a microsecond: a player drops a frame that ends after the presentation."""
    microseconds = -(-duration.numerator * 1_000_000 // duration.denominator)
    return f"PT{microseconds // 1_000_000}.{microseconds % 1_000_000:06d}S"
