"""Colours through the real codec: what is tagged is converted, what is not follows a rule, HDR is shown as SDR."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from tests.media.codec_runs import Run, run_codec
from tests.media.kinds import ffmpeg

from reelkeep.media import Light
from reelkeep.transcode import protocol
from reelkeep.transcode.codec.colour import Tags, to_bt709

PATCH_PX = 40
COLOURS = np.array(
    [[16, 16, 16], [128, 128, 128], [235, 235, 235], [200, 60, 60], [60, 200, 60], [60, 60, 200], [200, 170, 140],
     [40, 160, 180]]
)  # fmt: skip
BT709, LIMITED = 1, 1
BT2020 = "color_primaries=bt2020:colorspace=bt2020nc:range=tv"
# Nits of the grey patches, and the green of the picture that libplacebo makes of them (n9.0.2 of the ffmpeg program,
# tonemapping=auto, lavapipe; October 2026), 8 bits.
NITS = np.array([0.01, 0.1, 0.5, 1, 5, 10, 20, 50, 80, 100, 203, 400, 600, 1000, 2000, 4000])
LIBPLACEBO = {
    "smpte2084": [2, 7, 15, 20, 40, 53, 72, 106, 126, 136, 164, 189, 202, 218, 237, 255],
    "arib-std-b67": [1, 4, 9, 13, 29, 40, 58, 93, 116, 128, 167, 204, 226, 255, 255, 255],
}
MEAN_DIFFERENCE, LARGEST_DIFFERENCE = 6.0, 17.0


def chart(colours: np.ndarray, height: int = 180) -> np.ndarray:
    return np.kron(colours[None], np.ones((height, PATCH_PX, 1)))


def written(path: Path, colours: np.ndarray, *options: str, height: int = 180) -> Path:
    """Write two frames of patches. ``colours`` are from 0 to 255, with fractions."""
    picture = np.rint(chart(colours, height) * 257).astype("<u2").tobytes() * 2
    shape = ("-pix_fmt", "rgb48le", "-s", f"{len(colours) * PATCH_PX}x{height}")
    ffmpeg("-f", "rawvideo", *shape, "-r", "25", "-i", "-", *options, str(path), feed=picture)
    return path


def shown(run: Run) -> np.ndarray:
    """Return red, green and blue of each patch, taken from the proxy as BT.709."""
    assert not run.all_of(protocol.Problem), run.said
    frame = run.frames(run.only(protocol.Plan).rungs[-1].name)[0]
    assert (frame.colorspace, frame.color_trc, frame.color_primaries, frame.color_range) == (BT709,) * 3 + (LIMITED,)
    y, u, v = (_middles(plane, size) for plane, size in zip(frame.planes, (1, 2, 2), strict=True))
    y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    return np.stack([y + 1.5748 * v, y - 0.1873 * u - 0.4681 * v, y + 1.8556 * u], axis=1) * 255


def _middles(plane: Any, shrunk: int) -> np.ndarray:
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]
    patch = PATCH_PX // shrunk
    quarter = patch // 4
    return np.array(
        [rows[:, x + quarter : x + patch - quarter].mean() for x in range(0, plane.width, patch)], dtype=float
    )


def _tagged(matrix: str, to: str, pixels: str = "yuv444p", full: bool = False) -> str:
    """Filters that convert to a matrix and say so."""
    span = "pc" if full else "tv"
    return f"scale=out_color_matrix={to}:out_range={span},format={pixels},setparams=colorspace={matrix}:range={span}"


WAYS = {
    "709-tagged.mkv": ("-vf", _tagged("bt709", "bt709"), "-c:v", "ffv1"),
    "709-tagged.mp4": ("-vf", _tagged("bt709", "bt709", "yuv420p"), "-c:v", "libx264", "-crf", "10"),
    "601-tagged.mkv": ("-vf", _tagged("smpte170m", "bt601"), "-c:v", "ffv1"),
    "601-pal-tagged.mov": ("-vf", _tagged("bt470bg", "bt601", "yuv422p10le"), "-c:v", "prores_ks"),
    "full-range.mp4": ("-vf", _tagged("bt709", "bt709", "yuv420p", True), "-c:v", "libx264", "-crf", "10"),
    "full-range.avi": ("-vf", _tagged("bt470bg", "bt601", "yuvj444p", True), "-c:v", "mjpeg", "-q:v", "1"),
    "rgb.mkv": ("-c:v", "ffv1", "-pix_fmt", "gbrp10le"),
    "rgb.mov": ("-c:v", "png", "-pix_fmt", "rgb24"),
    "2020-matrix.mkv": ("-vf", _tagged("bt2020nc", "bt2020", "yuv444p10le"), "-c:v", "ffv1"),
    "240m.mkv": ("-vf", _tagged("smpte240m", "smpte240m"), "-c:v", "ffv1"),
}


@pytest.mark.parametrize("name", WAYS)
def test_a_tagged_picture_keeps_its_colours(name: str, tmp_path: Path) -> None:
    found = shown(run_codec(written(tmp_path / name, COLOURS, *WAYS[name])))
    assert np.abs(found - COLOURS).max() < 6, found.round()


@pytest.mark.parametrize(("height", "matrix"), [(576, "bt601"), (720, "bt709")])
def test_an_untagged_picture_is_taken_for_bt601_up_to_576_lines(height: int, matrix: str, tmp_path: Path) -> None:
    filters = f"scale=out_color_matrix={matrix},format=yuv444p,setparams=colorspace=unknown"
    path = written(tmp_path / "untagged.mkv", COLOURS, "-vf", filters, "-c:v", "ffv1", height=height)
    assert np.abs(shown(run_codec(path)) - COLOURS).max() < 6


def test_wide_colours_are_brought_to_bt709_and_greys_stay(tmp_path: Path) -> None:
    filters = f"scale=out_color_matrix=bt2020,format=yuv444p10le,setparams={BT2020}:color_trc=bt2020-10"
    found = shown(run_codec(written(tmp_path / "wide.mkv", COLOURS, "-vf", filters, "-c:v", "ffv1")))
    assert np.abs(found[:3] - COLOURS[:3]).max() < 4
    assert (np.ptp(found[3:], axis=1) > np.ptp(COLOURS[3:], axis=1) * 1.1).all()  # more saturated, as they were


def pq(nits: np.ndarray) -> np.ndarray:
    """SMPTE ST 2084, equation 5.2."""
    power = np.clip(nits / 10_000, 0, None) ** 0.1593017578125
    return ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375


def hlg(nits: np.ndarray) -> np.ndarray:
    """ARIB STD-B67, with 1,000 nits for the scene's white."""
    scene = np.clip(nits / 1_000, 0, 1)
    upper = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), upper)


