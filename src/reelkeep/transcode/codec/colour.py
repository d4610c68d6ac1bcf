"""Which conversion brings a picture's colours to BT.709, from its tags. Pure; no I/O.

Tags are the code points of ITU-T H.273. Curves and primaries of standard-range television (BT.601, BT.709, BT.2020
without HDR, sRGB) are shown alike by the displays that reviews are held on, so only their matrix is converted; wide
primaries, PQ, HLG and scene-linear light go through a colour-managed conversion of libswscale, which builds its table
once, in two to four seconds, and then takes about four times as long for each frame as the plain one.

Left out: camera logarithms carry no tag and are shown as they are; Dolby Vision's metadata is not used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from reelkeep.media import Light

UNSPECIFIED: Final = 2
_LINEAR, _PQ, _HLG = 8, 16, 18  # transfer characteristics
_LIGHTS: Final = {_LINEAR: Light.LINEAR, 9: Light.LOG, 10: Light.LOG, _PQ: Light.PQ, _HLG: Light.HLG}
_WIDE_PRIMARIES: Final = frozenset({9, 11, 12})  # BT.2020, DCI-P3, Display P3
TO_BT709: Final = "out_color_matrix=bt709:out_range=limited"
_SD_LINES: Final = 576  # untagged pictures up to this height are taken for BT.601, as players do


@dataclass(frozen=True)
class Tags:
    """What a picture says of its colours."""

    matrix: int
    transfer: int
    primaries: int

    @staticmethod
    def of(frame: Any) -> Tags:
        """Read the tags of a decoded picture."""
        return Tags(int(frame.colorspace), int(frame.color_trc), int(frame.color_primaries))


def light_of(tags: Tags) -> Light:
    """Return what a picture's numbers stand for.

    >>> light_of(Tags(1, 8, 1)), light_of(Tags(2, 2, 2))
    (<Light.LINEAR: 'linear'>, <Light.TELEVISION: 'television'>)
    """
    return _LIGHTS.get(tags.transfer, Light.TELEVISION)


def to_bt709(tags: Tags, height_px: int) -> str:
    """Return the options of libavfilter's ``scale`` that make limited-range BT.709 of a picture with these tags.

    >>> to_bt709(Tags(1, 1, 1), 1080)
    'out_color_matrix=bt709:out_range=limited'
    """
    if tags.transfer in (_PQ, _HLG):
        return _managed(tags, "perceptual", "bt709", "bt2020")
    if tags.transfer == _LINEAR:
        return _managed(tags, "relative_colorimetric", "iec61966-2-1", "bt709")
    if tags.primaries in _WIDE_PRIMARIES:
        return _managed(tags, "relative_colorimetric", "bt709", "bt709")
    if tags.matrix == UNSPECIFIED:
        return f"{TO_BT709}:in_color_matrix={_untagged(height_px)}"
    return TO_BT709


def to_rgb(tags: Tags, height_px: int) -> str:
    """Return the step of libavfilter that makes full-range red, green and blue of a picture, curve and primaries as
    they are.

    >>> to_rgb(Tags(2, 2, 2), 480)
    'scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp:out_range=full:in_color_matrix=bt601'
    """
    step = "scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp:out_range=full"
    return f"{step}:in_color_matrix={_untagged(height_px)}" if tags.matrix == UNSPECIFIED else step


def _untagged(height_px: int) -> str:
    return "bt601" if height_px <= _SD_LINES else "bt709"


def _managed(tags: Tags, intent: str, curve: str, otherwise: str) -> str:
    """``otherwise`` is what primaries and matrix are taken for where the picture does not say."""
    steps = [TO_BT709, "out_primaries=bt709", f"out_transfer={curve}", f"intent={intent}"]
    if tags.transfer == UNSPECIFIED:
        steps.append("in_transfer=bt709")
    if tags.primaries == UNSPECIFIED:
        steps.append(f"in_primaries={otherwise}")
    if tags.matrix == UNSPECIFIED:
        steps.append(f"in_color_matrix={otherwise}")
    return ":".join(steps)
