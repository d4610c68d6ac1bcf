"""The most memory that the codec holds: the peak of its resident set (VmHWM, proc(5)) while it makes a whole proxy."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from pathlib import Path

import imageio_ffmpeg

from reelkeep.isolation.sandbox import CodecProcess, start_codec
from reelkeep.transcode.protocol import Bytes, Done, Job, Problem, Read, parse_from_codec

KINDS = {
    "h264": ("mp4", "-c:v libx264 -preset ultrafast -crf 20 -g 250 -pix_fmt yuv420p"),
    "prores": ("mov", "-c:v prores_ks -profile:v 3 -pix_fmt yuv422p10le"),
}
LOOK_SECONDS = 0.05


def a_test_picture(folder: Path, kind: str, pixels: str, seconds: int) -> Path:
    """Return a moving test picture with noise."""
    suffix, encoder = KINDS[kind]
    path = folder / f"{kind}-{pixels}-{seconds}.{suffix}"
    source = f"testsrc2=size={pixels}:rate=24:duration={seconds},noise=alls=8:allf=t"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-y", "-f", "lavfi", "-i", source]
    subprocess.run([*command, *encoder.split(), str(path)], check=True, stdin=subprocess.DEVNULL)
    return path


def peak_bytes(clip: Path) -> int:
    """Have the sandboxed codec make everything of a file and return the most memory it held."""
    original = clip.read_bytes()
    with start_codec() as codec:
        watch = _Watch(codec)
        codec.channel.send(Job(len(original)).message())
        while True:
            said = parse_from_codec(codec.channel.receive())
            if isinstance(said, Read):
                body = original[said.offset : said.offset + said.length]
                codec.channel.send(Bytes(said.offset, body).message())
            elif isinstance(said, Done | Problem):
                return watch.end()


class _Watch:
    """Looks at a process until it ends."""

    def __init__(self, codec: CodecProcess) -> None:
        self._status = Path(f"/proc/{codec.program_pid()}/status")
        self._ended, self._peak = threading.Event(), 0
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def end(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._peak

    def _look(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            with contextlib.suppress(OSError):
                for line in self._status.read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        self._peak = max(self._peak, int(line.split()[1]) << 10)
