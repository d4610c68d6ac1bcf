"""Every kind of original in the real codec: what it says of the file, and every frame of the proxy by its number."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from PIL import Image
from tests.media.codec_runs import Run, run_codec
from tests.media.kinds import KINDS, Kind, ffmpeg, make
from tests.media.originals import numbered_picture, read_number

from reelkeep.transcode import protocol


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


def problems(run: Run) -> list[str]:
    return [f"{problem.code}: {problem.detail}" for problem in run.all_of(protocol.Problem)]


def numbers(run: Run) -> list[tuple[Fraction, int]]:
    """Return place and shown number of each frame of the largest rung."""
    name = run.only(protocol.Plan).rungs[-1].name
    return [(time, read_number(luma)) for time, luma in run.pictures(name)]


def found_facts(run: Run) -> dict[str, object]:
    facts = run.facts
    return {
        **{name: getattr(facts, name) for name in vars(facts)},
        "rate": facts.rate and facts.rate.fraction,
        "timecode": facts.start_timecode and facts.start_timecode.text(),
    }


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_fact_is_right_and_every_frame_shows_its_number(kind: Kind, folder: Path) -> None:
    path = make(kind, folder)
    run = run_codec(path)
    path.unlink()
    assert problems(run) == []
    shows = list(kind.shows if kind.shows is not None else kind.order or range(kind.count))
    width, height = kind.shown_as or kind.size
    rate = Fraction(25) if kind.shows and kind.order else kind.rate
    wanted = {
        "rate": rate,
        "frames": len(shows),
        "width_px": width,
        "height_px": height,
        "has_video": True,
        **kind.facts,
    }
    wanted |= {"has_audio": kind.sound is not None}
    if kind.sound is not None:
        wanted |= {"audio_rate_hz": 48_000}
    found = found_facts(run)
    assert {name: found[name] for name in wanted} == wanted
    assert run.only(protocol.Done).frames == len(shows)
    assert numbers(run) == list(enumerate(shows))


def _saved(**options: object) -> Callable[[Image.Image, Path], None]:
    return lambda picture, path: picture.save(path, **options)  # type: ignore[arg-type]


def _through(mode: str) -> Callable[[Image.Image, Path], None]:
    return lambda picture, path: picture.convert(mode).save(path)


def _written(*options: str) -> Callable[[Image.Image, Path], None]:
    def write(picture: Image.Image, path: Path) -> None:
        size = f"{picture.width}x{picture.height}"
        ffmpeg(
            "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size, "-i", "-", *options, str(path), feed=picture.tobytes()
        )

    return write


STILLS = {
    "plain.jpg": _saved(quality=95), "progressive.jpg": _saved(progressive=True), "print.jpg": _through("CMYK"),
    "plain.png": _saved(), "grey.png": _through("L"), "palette.png": _through("P"), "alpha.png": _through("RGBA"),
    "deep.png": _written("-pix_fmt", "rgb48be"), "plain.tif": _saved(), "packed.tif": _saved(compression="tiff_lzw"),
    "deep.tif": _written("-compression_algo", "deflate", "-pix_fmt", "rgb48le"),
    "half.exr": _written("-format", "half", "-compression", "zip16", "-pix_fmt", "gbrapf32"),
    "float.exr": _written("-format", "float", "-pix_fmt", "gbrpf32"), "scan.dpx": _written("-pix_fmt", "gbrp10be"),
    "master.j2k": _written("-c:v", "jpeg2000", "-pix_fmt", "gbrp12le"), "plain.jp2": _saved(),
}  # fmt: skip


@pytest.mark.parametrize("name", STILLS)
def test_a_still_is_a_film_of_one_frame_that_shows_it(name: str, folder: Path) -> None:
    STILLS[name](Image.fromarray(numbered_picture(77, 320, 180)), folder / name)
    run = run_codec(folder / name)
    assert problems(run) == []
    facts = run.facts
    assert (facts.is_still, facts.frames, facts.width_px, facts.height_px) == (True, 1, 320, 180)
    assert numbers(run) == [(0, 77)]


_TURNED_AWAY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}  # fmt: skip


@pytest.mark.parametrize("turned", _TURNED_AWAY)
def test_a_photograph_stands_upright_whatever_way_the_camera_was_held(turned: int, folder: Path) -> None:
    """The seven values of the EXIF tag Orientation that are not upright, with a thumbnail that must not be shown."""
    exif = Image.Exif()
    exif[0x0112] = turned
    path = folder / f"turned-{turned}.jpg"
    Image.fromarray(numbered_picture(99, 320, 180)).transpose(_TURNED_AWAY[turned]).save(path, exif=exif, quality=95)
    run = run_codec(path)
    assert (run.facts.width_px, run.facts.height_px) == (320, 180)
    assert numbers(run) == [(0, 99)]


def test_of_a_file_with_several_pages_the_first_is_shown(folder: Path) -> None:
    first, second = (Image.fromarray(numbered_picture(number, 320, 180)) for number in (5, 6))
    first.save(folder / "pages.tif", save_all=True, append_images=[second])
    first.save(folder / "eyes.mpo", save_all=True, append_images=[second])
    for name in ("pages.tif", "eyes.mpo"):
        run = run_codec(folder / name)
        assert numbers(run) == [(0, 5)]
        assert run.only(protocol.Done) == protocol.Done(1, 0, 0)
