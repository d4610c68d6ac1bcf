"""LUTs in the real, sandboxed codec, compared with a tetrahedral interpolation of our own in double precision."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.media.codec_runs import Run, run_codec, run_sequence
from tests.unit.transcode.test_colours import COLOURS, PATCH_PX, shown, written

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.luts import MAX_SHAPER_POINTS, ChosenLut, Lut, LutInput, LutScope, Shaper
from reelkeep.media import FrameRate, Light
from reelkeep.sequences import ImageKind
from reelkeep.transcode import protocol
from reelkeep.transcode.codec.look import Look
from reelkeep.transcode.codec.orientation import Orientation
from reelkeep.transcode.codec.picture import Pictures
from reelkeep.transcode.ladder import plan_ladder

CUBE_DIFFERENCE = 2e-5  # of 1: what single precision loses on a cube of noise with 65 points
ZERO, ONE = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
CURVE_DIFFERENCE = 1e-5
SHAPER_DIFFERENCE = 5e-4  # with 65,536 points, whose places single precision knows to a 250th of their distance
PROXY_DIFFERENCE = 4.0  # of 255: what 8 bits, 4:2:0 and H.264 lose on flat patches


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


@pytest.mark.parametrize("size", [2, 5, 1_024, MAX_SHAPER_POINTS])
def test_a_shaper_is_linear_between_its_points_and_goes_before_the_cube(size: int) -> None:
    chance = np.random.default_rng(size)
    cube = chance.random((17, 17, 17, 3)).astype(np.float32)
    axis = np.linspace(0, 1, size)[:, None]
    table = (2.4 * axis ** np.array([0.45, 1, 2.2]) - 0.2 + chance.normal(0, 0.1 / size, (size, 3))).astype("<f4")
    low, high = (0.0, -0.1, 0.2), (2.0, 1.5, 1.8)
    lut = dataclasses.replace(lut_of(cube, low, high), shaper=Shaper(-0.25, 3.5, table.tobytes()))
    colours = chance.uniform(-1, 5, (67, 33, 3)).astype(np.float32)
    colours[0, 0], colours[1, 0], colours[2, 0] = np.nan, np.inf, -np.inf
    found = through(ChosenLut(lut, LutInput.LINEAR, LutScope.ALL), colours)
    finite = np.nan_to_num(colours.astype(float), nan=-0.25, posinf=3.5, neginf=-0.25)
    points = np.linspace(-0.25, 3.5, size)
    shaped = np.stack([np.interp(finite[..., n], points, table[:, n].astype(float)) for n in range(3)], axis=-1)
    wanted = tetrahedral(cube.astype(float), (shaped - low) / (np.array(high) - low))
    assert np.abs(found - wanted).max() < SHAPER_DIFFERENCE


@pytest.mark.parametrize("width", [2, 31, 33, 64, 129])
def test_a_picture_of_any_width_is_shown_and_what_is_no_number_is_black(width: int) -> None:
    chance = np.random.default_rng(width)
    cube = chance.random((33, 33, 33, 3)).astype(np.float32)
    colours = chance.random((65, width, 3)).astype(np.float32)
    colours[0, 0], colours[1, 0], colours[2, 0] = np.nan, np.inf, -np.inf
    found = through(ChosenLut(lut_of(cube), LutInput.LINEAR, LutScope.ALL), colours)
    places = np.nan_to_num(colours.astype(float), nan=0, posinf=1, neginf=0)
    assert np.abs(found - tetrahedral(cube.astype(float), places)).max() < CUBE_DIFFERENCE


@pytest.mark.parametrize("pixels", ["gbrapf32le", "gbrpf16le", "gbrapf16le", "grayf32le", "grayf16le"])
def test_every_kind_of_floats_keeps_what_is_brighter_than_white(pixels: str) -> None:
    grey = np.repeat(np.array([0, 0.25, 1, 3, 4], np.float32)[None, :, None], 3, axis=2)
    found = through(
        ChosenLut(lut_of(identity(5), ZERO, (4.0,) * 3), LutInput.LINEAR, LutScope.ALL), grey, pixels=pixels
    )
    assert np.abs(found - grey / 4).max() < CUBE_DIFFERENCE


def acescct(light: np.ndarray) -> np.ndarray:
    """Academy S-2016-001, section 4.4, in double precision."""
    return np.where(
        light <= 0.0078125,
        10.5402377416545 * light + 0.0729055341958355,
        (np.log2(np.maximum(light, 1e-9)) + 9.72) / 17.52,
    )


def logc3(light: np.ndarray) -> np.ndarray:
    """ARRI, Log C curve, EI 800, in double precision."""
    above = 0.247190 * np.log10(5.555556 * np.maximum(light, 0.010591) + 0.052272) + 0.385537
    return np.where(light > 0.010591, above, 5.367655 * light + 0.092809)


def ap1(light: np.ndarray) -> np.ndarray:
    """The primaries of AP0 and AP1 from their chromaticities (Academy S-2014-004), as SMPTE RP 177 computes them."""
    xy = {
        "AP0": [(0.7347, 0.2653), (0.0, 1.0), (0.0001, -0.077)],
        "AP1": [(0.713, 0.293), (0.165, 0.830), (0.128, 0.044)],
    }
    white = np.array([0.32168 / 0.33767, 1, (1 - 0.32168 - 0.33767) / 0.33767])
    to_xyz = {}
    for name, primaries in xy.items():
        columns = np.array([[x, y, 1 - x - y] for x, y in primaries]).T
        to_xyz[name] = columns * np.linalg.solve(columns, white)
    return light @ (np.linalg.inv(to_xyz["AP1"]) @ to_xyz["AP0"]).T


REFERENCES = {
    LutInput.LINEAR: lambda light: light,
    LutInput.ACESCCT: acescct,
    LutInput.ACESCCT_FROM_ACES: lambda light: acescct(ap1(light)),
    LutInput.LOGC3: logc3,
}


@pytest.mark.parametrize("into", LutInput)
def test_scene_linear_light_goes_into_the_table_through_the_curve_that_was_chosen(into: LutInput) -> None:
    light = np.random.default_rng(1).lognormal(-2, 2.5, (64, 32, 3)).astype(np.float32)
    light[0] = np.linspace(-0.01, 0.02, 32)[:, None]  # around the place where the curves bend
    chosen = ChosenLut(lut_of(identity(2)), into, LutScope.LINEAR)
    wanted = np.clip(REFERENCES[into](light.astype(float)), 0, 1)
    assert np.abs(through(chosen, light) - wanted).max() < CURVE_DIFFERENCE
    assert np.abs(through(chosen, light, Light.PQ) - np.clip(light, 0, 1)).max() < CUBE_DIFFERENCE  # by its own numbers


# Of a picture that is no noise, in code values: luma, and colour differences, which 4:2:0 halves twice with a LUT.
KINDS = {
    "yuv444p": (1, 1), "yuvj444p": (1, 1), "yuv422p10le": (1, 1), "yuv444p12le": (1, 1), "rgb24": (1, 1),
    "rgb48le": (1, 1), "gbrp10le": (1, 1), "gray": (1, 1), "yuv420p": (1, 3), "nv12": (1, 3),
}  # fmt: skip


@pytest.mark.parametrize("points", [2, 33])
@pytest.mark.parametrize("pixels", KINDS)
def test_an_identity_shows_a_picture_within_one_code_value_of_no_lut(pixels: str, points: int) -> None:
    chance = np.random.default_rng(3)
    light = np.cumsum(chance.normal(0, 2, (180, 320, 1)), axis=1) * np.array([1, 0.9, 1.1])
    colours = np.clip(light + np.cumsum(chance.normal(0, 0.4, (180, 320, 3)), axis=1) + 126, 20, 235).astype(np.uint8)
    picture = av.VideoFrame.from_ndarray(colours, "rgb24")
    frame: Any = picture.reformat(
        format=pixels, dst_colorspace="ITU709" if "yuv" in pixels or pixels == "nv12" else None
    )
    if "yuv" in pixels or pixels == "nv12":
        frame.colorspace = 1  # BT.709, as the proxy, so that without a LUT nothing is converted
    rungs = plan_ladder(320, 180, 0)
    chosen = ChosenLut(lut_of(identity(points)), LutInput.ACESCCT, LutScope.ALL)
    plain, changed = (
        Pictures(rungs, Orientation(), look).of(frame)[rungs[-1].name]
        for look in (None, Look(chosen, Light.TELEVISION))
    )
    luma, colour = KINDS[pixels]
    for before, after, most in zip(plain.planes, changed.planes, (luma, colour, colour), strict=True):
        one, other = (np.frombuffer(plane, np.uint8).astype(int) for plane in (before, after))
        assert np.abs(one - other).max() <= most


def squared(points: int) -> ChosenLut:
    """A look that nothing else makes: red and blue change places, and all are squared."""
    return ChosenLut(lut_of(identity(points)[..., ::-1] ** 2), LutInput.ACESCCT, LutScope.LINEAR)


LIGHTS = np.array([0, 0.005, 0.02, 0.18, 0.5, 1, 4, 40], np.float32)


def exr(light: np.ndarray, *, half: bool = False) -> bytes:
    """Return a picture of patches; ``light`` has a row for each."""
    width, height = len(light) * PATCH_PX, 64
    context: Any = av.CodecContext.create("exr", "w")
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "gbrpf32le", Fraction(1, 25)
    context.options = {"format": "half"} if half else {}
    frame = floats(np.repeat(np.repeat(light[None], height, axis=0), PATCH_PX, axis=1).astype(np.float32))
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


@pytest.mark.parametrize("half", [False, True])
def test_a_scene_linear_picture_is_shown_through_the_lut_in_the_sandbox(half: bool, tmp_path: Path) -> None:
    light = np.stack([LIGHTS, LIGHTS[::-1], LIGHTS * 0.5], axis=1)
    path = tmp_path / "linear.exr"
    path.write_bytes(exr(light, half=half))
    wanted = tetrahedral(identity(33)[..., ::-1] ** 2, acescct(light.astype(float))) * 255
    run = run_codec(path, lut=squared(33))
    assert run.facts.light is Light.LINEAR
    assert np.abs(shown(run) - wanted).max() < PROXY_DIFFERENCE
    assert np.abs(shown(run_codec(path)) - wanted).max() > 40  # without it the picture is another one


def test_other_light_goes_through_only_if_the_lut_is_for_all_films(tmp_path: Path) -> None:
    path = written(tmp_path / "television.mkv", COLOURS, "-c:v", "ffv1", "-pix_fmt", "gbrp10le")
    assert _bodies(run_codec(path, lut=squared(33))) == _bodies(run_codec(path))
    run = run_codec(path, lut=dataclasses.replace(squared(33), scope=LutScope.ALL))
    assert np.abs(shown(run) - (COLOURS[:, ::-1] / 255) ** 2 * 255).max() < PROXY_DIFFERENCE


def test_a_sequence_shows_the_same_whoever_decodes_it_and_wherever_it_goes_on(tmp_path: Path) -> None:
    paths = [tmp_path / f"shot.{number:04d}.exr" for number in range(1, 61)]
    for number, path in enumerate(paths):
        path.write_bytes(exr(np.roll(LIGHTS, number)[:, None] * np.array([1, 0.5, 0.25], np.float32)))
    whole = run_sequence(paths, lut=squared(33), threads=1)
    assert _bodies(run_sequence(paths, lut=squared(33), threads=1)) == _bodies(whole)
    assert (_luma(run_sequence(paths, lut=squared(33), threads=4)) == _luma(whole)).all()
    cut = run_sequence(paths, lut=squared(33), threads=1, cuts=(48,))  # encoders begin anew there, whoever goes on
    rest = {"resume_frame": 48, "resume_tile_sheet": 1, "poster": False}
    other = run_sequence(paths, lut=squared(33), threads=1, cuts=(48,), **rest)
    assert _bodies(other) == _bodies(cut)[-len(_bodies(other)) :]
    assert len(_luma(other)) == 12


def _bodies(run: Run) -> list[bytes]:
    return [fragment.body for fragment in run.fragments(run.only(protocol.Plan).rungs[-1].name)]


def _luma(run: Run) -> np.ndarray:
    return np.array([picture for _, picture in run.pictures(run.only(protocol.Plan).rungs[-1].name)], int)


def test_a_lut_travels_in_the_job_whole_or_not_at_all() -> None:
    images = protocol.Images(ImageKind.EXR, FrameRate(24, 1), 1, (0, 1), (10, 11))
    shaped = dataclasses.replace(squared(3), lut=dataclasses.replace(squared(3).lut, shaper=Shaper(0, 1, bytes(36))))
    for job in (
        protocol.Job(21, lut=squared(3)),
        protocol.Job(21, images=images, lut=squared(3)),
        protocol.Job(21, images=images, lut=shaped),
    ):
        assert protocol.Job.parse(job.message()) == job
        message = job.message()
        header = message.fields["lut"]
        for body in (message.body[:-1], message.body + b"0", b""):
            with pytest.raises(BadFrame):
                protocol.Job.parse(Message("job", message.fields, body))
        for change in (
            {"points": 1}, {"points": 66}, {"points": 3.0}, {"domain_min": [0, 0]}, {"domain_min": [0, 0, 1]},
            {"domain_max": [1, 1, float("nan")]}, {"domain_max": [1, 1, None]}, {"input": "log"}, {"scope": None},
            {"file": "/etc/passwd"}, {"shaper": {"points": 1, "low": 0, "high": 1}},
            {"shaper": {"points": 65_536, "low": 0, "high": 1}}, {"shaper": {"points": 3, "low": 1, "high": 0}},
            {"shaper": {"points": 3, "low": None, "high": 1}}, {"shaper": {"points": 3}}, {"shaper": []},
        ):  # fmt: skip
            fields = {**message.fields, "lut": {**header, **change}}
            with pytest.raises(BadFrame):
                protocol.Job.parse(Message("job", fields, message.body))
