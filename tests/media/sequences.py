"""Image sequences whose pictures show their numbers as strips, counted from the first frame."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.media.kinds import SIZE, ffmpeg, pixels

MAKE = {
    "exr": "-pix_fmt gbrpf32le -compression zip16 -gamma 0.4545",
    "dpx": "-pix_fmt gbrp10be",
    "png": "-pix_fmt rgb24",
    "tif": "-pix_fmt rgb48le",
    "jpg": "-q:v 2 -pix_fmt yuvj420p",
    "j2k": "-c:v jpeg2000 -pix_fmt gbrp12le -q:v 1",
    "jp2": "-c:v jpeg2000 -pix_fmt rgb24 -q:v 1",
}


def shoot(
    folder: Path,
    extension: str,
    numbers: Sequence[int],
    *,
    name: str = "shot.{number:04d}",
    size: tuple[int, int] = SIZE,
    make: str | None = None,
) -> list[Path]:
    """Write a picture for each number; it shows how far it is from the first one. Return the paths in this order."""
    folder.mkdir(parents=True, exist_ok=True)
    offsets = tuple(number - numbers[0] for number in numbers)
    options = make or MAKE[extension]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{size[0]}x{size[1]}", "-r", "24", "-i", "-"]
    ffmpeg(*source, *options.split(), "-start_number", "0", str(folder / f"made-%06d.{extension}"),
           feed=pixels(offsets, size))  # fmt: skip
    paths = []
    for place, number in enumerate(numbers):
        path = folder / f"{name.format(number=number)}.{extension}"
        (folder / f"made-{place:06d}.{extension}").rename(path)
        paths.append(path)
    return paths
