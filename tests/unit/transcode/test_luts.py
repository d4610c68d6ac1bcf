"""LUTs in the real, sandboxed codec, compared with a tetrahedral interpolation of our own in double precision."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.media.codec_runs import Run, run_codec, run_sequence
from tests.unit.transcode.test_colours import COLOURS, PATCH_PX, shown, written

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.luts import ChosenLut, Lut, LutInput, LutScope
from reelkeep.media import FrameRate, Light
from reelkeep.sequences import ImageKind
from reelkeep.transcode import protocol
from reelkeep.transcode.codec import curves
from reelkeep.transcode.codec.look import Look

CUBE_DIFFERENCE = 2e-5  # of 1: what single precision loses on a cube of noise with 65 points
ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
LINEAR = np.array([-0.1, 0, 0.004, 0.02, 0.18, 0.5, 1, 4, 40], np.float32)


def lut_of(cube: np.ndarray, low: Any = ZERO, high: Any = ONE) -> Lut:
    """Return a LUT of an array whose axes are red, green, blue and the colours that come out."""
    return Lut(len(cube), low, high, np.ascontiguousarray(cube.transpose(2, 1, 0, 3), "<f4").tobytes())


def identity(points: int) -> np.ndarray:
    axis = np.linspace(0, 1, points)
    return np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)


def tetrahedral(cube: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Interpolate over the six tetrahedra of each cell: from its low corner along the axes, the farthest first."""
    last = len(cube) - 1
    places = np.clip(places, 0, 1) * last
    corner = np.minimum(places.astype(int), last - 1)
    rest = places - corner
    order = np.argsort(-rest, axis=-1, kind="stable")
    steps = np.take_along_axis(rest, order, -1)
    value = cube[corner[..., 0], corner[..., 1], corner[..., 2]]
    before = value
    value = value.copy()
    for number in range(3):
        np.put_along_axis(corner, order[..., number : number + 1],
                          np.take_along_axis(corner, order[..., number : number + 1], -1) + 1, -1)  # fmt: skip
        here = cube[corner[..., 0], corner[..., 1], corner[..., 2]]
        value += steps[..., number : number + 1] * (here - before)
        before = here
    return value


def floats(colours: np.ndarray, pixels: str = "gbrpf32le") -> Any:
    """Return a picture of floats; ``colours`` has the shape (height, width, 3)."""
    frame: Any = av.VideoFrame(colours.shape[1], colours.shape[0], pixels)
    for plane, colour in zip(frame.planes, (1, 2, 0, 0), strict=False):
        kind = np.float16 if "f16" in pixels else np.float32
        rows = np.zeros((plane.height, plane.line_size // np.dtype(kind).itemsize), kind)
        rows[:, : plane.width] = colours[..., colour]
        plane.update(rows.tobytes())
    return frame


def colours_of(frame: Any) -> np.ndarray:
    green, blue, red = (
        np.frombuffer(plane, np.float32).reshape(plane.height, -1)[:, : plane.width] for plane in frame.planes
    )
    return np.stack([red, green, blue], axis=-1)


def through(chosen: ChosenLut, colours: np.ndarray, light: Light = Light.LINEAR, pixels: str = "gbrpf32le") -> Any:
    return colours_of(Look(chosen, light).apply(floats(colours, pixels)))


@pytest.mark.parametrize("points", [2, 3, 17, 32, 33, 64, 65])
def test_a_cube_of_any_size_is_interpolated_over_tetrahedra(points: int) -> None:
    chance = np.random.default_rng(points)
    cube = chance.uniform(-0.5, 1.5, (points, points, points, 3)).astype(np.float32)
    low, high = (-0.25, 0.0, 0.1), (1.0, 2.0, 0.9)
    colours = chance.uniform(-0.5, 2.2, (131, 97, 3)).astype(np.float32)
    found = through(ChosenLut(lut_of(cube, low, high), LutInput.LINEAR, LutScope.ALL), colours)
    places = (colours.astype(float) - low) / (np.array(high) - low)
    assert np.abs(found - tetrahedral(cube.astype(float), places)).max() < CUBE_DIFFERENCE