@pytest.mark.parametrize(("curve", "code"), [("smpte2084", pq), ("arib-std-b67", hlg)])
def test_hdr_is_shown_as_libplacebo_shows_it(curve: str, code: Any, tmp_path: Path) -> None:
    greys = np.repeat(code(NITS)[:, None], 3, axis=1) * 255
    filters = f"scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le,setparams={BT2020}:color_trc={curve}"
    coding = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-crf", "5")
    run = run_codec(written(tmp_path / "hdr.mp4", greys, "-vf", filters, *coding))
    found = shown(run)
    assert run.facts.light.value == {"smpte2084": "pq", "arib-std-b67": "hlg"}[curve]
    difference = np.abs(np.clip(found[:, 1], 0, 255) - LIBPLACEBO[curve])
    assert difference.mean() < MEAN_DIFFERENCE
    assert difference.max() < LARGEST_DIFFERENCE


def test_scene_linear_light_is_shown_through_the_srgb_curve(tmp_path: Path) -> None:
    light = np.array([0, 0.02, 0.05, 0.18, 0.5, 0.8, 1, 4], dtype=np.float32)
    path = tmp_path / "linear.exr"
    path.write_bytes(_exr(light))
    wanted = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.clip(light, 0, 1) ** (1 / 2.4) - 0.055) * 255
    run = run_codec(path)
    assert run.facts.light is Light.LINEAR
    assert np.abs(shown(run) - wanted[:, None]).max() < 6


def test_a_picture_in_a_tagged_logarithm_says_so(tmp_path: Path) -> None:
    path = written(tmp_path / "log.mkv", COLOURS, "-vf", "format=gbrp10le,setparams=color_trc=log100", "-c:v", "ffv1")
    assert run_codec(path).facts.light is Light.LOG


def _exr(light: np.ndarray) -> bytes:
    width, height = len(light) * PATCH_PX, 64
    context: Any = av.CodecContext.create("exr", "w")
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "gbrpf32le", Fraction(1, 25)
    frame: Any = av.VideoFrame(width, height, "gbrpf32le")
    for plane in frame.planes:
        rows = np.zeros((height, plane.line_size // 4), np.float32)
        rows[:, :width] = np.kron(light, np.ones(PATCH_PX))
        plane.update(rows.tobytes())
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def test_the_conversion_of_a_picture_without_tags_names_what_it_is_taken_for() -> None:
    assert to_bt709(Tags(2, 16, 2), 2160).endswith("in_primaries=bt2020:in_color_matrix=bt2020")
    assert to_bt709(Tags(2, 2, 12), 1080).endswith("in_transfer=bt709:in_color_matrix=bt709")
    assert to_bt709(Tags(2, 2, 2), 720).endswith("in_color_matrix=bt709")
