"""How like their source encoded pictures look, by libvmaf in the `imageio-ffmpeg` binary: for measures alone."""

from __future__ import annotations

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg

from benchmarks.encoding import Pictures

THREADS = 2


@dataclass(frozen=True)
class Likeness:
    """Means over all pictures."""

    vmaf: float  # 0 to 100, model vmaf_v0.6.1
    ssim: float  # 0 to 1, of luma


def likeness(source: Pictures, made: Pictures, width_px: int, height_px: int) -> Likeness:
    """Compare pictures of one size, one by one."""
    with tempfile.TemporaryDirectory(prefix="rk-bench-") as folder:
        command, log = [imageio_ffmpeg.get_ffmpeg_exe(), "-nostdin", "-loglevel", "error"], Path(folder) / "log.json"
        for name, pictures in (("made.yuv", made), ("source.yuv", source)):
            path = Path(folder) / name
            with path.open("wb") as file:
                for picture in pictures:
                    file.write(picture.tobytes())
            form = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width_px}x{height_px}", "-r", "24"]
            command += [*form, "-i", str(path)]
        asked = f"libvmaf=n_threads={THREADS}:feature=name=float_ssim:log_fmt=json:log_path={log}"
        subprocess.run([*command, "-lavfi", asked, "-f", "null", "-"], check=True)
        pooled = json.loads(log.read_text())["pooled_metrics"]
    return Likeness(float(pooled["vmaf"]["mean"]), float(pooled["float_ssim"]["mean"]))
