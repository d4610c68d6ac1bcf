"""N2: what a transcode costs beside one pinned ffmpeg command that makes the same ladder from a local file.

Two figures. From the decoder to the seal: the real codec in its real sandbox and the real packager, with the original
in memory and no store. The whole job: the demo with the store on the same machine. The rounds alternate, and a ratio is
the median of the rounds' ratios, so that a neighbour who comes or goes is in both halves of a round. Beside the wall
clock stands the CPU time of the codec, the packager and ffmpeg, which a busy machine changes less.
"""

from __future__ import annotations

import os
import resource
import secrets
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import imageio_ffmpeg
from tests.media.clips import strip_clip

from benchmarks.measures.demo import figures
from benchmarks.measures.unable import Unable
from benchmarks.results import ROOT, Result
from reelkeep.encryption.keys import CompanyKey, KeyClass, key_class
from reelkeep.encryption.sealing import SealContext
from reelkeep.ids import CompanyId, VersionId, new_id
from reelkeep.isolation.sandbox import start_codec
from reelkeep.media import DEFAULT_BANDS, FrameRate, TrackKind
from reelkeep.packaging.bundle_index import ProxyPlan, RenditionDescription
from reelkeep.packaging.bundles import BundleWriter
from reelkeep.packaging.segmenter import RenditionPackager
from reelkeep.transcode.protocol import (
    Bytes,
    Done,
    Fragment,
    Job,
    Plan,
    Probe,
    Problem,
    Read,
    Track,
    parse_from_codec,
)
from reelkeep.transcode.rendition import RenditionWriter, checked_config, grid_of
from reelkeep.transcode.source import SourceCache

BASELINE = ROOT / "benchmarks" / "baseline_ladder.sh"
FRAMES = 240  # 10 s at 24 frames a second
ROUNDS = 2


def measure() -> list[Result]:
    """Return both ratios for ProRes, all of whose frames are keyframes, and for H.264 with long GOPs."""
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        prores = strip_clip(
            Path(folder) / "clip.mov", FRAMES, codec="prores_ks", pixel_format="yuv422p10le", options={"profile": "2"},
            rate=Fraction(24), sound="pcm_s16le",
        )  # fmt: skip
        h264 = strip_clip(
            Path(folder) / "clip.mp4", FRAMES, options={"b": "15M", "g": "250", "keyint_min": "250"},
            rate=Fraction(24), sound="aac",
        )  # fmt: skip
        return [*_results("prores", "ProRes 422", prores), *_results("h264", "H.264 at 15 Mb/s", h264)]


def _results(suffix: str, kind: str, clip: Path) -> list[Result]:
    rounds = [_round(clip) for _ in range(ROUNDS)]
    baseline = statistics.median(each.baseline.wall for each in rounds)
    sealed = statistics.median(each.sealed.wall for each in rounds)
    read = max(each.read_ratio for each in rounds)
    said = f"`benchmarks/baseline_ladder.sh`: {FRAMES / baseline:.1f} frames/s"
    what = f"{FRAMES} frames of {kind} at 1080p24 to the ladder"
    return [
        Result(f"N2-rate-{suffix}", f"{what}, decoder to seal", FRAMES / sealed, "frames/s"),
        Result(
            f"N2-decode-to-seal-{suffix}", f"{what}, decoder to seal / ffmpeg",
            statistics.median(each.sealed.wall / each.baseline.wall for each in rounds), "", 1.05, baseline=said,
        ),
        Result(
            f"N2-decode-to-seal-cpu-{suffix}", f"{what}, decoder to seal / ffmpeg, CPU time",
            statistics.median(each.sealed.cpu / each.baseline.cpu for each in rounds), "", baseline=said,
        ),
        Result(f"I3-bytes-read-{suffix}", f"{what}, bytes read of the original / its size", read, "", 1.02),
        Result(
            f"N2-whole-job-{suffix}", f"{what}, upload's end to proxy complete / ffmpeg",
            statistics.median(each.job / each.baseline.wall for each in rounds), "", 1.15, baseline=said,
        ),
    ]  # fmt: skip


