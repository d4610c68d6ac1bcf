"""Opens the original with one named demuxer that can reach nothing else, and finds what is worth decoding.

Four locks against a file that names other files: the sniffed demuxer alone, an empty protocol list, an open callback
that refuses, and the sandbox, in which no file can be opened and no socket made.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from reelkeep.transcode.codec.exr import check_exr
from reelkeep.transcode.codec.original import Original
from reelkeep.transcode.codec.packed import check_png
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.processors import decoder_threads
from reelkeep.transcode.codec.sniff import ALLOWED, HEAD_BYTES, STILLS, container_of
from reelkeep.transcode.codec.sound_tracks import MAX_SOUND_HZ, MIN_SOUND_HZ, SoundTrack, sound_tracks
from reelkeep.transcode.codec.times import PictureTimes
from reelkeep.transcode.codec.whole import check_whole
from reelkeep.transcode.fields import MAX_READ_BYTES
from reelkeep.transcode.protocol import Job

# Decoders of what cameras, editors and mastering tools write; every other decoder stays out of reach.
VIDEO_DECODERS: Final = frozenset(
    {
        "h264", "hevc", "prores", "dnxhd", "mpeg2video", "mpeg4", "mjpeg", "jpeg2000", "cfhd", "ffv1", "v210",
        "rawvideo", "vp8", "vp9", "av1", "libdav1d", "dvvideo", "mpeg1video", "qtrle", "apv", "hap", "huffyuv",
        "utvideo", "png", "tiff", "exr", "dpx",
    }
)  # fmt: skip
AUDIO_DECODERS: Final = frozenset(
    {
        "aac", "mp3", "mp3float", "mp2", "mp2float", "ac3", "eac3", "flac", "alac", "opus", "vorbis", "libopus",
        "libvorbis", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32le",
        "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_u8", "pcm_s8", "pcm_alaw", "pcm_mulaw", "pcm_bluray",
        "adpcm_ima_qt", "adpcm_ima_wav", "adpcm_ms",
    }
)  # fmt: skip
MAX_BAD_PACKETS: Final = 25
CUT_OFF_SHARE: Final = Fraction(2, 100)  # a header may promise a little more than there is, never this much
CUT_OFF_SECONDS: Final = Fraction(1, 5)
SEEK_MARGIN: Final = Fraction(1)  # seconds; 16 frames of reordering, H.264's most, are less at every film rate
_ALL_FORMATS: Final = ALLOWED.replace("mov", "mov,mp4,m4a,3gp,3g2,mj2").replace("matroska", "matroska,webm")


def _refuse_open(_url: str, _flags: int, _options: dict[str, Any]) -> Any:
    raise PermissionError("an original may not open another file")


class Source:
    """An opened original: its streams, and decoding that survives a few bad packets."""

    def __init__(self, original: Original, job: Job) -> None:
        self._original = original
        self._max_picture_px = job.max_picture_px
        self._threads = job.threads
        self.container_name = container_of(
            original.read_at(0, min(HEAD_BYTES, original.size_bytes)) if original.size_bytes else b""
        )
        check_whole(original, self.container_name)
        if self.container_name == "exr_pipe":
            check_exr(original)
        if self.container_name == "png_pipe":
            check_png(original, self._max_picture_px)
        self._container = self._open()
        if (tracks := len(self._container.streams)) > job.max_tracks:
            raise Refused("too_large", f"{tracks} tracks")
        self.video = self._pick_video()
        self.sounds = self._pick_sounds()
        self._bad_packets = 0
        self.times = PictureTimes()
        if self.video is None and self.audio is None:
            raise Refused("no_streams")

    def _open(self) -> InputContainer:
        options = {"protocol_whitelist": "none", "format_whitelist": _ALL_FORMATS, "enable_drefs": "0"}
        options |= {"max_pixels": str(self._max_picture_px)}  # for the decoders that look at the first packets
        self._original.seek(0)
        try:
            return av.open(
                self._original, "r", format=self.container_name, options=options, buffer_size=MAX_READ_BYTES,
                io_open=_refuse_open, metadata_errors="replace",
            )  # fmt: skip
        except (av.error.InvalidDataError, av.error.EOFError) as error:
            raise Refused("damaged" if self.container_name == "mov" else "cut_off", "it cannot be opened") from error
        except av.error.FFmpegError as error:
            raise Refused("not_media", error.strerror or "") from error

    def _pick_video(self) -> VideoStream | None:
        for stream in self._container.streams.video:
            if stream.disposition & av.stream.Disposition.attached_pic:
                continue
            _require(stream.codec_context, VIDEO_DECODERS)
            if (stream.width or 0) * (stream.height or 0) > self._max_picture_px:
                raise Refused("too_large", f"{stream.width} by {stream.height} pixels")
            stream.codec_context.options = {"max_pixels": str(self._max_picture_px)}
            stream.thread_type = "AUTO"
            stream.codec_context.thread_count = decoder_threads(self._threads, stream.width * stream.height)
            return stream
        return None

    def _pick_sounds(self) -> tuple[SoundTrack, ...]:
        """The tracks that can be chosen; the first stream has to be among them, others may be left out."""
        streams = list(self._container.streams.audio)
        if not streams:
            return ()
        _require(streams[0].codec_context, AUDIO_DECODERS)
        if not MIN_SOUND_HZ <= (rate := streams[0].codec_context.sample_rate) <= MAX_SOUND_HZ:
            raise Refused("unsupported", f"sound with {rate} samples a second")
        return sound_tracks(streams, AUDIO_DECODERS)

    @property
    def audio(self) -> AudioStream | None:
        """The stream of sound that begins the first track."""
        return self.sounds[0].streams[0] if self.sounds else None

    @property
    def is_still(self) -> bool:
        """Whether the container can hold one picture only."""
        return self.container_name in STILLS

    @property
    def duration(self) -> Fraction | None:
        """Length of the whole file in seconds, if its header says."""
        ticks = self._container.duration
        return Fraction(ticks, av.time_base) if ticks and ticks > 0 else None

    def last_seconds(self, frame_seconds: Fraction) -> Fraction:
        """Return the time at which the last packet of the picture, or else of the sound, ends; then start over.

        Looks from the last keyframe on; a file without an index is read whole once more for it. A packet that does
        not say how long it is counts ``frame_seconds``.

        Raises:
            Refused: the header says that the file is longer, so its end is missing.
        """
        stream = self.video or self.audio
        assert stream is not None
        assert stream.time_base is not None
        claimed = self.duration or Fraction(0)
        ends = self._ends_from(claimed, frame_seconds)
        if stream.index not in ends:
            ends = self._ends_from(Fraction(0), frame_seconds)
        last = ends.get(stream.index, Fraction(0))
        self.rewind()
        if claimed - max(ends.values(), default=last) > max(claimed * CUT_OFF_SHARE, CUT_OFF_SECONDS):
            raise Refused("cut_off")
        return last

    def _ends_from(self, seconds: Fraction, frame_seconds: Fraction) -> dict[int, Fraction]:
        """Number of a stream, and where its last packet ends."""
        stream = self.video or self.audio
        assert stream is not None
        assert stream.time_base is not None
        ends: dict[int, Fraction] = {}
        try:
            self._container.seek(int(seconds // stream.time_base), stream=stream, backward=True)
            for packet in self._container.demux():
                if packet.pts is not None:
                    length = packet.duration * packet.time_base if packet.duration else frame_seconds
                    end = packet.pts * packet.time_base + length
                    ends[packet.stream.index] = max(end, ends.get(packet.stream.index, end))
        except av.error.FFmpegError:
            return ends  # what there is was seen; decoding says what is wrong
        return ends

    def timecode_texts(self) -> Iterator[str]:
        """Yield every start timecode that a stream or the file itself carries, the picture's own first."""
        streams = [self.video] if self.video is not None else []
        for stream in (*streams, *self._container.streams.data, *self._container.streams):
            yield from _timecodes(stream.metadata)
        yield from _timecodes(self._container.metadata)

    def leave_picture(self) -> None:
        """Decode no more pictures; demuxers that know where the sound lies do not read them any more, either."""
        if self.video is not None:
            self.video.discard = av.stream.Discard.all
            self._original.read_little()

    def frames_from(self, seconds: Fraction, *, video: bool = True, audio: bool = True) -> Iterator[Any]:
        """Yield frames from a keyframe at or before ``seconds`` on; from the start if the container has no good index.

        Demuxers seek by decoding time, which lies before the time of presentation; hence the margin.
        """
        self.rewind()
        stream = self.video or self.audio  # taken after the rewind: a stream dies with its container
        assert stream is not None
        assert stream.time_base is not None
        if not video:
            self.leave_picture()
        if seconds <= SEEK_MARGIN * 2:
            yield from self.frames(video=video, audio=audio)
            return
        self._container.seek(int((seconds - SEEK_MARGIN) // stream.time_base), stream=stream, backward=True)
        frames = self.frames(video=video, audio=audio)
        before: list[Any] = []
        for frame in frames:
            before.append(frame)
            if not video or self.video is None or not hasattr(frame, "samples"):
                break
        if before and before[-1].pts is not None and before[-1].pts * before[-1].time_base <= seconds:
            yield from before
            yield from frames
            return
        self.rewind()
        if not video:
            self.leave_picture()
        yield from self.frames(video=video, audio=audio)

    def rewind(self) -> None:
        """Start over from the first byte with fresh decoders."""
        self._container.close()
        self._container = self._open()
        self.video = self._pick_video()
        self.sounds = self._pick_sounds()
        self.times = PictureTimes()

    def read_times(self) -> None:
        """Collect the times of all pictures without decoding them, and start over behind that."""
        self.rewind()
        if self.video is None:
            return
        try:
            for packet in self._container.demux(self.video):
                self._note(packet)
        except av.error.FFmpegError:
            return  # what there is was seen; decoding has said what is wrong

    def _note(self, packet: Any) -> None:
        if packet.stream is self.video and not packet.is_discard:
            self.times.add(packet.pts)

    def frames(self, *, video: bool = True, audio: bool = True) -> Iterator[Any]:
        """Yield decoded av.VideoFrame and av.AudioFrame in the order of the file.

        Raises:
            Refused: more than ``MAX_BAD_PACKETS`` packets could not be decoded.
        """
        places = {
            stream.index: (number, place)
            for number, track in enumerate(self.sounds if audio else ())
            for place, stream in enumerate(track.streams)
        }
        chosen: list[Any] = [stream for track in self.sounds if audio for stream in track.streams]
        if video and self.video is not None:
            chosen.insert(0, self.video)
        if not chosen:
            return
        try:
            for packet in self._container.demux(*chosen):
                self._note(packet)
                decoded = self._decoded(packet)
                if packet.stream.index in places:
                    decoded = [_marked(frame, places[packet.stream.index]) for frame in decoded]
                yield from decoded
                if self.is_still and decoded:
                    return  # more pictures are pages, thumbnails or the other eye
        except av.error.FFmpegError as error:
            raise Refused("damaged", error.strerror or "") from error

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            return packet.decode()  # type: ignore[no-any-return]
        except av.error.InvalidDataError as error:
            self._bad_packets += 1
            if self._bad_packets > MAX_BAD_PACKETS:
                raise Refused("damaged") from error
            return []


def _marked(frame: Any, place: tuple[int, int]) -> Any:
    """Say of sound which track it is from, and which of the track's streams.

    In a list of its own: PyAV forgets an object when the first of the frames that have it goes.
    """
    frame.opaque = list(place)
    return frame


def _timecodes(metadata: dict[str, str]) -> Iterator[str]:
    """Matroska's tags are in capitals."""
    yield from (text for name, text in metadata.items() if name.lower() == "timecode")


def _require(context: Any, allowed: frozenset[str]) -> None:
    """Refuse a stream without a decoder, or with one that is not on the list."""
    if context is None:
        raise Refused("unsupported")
    if context.name not in allowed:
        raise Refused("unsupported", context.name)
