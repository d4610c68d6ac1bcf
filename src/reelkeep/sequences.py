"""Which files of a folder are the frames of one film, told by their names. Pure; no I/O.

An image sequence is two or more pictures of one kind in one folder whose names differ in one number, the last in the
name: "shot.1001.exr" to "shot.1048.exr". A number with a "v" before it is a version ("look_v003.png") and counts no
frames. The page follows the same rules in upload/sequence.js; one table of cases is run against both.
"""

from __future__ import annotations

import enum
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

MAX_FRAMES_OF_SEQUENCE: Final = 100_000  # 69 minutes at 24 frames a second: a reel is 20
MAX_MISSING_IN_A_ROW: Final = 1_000  # a larger hole is two sequences in one folder, or a mistake
MAX_FRAME_BYTES: Final = 512 << 20  # a frame of 8K in 32-bit floats with alpha is 506 MiB, unpacked
MAX_NUMBER: Final = 999_999_999
MAX_GAPS_TOLD: Final = 20
_NAME: Final = re.compile(r"(?P<stem>.*?)(?<![0-9])(?P<digits>[0-9]{1,9})\.(?P<extension>[A-Za-z0-9]{2,4})", re.DOTALL)
_VERSION: Final = re.compile(r"(?:^|[^A-Za-z0-9])[vV]$")


class ImageKind(enum.Enum):
    """The kinds of pictures that make sequences."""

    EXR = "exr"
    DPX = "dpx"
    PNG = "png"
    TIFF = "tiff"
    JPEG = "jpeg"
    JPEG_2000 = "jpeg2000"


_EXTENSIONS: Final[Mapping[str, ImageKind]] = {
    "exr": ImageKind.EXR,
    "dpx": ImageKind.DPX,
    "png": ImageKind.PNG,
    "tif": ImageKind.TIFF,
    "tiff": ImageKind.TIFF,
    "jpg": ImageKind.JPEG,
    "jpeg": ImageKind.JPEG,
    "j2k": ImageKind.JPEG_2000,
    "j2c": ImageKind.JPEG_2000,
    "jp2": ImageKind.JPEG_2000,
}


@dataclass(frozen=True)
class FrameName:
    """A file's name, taken apart."""

    stem: str
    digits: str
    extension: str  # as it is written

    @property
    def number(self) -> int:
        return int(self.digits)

    @property
    def kind(self) -> ImageKind:
        return _EXTENSIONS[self.extension.lower()]

    @property
    def family(self) -> tuple[str, str]:
        """What the frames of one sequence have in common."""
        return self.stem, self.extension


def frame_name(file_name: str) -> FrameName | None:
    """Take a name apart; None for what cannot be a frame of a sequence.

    >>> frame_name("shot_v002.1001.exr")
    FrameName(stem='shot_v002.', digits='1001', extension='exr')
    >>> frame_name("look_v003.png"), frame_name("clip.mov"), frame_name("shot.exr")
    (None, None, None)
    """
    found = _NAME.fullmatch(file_name)
    if found is None or found["extension"].lower() not in _EXTENSIONS or _VERSION.search(found["stem"]):
        return None
    return FrameName(found["stem"], found["digits"], found["extension"])


def pattern_name(names: Sequence[FrameName]) -> str:
    """Return the name of a sequence: its frames' with "#" for each digit, one "#" where their count differs.

    >>> pattern_name([FrameName("a.", "0998", "exr"), FrameName("a.", "1001", "exr")])
    'a.####.exr'
    >>> pattern_name([FrameName("a.", "9", "exr"), FrameName("a.", "10", "exr")])
    'a.#.exr'
    """
    widths = {len(name.digits) for name in names}
    marks = "#" * (widths.pop() if len(widths) == 1 else 1)
    return f"{names[0].stem}{marks}.{names[0].extension}"


def gaps(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the runs of numbers that are missing, first and last of each.

    Args:
        numbers: in order.

    >>> gaps([1001, 1002, 1005, 1007])
    [(1003, 1004), (1006, 1006)]
    """
    return [(before + 1, after - 1) for before, after in itertools.pairwise(numbers) if after - before > 1]


@dataclass(frozen=True)
class Grouped:
    """The files of one folder: sequences, each in the order of its numbers, and what is in none."""

    sequences: tuple[tuple[str, ...], ...]
    others: tuple[str, ...]


def group(file_names: Sequence[str]) -> Grouped:
    """Tell which of the files of one folder belong together.

    Two files with one number make a sequence all the same, which the platform then refuses in words; files whose
    numbers lie further apart than ``MAX_MISSING_IN_A_ROW``, or are too many, stay single files.

    >>> group(["b.png", "a.2.png", "a.1.png"])
    Grouped(sequences=(('a.1.png', 'a.2.png'),), others=('b.png',))
    """
    families: dict[tuple[str, str], list[str]] = defaultdict(list)
    for file_name in file_names:
        if (name := frame_name(file_name)) is not None:
            families[name.family].append(file_name)
    found = [tuple(sorted(members, key=_place)) for members in families.values() if _is_sequence(members)]
    taken = {file_name for members in found for file_name in members}
    return Grouped(tuple(found), tuple(file_name for file_name in file_names if file_name not in taken))


def twins(file_names: Iterable[str]) -> tuple[str, str] | None:
    """Return two files with one number, as "a.001.exr" and "a.0001.exr"; None if there are none.

    Args:
        file_names: of one sequence, in the order of their numbers.
    """
    for before, after in itertools.pairwise(file_names):
        if _place(before)[0] == _place(after)[0]:
            return before, after
    return None


def numbers_text(first: int, last: int, files: int) -> str:
    """Return a sequence's extent for people.

    >>> numbers_text(1001, 1048, 48), numbers_text(1001, 1048, 46)
    ('1001-1048, 48 frames', '1001-1048, 46 of 48 frames')
    """
    span = last - first + 1
    return f"{first}-{last}, {files:,} frames" if files == span else f"{first}-{last}, {files:,} of {span:,} frames"


def _is_sequence(members: Sequence[str]) -> bool:
    if not 2 <= len(members) <= MAX_FRAMES_OF_SEQUENCE:
        return False
    numbers = sorted(_place(member)[0] for member in members)
    return all(last - first < MAX_MISSING_IN_A_ROW for first, last in gaps(numbers))


def _place(file_name: str) -> tuple[int, str]:
    name = frame_name(file_name)
    assert name is not None
    return name.number, file_name
