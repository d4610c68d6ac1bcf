"""Finds out what an original is: size as shown, exact rate, planned length, start timecode, sound."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from reelkeep.media import AUDIO_RATE_HZ, FrameRate, Light, Probe, Timecode
from reelkeep.transcode.codec.colour import Tags, light_of
from reelkeep.transcode.codec.grid import output_rate
from reelkeep.transcode.codec.orientation import Orientation, orientation
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.reader import Source
from reelkeep.transcode.codec.side_data import side_data
from reelkeep.transcode.codec.timecode import parse_timecode
from reelkeep.transcode.fields import MAX_AUDIO_SAMPLES, MAX_EDGE_PX, MAX_FRAMES
from reelkeep.transcode.protocol import Job

DEFAULT_RATE: Final = Fraction(25)  # a single picture without a clock
# libavformat's names are lists of every suffix a demuxer knows; people know these.
NAMES: Final = {
    "mov": "MOV or MP4",
    "matroska": "Matroska",
    "mpegts": "MPEG-TS",
    "mpeg": "MPEG-PS",
    "exr_pipe": "OpenEXR",
    "j2k_pipe": "JPEG 2000",
}


@dataclass(frozen=True)
class Found:
    """A probe, and what only the codec needs: how the picture stands, and where its first frame lies in time."""

    facts: Probe
    upright: Orientation
    origin: Fraction  # seconds; presentation starts here
    places: tuple[tuple[str, ...], ...] = ()  # of each sound track: the channels of its streams, or nothing


def probe(source: Source, job: Job) -> Found:
    """Decode the first frame of each stream and describe the original.

    Raises:
        Refused: nothing can be decoded, or it is larger than this codec takes.
    """
    picture, sound = _first_frames(source)
    if picture is None and source.video is not None:  # never shown as sound alone
        width, height = source.video.width or 0, source.video.height or 0
        raise _too_large(width, height, job.max_picture_px) or Refused("damaged", "none of its pictures can be decoded")
    if picture is None and sound is None:
        raise Refused("damaged", "nothing in it can be decoded")
    origin = _time(picture if picture is not None else sound)
    facts = _facts(source, picture, sound, origin)
    check_limits(facts, job)
    standing = upright(picture) if picture is not None else Orientation()
    return Found(facts, standing, origin, tuple(track.places for track in source.sounds) if facts.has_audio else ())


def _first_frames(source: Source) -> tuple[Any, Any]:
    picture = sound = None
    for frame in source.frames():
        if frame.pts is None:
            continue
        if hasattr(frame, "samples"):
            sound = sound or frame
        else:
            picture = picture or frame
        if (picture or source.video is None) and (sound or source.audio is None):
            break
    return picture, sound


def _time(frame: Any) -> Fraction:
    return Fraction(frame.pts * frame.time_base)


def _facts(source: Source, picture: Any, sound: Any, origin: Fraction) -> Probe:
    rate = _rate(source) if picture is not None else None
    seconds = _seconds(source, picture is not None, rate, origin)
    frames = max(1, round(seconds * rate.fraction)) if rate else 0
    if frames > MAX_FRAMES or seconds * AUDIO_RATE_HZ > MAX_AUDIO_SAMPLES:
        raise Refused("too_large", f"{math.floor(seconds)} seconds")
    width, height = _shown_size(source, picture) if picture is not None else (0, 0)
    context = source.audio.codec_context if sound is not None and source.audio is not None else None
    sounds = tuple(track.facts for track in source.sounds) if context else ()
    return Probe(
        container=NAMES.get(source.container_name, source.container_name.removesuffix("_pipe").upper()),
        has_video=picture is not None,
        has_audio=sound is not None,
        width_px=width,
        height_px=height,
        rate=rate,
        frames=frames,
        start_timecode=_timecode(source, picture, rate) if rate else None,
        video_codec=source.video.codec_context.name if picture is not None and source.video else "",
        audio_codec=context.name if context else "",
        audio_channels=sounds[0].channels if sounds else 0,
        audio_rate_hz=context.sample_rate if context else 0,
        audio_samples=planned_samples(source, seconds) if sound is not None else 0,
        is_still=source.is_still or (frames == 1 and sound is None),
        sounds=sounds,
        light=light_of(Tags.of(picture)) if picture is not None else Light.TELEVISION,
    )


def _rate(source: Source) -> FrameRate:
    assert source.video is not None
    video = source.video
    mean, told = video.average_rate, video.codec_context.framerate
    constant = any(_agree(mean, clock) for clock in (video.base_rate, told))
    few = None if mean else told  # one or two frames have no mean; the clock of fields would be twice the rate
    rate = output_rate(mean if constant else None, few, video.guessed_rate, mean) or DEFAULT_RATE
    return FrameRate(rate.numerator, rate.denominator)


def _agree(mean: Fraction | None, clock: Fraction | None) -> bool:
    """Whether the mean rate and the rate of a clock agree; else the mean says nothing about the grid."""
    return bool(mean and clock and abs(mean / clock - 1) < Fraction(1, 500))


def _seconds(source: Source, has_picture: bool, rate: FrameRate | None, origin: Fraction) -> Fraction:
    """Length from ``origin``: of the stream as its header says, else up to the last packet there is."""
    stream = source.video if has_picture else source.audio
    assert stream is not None
    assert stream.time_base is not None
    if source.is_still:
        return Fraction(0)
    if stream.duration and stream.duration > 0:
        return Fraction(stream.duration) * stream.time_base
    return max(Fraction(0), source.last_seconds(1 / rate.fraction if rate else Fraction(0)) - origin)


def planned_samples(source: Source, seconds: Fraction) -> int:
    """Samples at 48 kHz of the longest sound track: never longer than the picture, as far as the headers say."""
    streams = [stream for track in source.sounds for stream in track.streams]
    own = max(Fraction(stream.duration or 0) * (stream.time_base or 0) for stream in streams) or seconds
    return math.ceil((min(own, seconds) if source.video is not None else own) * AUDIO_RATE_HZ)


def _shown_size(source: Source, picture: Any) -> tuple[int, int]:
    assert source.video is not None
    return shown_size(picture, source.video.sample_aspect_ratio or source.video.codec_context.sample_aspect_ratio)


def shown_size(picture: Any, aspect: Fraction | None) -> tuple[int, int]:
    """Return width and height as shown: after pixel aspect and rotation.

    Args:
        aspect: of the pixels; None or an unbelievable one counts as square.
    """
    aspect = aspect or Fraction(1)
    if not Fraction(1, 4) <= aspect <= 4:
        aspect = Fraction(1)
    width, height = picture.width, picture.height
    if min(width, height) < 2:
        raise Refused("unsupported", f"{width} by {height} pixels")
    # Only ever made smaller: an anamorphic picture is not stretched beyond the pixels it has in that direction.
    shown = (max(2, round(width * aspect)), height)
    return (shown[1], shown[0]) if upright(picture).on_its_side else shown


def check_limits(facts: Probe, job: Job) -> None:
    """Raise Refused if the film is larger or longer than the job allows."""
    if facts.has_video and (refused := _too_large(facts.width_px, facts.height_px, job.max_picture_px)) is not None:
        raise refused
    if facts.media_seconds > job.max_media_seconds:
        raise Refused("too_large", f"{facts.media_seconds} seconds")


def _too_large(width: int, height: int, max_picture_px: int) -> Refused | None:
    if width * height <= max_picture_px and max(width, height) <= MAX_EDGE_PX:
        return None
    return Refused("too_large", f"{width} by {height} pixels")


def upright(picture: Any) -> Orientation:
    """Return how a picture must be turned to stand upright."""
    return orientation(side_data(picture, "DISPLAYMATRIX"))


def _timecode(source: Source, picture: Any, rate: FrameRate) -> Timecode | None:
    """The container's start timecode, else the first picture's own, which is 0 where an encoder had none to write."""
    for text in source.timecode_texts():
        if (timecode := parse_timecode(text, rate)) is not None:
            return timecode
    own = parse_timecode(timecode_text(picture), rate)
    return own if own is not None and own.frame else None


def timecode_text(picture: Any) -> str:
    """Return what a decoder says of a picture's start timecode; empty if nothing, or if its texts are no UTF-8."""
    try:
        return str(picture.metadata.get("timecode", ""))
    except UnicodeDecodeError:
        return ""
