"""What scene-linear light is turned into before a LUT: matrices between primaries, and logarithmic curves. Pure.

ACEScct: Academy S-2016-001, section 4.4. AP0 to AP1: Academy S-2014-004 (ACEScg), section 4.3.
LogC3: ARRI, "ALEXA Log C Curve, Usage in VFX" (2017), the table of exposure values, EI 800.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from reelkeep.luts import LutInput

Colours = np.ndarray[Any, np.dtype[np.float32]]  # red, green and blue, each an array of one shape
Curve = Callable[[Colours], Colours]

_CCT_CUT: Final = np.float32(0.0078125)
_CCT_SLOPE, _CCT_OFFSET = np.float32(10.5402377416545), np.float32(0.0729055341958355)
_CCT_ADDED, _CCT_SPAN = np.float32(9.72), np.float32(17.52)
_AP0_TO_AP1: Final = np.array(
    [
        [1.4514393161, -0.2365107469, -0.2149285693],
        [-0.0765537734, 1.1762296998, -0.0996759264],
        [0.0083161484, -0.0060324498, 0.9977163014],
    ],
    np.float32,
)
_LOGC_CUT, _LOGC_A, _LOGC_B = np.float32(0.010591), np.float32(5.555556), np.float32(0.052272)
_LOGC_C, _LOGC_D = np.float32(0.247190), np.float32(0.385537)
_LOGC_E, _LOGC_F = np.float32(5.367655), np.float32(0.092809)


def acescct(light: Colours) -> Colours:
    """Return ACEScct of light in AP1.

    >>> [round(float(value), 4) for value in acescct(np.array([0, 0.18, 1, 222.86], np.float32))]
    [0.0729, 0.4136, 0.5548, 1.0]
    """
    above = (np.log2(np.maximum(light, _CCT_CUT)) + _CCT_ADDED) / _CCT_SPAN
    return np.where(light > _CCT_CUT, above, light * _CCT_SLOPE + _CCT_OFFSET)


def acescct_from_aces(light: Colours) -> Colours:
    """Return ACEScct of light in AP0; white stays white."""
    red, green, blue = light
    return acescct(np.stack([red * one + green * two + blue * three for one, two, three in _AP0_TO_AP1]))


def logc3(light: Colours) -> Colours:
    """Return LogC3 (EI 800) of light.

    >>> [round(float(value), 4) for value in logc3(np.array([0, 0.18, 1], np.float32))]
    [0.0928, 0.391, 0.5706]
    """
    above = np.log10(np.maximum(light, _LOGC_CUT) * _LOGC_A + _LOGC_B) * _LOGC_C + _LOGC_D
    return np.where(light > _LOGC_CUT, above, light * _LOGC_E + _LOGC_F)


CURVES: Final[Mapping[LutInput, Curve]] = {
    LutInput.LINEAR: lambda light: light,
    LutInput.ACESCCT: acescct,
    LutInput.ACESCCT_FROM_ACES: acescct_from_aces,
    LutInput.LOGC3: logc3,
}
