"""Memory of the codec, by resolution and kind of original, and whether it grows with the length of the film.

The peak of the resident set of the codec process (VmHWM, proc(5)) while it makes the whole ladder. The carrier beside
it holds at most ``source.BLOCKS_KEPT`` and ``BLOCKS_AHEAD`` blocks of the original and a few bundles of each rendition,
whatever the film is.
"""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import threading
from pathlib import Path

import imageio_ffmpeg

from benchmarks.results import Result
from reelkeep.isolation.sandbox import CodecProcess, start_codec
from reelkeep.media import MediaLimits
from reelkeep.transcode.protocol import Boundary, Bytes, Done, GoOn, Job, Problem, Read, parse_from_codec

SIZES = {"540p": "960x540", "1080p": "1920x1080", "2160p": "3840x2160"}
KINDS = {
    "h264": ("mp4", "-c:v libx264 -preset ultrafast -crf 20 -g 250 -pix_fmt yuv420p"),
    "prores": ("mov", "-c:v prores_ks -profile:v 3 -pix_fmt yuv422p10le"),
}
SECONDS = 4
LOOK_SECONDS = 0.05
MIB = 1 << 20


def measure() -> list[Result]:
    """Return the peaks of all sizes and kinds, and how much more ten minutes take than one, in a tiny picture."""
    results = []
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        for size, pixels in SIZES.items():
            for kind in KINDS:
                clip = a_clip(Path(folder), kind, pixels, SECONDS)
                what = f"peak resident memory of the codec, {kind} {size}"
                most = MediaLimits.max_codec_bytes / MIB
                results.append(Result(f"memory-{kind}-{size}", what, peak_bytes(clip) / MIB, "MiB", most))
                clip.unlink()
        one, ten = (peak_bytes(a_clip(Path(folder), "h264", "128x72", minutes * 60)) for minutes in (1, 10))
        results.append(Result("memory-growth", "ten minutes to one minute of 128x72, peak", ten / one, "", 1.15))
    return results


def a_clip(folder: Path, kind: str, pixels: str, seconds: int) -> Path:
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
            elif isinstance(said, Boundary):
                codec.channel.send(GoOn(True).message())
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
