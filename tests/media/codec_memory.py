"""The most memory that the codec holds while it makes a whole proxy, as proc(5) tells it."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from reelkeep.isolation.sandbox import CodecProcess, start_codec
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.protocol import Bytes, Done, Job, Problem, Read, parse_from_codec

KINDS = {
    "h264": ("mp4", "-c:v libx264 -preset ultrafast -crf 20 -g 250 -pix_fmt yuv420p"),
    "prores": ("mov", "-c:v prores_ks -profile:v 3 -pix_fmt yuv422p10le"),
    "prores-4444": ("mov", "-c:v prores_ks -profile:v 4 -pix_fmt yuva444p10le -alpha_bits 16"),  # decoded to 12 bits
}
LOOK_SECONDS = 0.05


@dataclass(frozen=True)
class Peak:
    """The most that was seen.

    Args:
        resident: bytes in memory at once (VmHWM).
        data: bytes that ``RLIMIT_DATA`` counts (VmData): also what is reserved and not touched, such as stacks.
    """

    resident: int
    data: int


def a_test_picture(folder: Path, kind: str, pixels: str, seconds: int) -> Path:
    """Return a moving test picture with noise."""
    suffix, encoder = KINDS[kind]
    path = folder / f"{kind}-{pixels}-{seconds}.{suffix}"
    source = f"testsrc2=size={pixels}:rate=24:duration={seconds},noise=alls=8:allf=t"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", "-f", "lavfi", "-i", source]
    subprocess.run([*command, *encoder.split(), str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def peak_bytes(clip: Path, threads: int = 0) -> Peak:
    """Have the sandboxed codec make everything of a file and return the most memory it held.

    Args:
        threads: of each decoder, as a machine with more processors has them; 0: as this one has them.

    Raises:
        Refused: it could not, for want of memory perhaps.
    """
    original = clip.read_bytes()
    with start_codec() as codec:
        watch = _Watch(codec)
        codec.channel.send(Job(len(original), threads=threads).message())
        while True:
            said = parse_from_codec(codec.channel.receive())
            if isinstance(said, Read):
                body = original[said.offset : said.offset + said.length]
                codec.channel.send(Bytes(said.offset, body).message())
            elif isinstance(said, Problem):
                raise Refused(said.code, said.detail)
            elif isinstance(said, Done):
                return watch.end()


class _Watch:
    """Looks at a process until it ends."""

    def __init__(self, codec: CodecProcess) -> None:
        self._status = Path(f"/proc/{codec.program_pid()}/status")
        self._ended, self._peaks = threading.Event(), {"VmHWM": 0, "VmData": 0}
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> Peak:
        self._ended.set()
        self._thread.join()
        return Peak(self._peaks["VmHWM"], self._peaks["VmData"])

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            with contextlib.suppress(OSError):
                for line in self._status.read_text().splitlines():
                    name, _, rest = line.partition(":")
                    if name in self._peaks:
                        self._peaks[name] = max(self._peaks[name], int(rest.split()[0]) << 10)