@dataclass(frozen=True)
class Seconds:
    """What a piece of work took by the clock on the wall, and of processors."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Round:
    baseline: Seconds
    sealed: Seconds
    read_ratio: float
    job: float


def _round(clip: Path) -> Round:
    baseline = _baseline(clip)
    sealed, read_ratio = _sealed(clip)
    job = _job(clip)
    print(
        f"  {clip.name}: ffmpeg {baseline.wall:.1f} s ({baseline.cpu:.1f} s of processors), decoder to seal "
        f"{sealed.wall:.1f} s ({sealed.cpu:.1f} s), whole job {job:.1f} s", flush=True,
    )  # fmt: skip
    return Round(baseline, sealed, read_ratio, job)


def _cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended; a sandbox's are not among them."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process and its threads so far: utime and stime of proc(5), in clock ticks."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _baseline(clip: Path) -> Seconds:
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as out:
        command = [str(BASELINE), imageio_ffmpeg.get_ffmpeg_exe(), str(clip), out]
        started, cpu = time.perf_counter(), _cpu()
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
        return Seconds(time.perf_counter() - started, _cpu() - cpu)


def _job(clip: Path) -> float:
    """Return the seconds from the end of the upload to the complete proxy, as the demo tells them."""
    return float(figures(clip, browser=False)["done_seconds"])


def _sealed(clip: Path) -> tuple[Seconds, float]:
    """Return the seconds from the first byte asked for to the last segment sealed, and the bytes read to the size.

    The sandbox is up before, by the clock; the CPU time of the program in it is in the sum, as ffmpeg's start is.
    """
    original, cpu, codec_cpu = clip.read_bytes(), _cpu(), 0.0
    source = SourceCache(lambda offset, length: original[offset : offset + length], len(original))
    with start_codec() as codec:
        sink, program = _Sink(), codec.program_pid()
        started = time.perf_counter()
        codec.channel.send(Job(len(original), bands=DEFAULT_BANDS).message())
        while not sink.done:
            said = parse_from_codec(codec.channel.receive())
            if isinstance(said, Read):
                codec.channel.send(Bytes(said.offset, source.read(said.offset, said.length)).message())
            else:
                if not isinstance(said, Done):  # after its last word it may have ended
                    codec_cpu = _cpu_of(program)
                sink.take(said)
        wall = time.perf_counter() - started
        codec.wait()
    source.close()
    return Seconds(wall, _cpu() - cpu + codec_cpu), source.fetched_bytes / len(original)


class _Sink:
    """Packages, encrypts and seals what the codec sends, and keeps nothing of it."""

    def __init__(self) -> None:
        self.done = False
        self._company, self._version = CompanyId(new_id()), VersionId(new_id())
        self._key, _ = CompanyKey(secrets.token_bytes(32)).new_version_key(self._version)
        self._content_keys = self._key.new_content_keys(KeyClass)
        self._writers: dict[str, RenditionWriter] = {}

    def take(self, said: object) -> None:
        match said:
            case Probe():
                self._facts = said.facts
            case Plan():
                self._plan = said
            case Track():
                self._writers[said.rendition] = self._writer(said)
            case Fragment():
                self._writers[said.rendition].add(said, time.monotonic())
            case Done():
                for writer in self._writers.values():
                    writer.finish(time.monotonic())
                self.done = True
            case Problem():
                raise Unable(f"the codec refused its clip: {said.code}")

    def _writer(self, track: Track) -> RenditionWriter:
        rung = next((rung for rung in self._plan.rungs if rung.name == track.rendition), None)
        kind = TrackKind.AUDIO if rung is None else TrackKind.VIDEO
        rate = self._facts.rate or FrameRate(24, 1)
        config = checked_config(track, rung, rate)
        family = key_class(kind, rung.height_px if rung else 0)
        content_key, iv = self._content_keys[family], secrets.token_bytes(16)
        description = RenditionDescription(
            track.rendition, kind, bool(rung and rung.is_step), config.width_px or None, config.height_px or None,
            config.codecs, config.timescale, rung.max_bps if rung else 160_000, content_key.key_id, iv, family,
            track.codec_config, rung.bands if rung else (), self._key.wrap_content_key(content_key),
        )  # fmt: skip
        plan = ProxyPlan(self._facts.frames, rate, self._facts.audio_samples)
        context = SealContext(self._company, self._version, 1, track.rendition)
        bundles = BundleWriter(description, plan, self._key, secrets.token_bytes(32), context)
        packager = RenditionPackager(config, content_key, iv, description.bands)
        return RenditionWriter(packager, bundles, grid_of(rung), track.sample_ticks, first=0)
