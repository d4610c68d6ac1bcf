"""An image sequence as one film: its files read in order, decoded side by side, and given out in the order of numbers.

The picture decoders of libavcodec take a whole file as one packet, so no demuxer is opened here and no name is known:
the kind comes with the job, and each file must begin as files of its kind do. Pictures are decoded on as many threads
as there are processors, each picture by a decoder of its own; a bounded number of them is in memory at once.
The numbers say where a picture lies in time. A number without a file shows the picture before it (``grid``).
A file that cannot be read ends the film with its number: a review on a film with a wrong picture is worse than a
message, and the original stays stored as it came.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from fractions import Fraction
from typing import Any, Final

import av

from reelkeep.isolation.channel import BadFrame, Channel
from reelkeep.media import Probe, Timecode
from reelkeep.sequences import ImageKind
from reelkeep.transcode.codec.colour import Tags, light_of
from reelkeep.transcode.codec.dpx import dpx_timecode
from reelkeep.transcode.codec.exr import check_exr, exr_timecode
from reelkeep.transcode.codec.packed import check_png
from reelkeep.transcode.codec.probing import NAMES, Found, check_limits, shown_size, timecode_text, upright
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.processors import workers
from reelkeep.transcode.codec.sniff import HEAD_BYTES, container_of
from reelkeep.transcode.codec.timecode import parse_timecode
from reelkeep.transcode.codec.whole import check_whole
from reelkeep.transcode.fields import MAX_READ_BYTES
from reelkeep.transcode.protocol import Bytes, Images, Job, Read

MAX_IN_FLIGHT_BYTES: Final = 1 << 30  # of files and pictures that are being decoded or wait for their turn
_PIXEL_BYTES: Final = 16  # four channels of 32-bit floats: the most that a decoder makes of a pixel
_DECODERS: Final = {  # by kind: the container that a file must be sniffed as, and libavcodec's decoder
    ImageKind.EXR: ("exr_pipe", "exr"),
    ImageKind.DPX: ("dpx_pipe", "dpx"),
    ImageKind.PNG: ("png_pipe", "png"),
    ImageKind.TIFF: ("tiff_pipe", "tiff"),
    ImageKind.JPEG: ("jpeg_pipe", "mjpeg"),
    ImageKind.JPEG_2000: ("j2k_pipe", "jpeg2000"),
}
_STRICT: Final = frozenset(
    {ImageKind.EXR, ImageKind.DPX, ImageKind.PNG, ImageKind.JPEG_2000}
)  # TIFF's decoder is strict about good files


class _Content:
    """The bytes of one file."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    @property
    def size_bytes(self) -> int:
        return len(self._body)

    def read_at(self, offset: int, length: int) -> bytes:
        return self._body[offset : offset + length]


