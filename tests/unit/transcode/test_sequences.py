"""Image sequences by the real, sandboxed codec: every frame in its place; each kind of bad file told by its number."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from tests.media.clips import read_strip
from tests.media.codec_runs import Run, run_codec, run_sequence
from tests.media.sequences import MAKE, shoot

from reelkeep.isolation.channel import BadFrame, Message
from reelkeep.media import FrameRate, Timecode
from reelkeep.sequences import ImageKind
from reelkeep.transcode import protocol

NUMBERS = [1001, 1002, 1003, 1005, 1008]  # without 1004, 1006 and 1007
SHOWN = [0, 1, 2, 2, 4, 4, 4, 7]


def numbers(run: Run) -> list[int]:
    assert isinstance(run.said[-1], protocol.Done), run.said[-1]
    return [read_strip(picture) for _, picture in run.pictures("v180")]


def problem(run: Run) -> tuple[str, str]:
    said = run.said[-1]
    assert isinstance(said, protocol.Problem), said
    return said.code, said.detail


@pytest.mark.parametrize("extension", MAKE)
def test_every_frame_of_a_sequence_has_its_place_and_a_hole_shows_the_one_before_it(
    extension: str, tmp_path: Path
) -> None:
    paths = shoot(tmp_path, extension, NUMBERS)
    run = run_sequence(paths, rate=FrameRate(24000, 1001))
    assert numbers(run) == SHOWN
    facts = run.facts
    assert (facts.frames, facts.rate, facts.is_still) == (8, FrameRate(24000, 1001), False)
    assert facts.start_timecode == Timecode(1001, FrameRate(24000, 1001))
    read = [(read.file, read.offset) for read in run.reads]
    assert len(read) == len(set(read))  # nothing is read twice
    assert sum(read.length for read in run.reads) == sum(path.stat().st_size for path in paths)


def test_a_sequence_begins_at_the_timecode_of_its_first_file(tmp_path: Path) -> None:
    paths = shoot(tmp_path, "dpx", [1, 2])
    paths[0].write_bytes(_with_television_header(paths[0].read_bytes(), 0x01020304))
    assert run_sequence(paths).timecode.text() == "01:02:03:04"
    paths = shoot(tmp_path / "exr", "exr", [1, 2])
    with_timecode = _with_attribute(paths[0].read_bytes(), b"timeCode", b"timecode", struct.pack("<II", 0x01020304, 0))
    paths[0].write_bytes(with_timecode)
    assert run_sequence(paths).timecode.text() == "01:02:03:04"


def _with_television_header(body: bytes, timecode: int) -> bytes:
    """Follows SMPTE ST 268: the place of the picture at 4, the header of the television industry at 1920."""
    (place,) = struct.unpack_from(">I", body, 4)
    head = bytearray(body[:place].ljust(2048, b"\xff"))
    struct.pack_into(">I", head, 4, 2048)
    struct.pack_into(">I", head, 16, 2048 + len(body) - place)
    struct.pack_into(">I", head, 1920, timecode)
    return bytes(head) + body[place:]


def _with_attribute(body: bytes, name: bytes, kind: bytes, value: bytes) -> bytes:
    """Put an attribute at the head of an EXR of plain lines, and move its table of lines accordingly."""
    added = name + b"\0" + kind + b"\0" + struct.pack("<i", len(value)) + value
    first = struct.unpack_from("<Q", body, end := _header_end(body))[0]
    count = (first - end) // 8
    table = struct.unpack_from(f"<{count}Q", body, end)
    moved = struct.pack(f"<{count}Q", *(offset + len(added) for offset in table))
    return body[:8] + added + body[8:end] + moved + body[end + 8 * count :]


def _header_end(body: bytes) -> int:
    at = 8
    while body[at]:
        at = body.index(b"\0", at) + 1
        at = body.index(b"\0", at) + 1
        at += 4 + struct.unpack_from("<i", body, at)[0]
    return at + 1


@pytest.mark.parametrize("extension", MAKE)
def test_a_frame_whose_end_is_missing_is_told_by_its_number(extension: str, tmp_path: Path) -> None:
    paths = shoot(tmp_path, extension, [1001, 1002, 1003])
    paths[1].write_bytes(paths[1].read_bytes()[: -paths[1].stat().st_size // 8])
    assert problem(run_sequence(paths)) == ("frame_damaged", "frame 1002")


def test_a_frame_of_another_kind_or_size_or_of_noise_is_told_by_its_number(tmp_path: Path) -> None:
    paths = shoot(tmp_path, "png", [7, 8, 9])
    good = paths[1].read_bytes()
    (jpeg,) = shoot(tmp_path / "jpeg", "jpg", [8])
    paths[1].write_bytes(jpeg.read_bytes())
    assert problem(run_sequence(paths)) == ("frame_kind", "frame 8")
    (small,) = shoot(tmp_path / "small", "png", [8], size=(160, 90))
    paths[1].write_bytes(small.read_bytes())
    assert problem(run_sequence(paths)) == ("frame_size", "frame 8")
    paths[1].write_bytes(good[: len(good) // 2] + b"\xa5" * 64 + good[len(good) // 2 + 64 :])
    assert problem(run_sequence(paths)) == ("frame_damaged", "frame 8")
    paths[1].write_bytes(good)
    assert numbers(run_sequence(paths)) == [0, 1, 2]


def test_frames_of_8_and_16_bits_may_stand_side_by_side(tmp_path: Path) -> None:
    paths = shoot(tmp_path, "png", [1, 2, 3])
    deep = shoot(tmp_path / "deep", "png", [1, 2, 3], make="-pix_fmt rgb48be")
    assert numbers(run_sequence([paths[0], deep[1], paths[2]])) == [0, 1, 2]


def test_a_resumed_job_reads_no_frame_before_the_one_it_goes_on_with_but_the_first(tmp_path: Path) -> None:
    paths = shoot(tmp_path, "jpg", [*range(1, 50), *range(60, 110)])
    run = run_sequence(paths, resume_frame=48, resume_tile_sheet=1, poster=False)
    assert [read_strip(picture) for _, picture in run.pictures("v180")] == [48] * 11 + list(range(59, 109))
    assert sorted({read.file for read in run.reads}) == [0, *range(48, 99)]
    run = run_sequence(paths, resume_frame=48, poster=False)  # the sheet of tiles is not there yet: one each second
    assert sorted({read.file for read in run.reads}) == [0, 24, *range(48, 99)]


def test_a_picture_that_unpacks_to_more_than_is_allowed_is_refused(tmp_path: Path) -> None:
    paths = shoot(tmp_path, "png", [1, 2])
    assert problem(run_sequence(paths, max_picture_px=320 * 180 - 1))[0] == "too_large"


def test_a_single_exr_whose_lines_are_missing_is_refused(tmp_path: Path) -> None:
    (path,) = shoot(tmp_path, "exr", [1])
    path.write_bytes(path.read_bytes()[:-1_000])
    assert problem(run_codec(path))[0] == "cut_off"


def test_a_table_of_files_that_is_out_of_order_or_bounds_is_no_job() -> None:
    images = protocol.Images(ImageKind.PNG, FrameRate(24, 1), 1001, (0, 1, 4), (10, 11, 12))
    job = protocol.Job(33, images=images)
    assert protocol.Job.parse(job.message()) == job
    assert [images.place_at(frame) for frame in range(5)] == [0, 1, 1, 1, 2]
    message = job.message()
    row = struct.Struct(">IQ")
    for table in (b"", b"x", row.pack(1, 5), row.pack(0, 5) * 2, row.pack(0, 0), row.pack(0, 1 << 40)):
        with pytest.raises(BadFrame):
            protocol.Job.parse(Message("job", message.fields, table))