class ImageSequence:
    """The files of one job. Used by one thread; decoding runs on its own."""

    def __init__(self, channel: Channel, job: Job, images: Images) -> None:
        self._channel, self._images = channel, images
        self._container, self._decoder = _DECODERS[images.kind]
        self._max_picture_px = job.max_picture_px
        self._threads = workers(job.threads)
        self._head = self._read(0)  # kept until it is decoded for the film: each file is read once
        first, self._aspect = self._decode(0, self._head)
        self._size = first.width, first.height
        self._first: Any = first

    def probe(self, job: Job) -> Found:
        """Describe the film from its first picture.

        Raises:
            Refused: it is larger or longer than this codec takes.
        """
        width, height = shown_size(self._first, self._aspect)
        facts = Probe(
            container=NAMES.get(self._container, self._container.removesuffix("_pipe").upper()),
            has_video=True,
            has_audio=False,
            width_px=width,
            height_px=height,
            rate=self._images.rate,
            frames=self._images.frames,
            start_timecode=self._timecode(),
            video_codec=self._decoder,
            light=light_of(Tags.of(self._first)),
        )
        check_limits(facts, job)
        standing = upright(self._first)
        self._first = None
        return Found(facts, standing, Fraction(0))

    def frames(self, early: Iterable[int], first: int) -> Iterator[Any]:
        """Yield decoded pictures with their times: those that ``early`` frames show, then all from ``first`` on.

        Args:
            early: in order, before ``first``; files between them are not read.
        """
        start, most = self._images.place_at(first), self._most_in_flight()
        before = sorted({place for frame in early if (place := self._images.place_at(frame)) < start})
        if 0 not in (*before[:1], start):
            self._head = b""  # it is not decoded again
        with ThreadPoolExecutor(self._threads, "picture") as pool:
            waiting: deque[Future[Any]] = deque()
            try:
                for place in (*before, *range(start, len(self._images.offsets))):
                    if len(waiting) >= most:
                        yield waiting.popleft().result()
                    waiting.append(pool.submit(self._placed, place, self._body(place)))
                while waiting:
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _most_in_flight(self) -> int:
        width, height = self._size
        each = width * height * _PIXEL_BYTES + max(self._images.sizes)
        fitting: int = MAX_IN_FLIGHT_BYTES // each
        return max(1, min(self._threads + 1, fitting))

    def _placed(self, place: int, body: bytes) -> Any:
        frame, _ = self._decode(place, body)
        if (frame.width, frame.height) != self._size:
            raise Refused("frame_size", self._named(place))
        frame.pts, frame.time_base = self._images.offsets[place], 1 / self._images.rate.fraction
        return frame

    def _decode(self, place: int, body: bytes) -> tuple[Any, Fraction | None]:
        """Return the picture of a file, and the aspect of its pixels.

        Raises:
            Refused: with the frame's number, whatever is wrong with it.
        """
        content = _Content(body)
        try:
            if container_of(content.read_at(0, HEAD_BYTES)) != self._container:
                raise Refused("frame_kind", self._named(place))
            check_whole(content, self._container)
            if self._images.kind is ImageKind.EXR:
                check_exr(content)
            if self._images.kind is ImageKind.PNG:
                check_png(content, self._max_picture_px)
            context = self._context()
            pictures = context.decode(av.Packet(body))
        except Refused as refused:
            if refused.reason in ("too_large", "frame_kind"):
                raise
            is_other = refused.reason in ("not_media", "text", "empty")
            raise Refused("frame_kind" if is_other else "frame_damaged", self._named(place)) from refused
        except (av.error.FFmpegError, struct.error) as error:
            raise Refused("frame_damaged", self._named(place)) from error
        if not pictures:
            raise Refused("frame_damaged", self._named(place))
        return pictures[0], context.sample_aspect_ratio

    def _context(self) -> Any:
        """Return a new decoder: PNG's draws a picture over the one before it, and no picture may meet another here."""
        context: Any = av.CodecContext.create(self._decoder, "r")
        context.thread_count = 1
        strict = {"err_detect": "explode"} if self._images.kind in _STRICT else {}
        context.options = {"max_pixels": str(self._max_picture_px), **strict}
        return context

    def _body(self, place: int) -> bytes:
        if place == 0 and self._head:
            body, self._head = self._head, b""
            return body
        return self._read(place)

    def _read(self, place: int) -> bytes:
        size, parts = self._images.sizes[place], []
        for offset in range(0, size, MAX_READ_BYTES):
            length = min(MAX_READ_BYTES, size - offset)
            self._channel.send(Read(offset, length, place).message())
            answer = Bytes.parse(self._channel.receive())
            if answer.offset != offset or len(answer.body) != length:
                raise BadFrame("the carrier answered another read")
            parts.append(answer.body)
        return b"".join(parts)

    def _timecode(self) -> Timecode:
        """The first picture's own start timecode, else its number."""
        text = timecode_text(self._first)
        if self._images.kind is ImageKind.EXR:
            text = exr_timecode(_Content(self._head)) or text
        if self._images.kind is ImageKind.DPX:
            text = dpx_timecode(_Content(self._head)) or text
        own = parse_timecode(text, self._images.rate)
        if own is not None and own.frame:
            return own
        return Timecode(self._images.first_number, self._images.rate)

    def _named(self, place: int) -> str:
        return f"frame {self._images.first_number + self._images.offsets[place]}"
