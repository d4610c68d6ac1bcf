"""Bad originals: each is refused in words for its uploader, and none makes the codec open anything else."""

import random
from fractions import Fraction
from pathlib import Path

import pytest
from tests.media.codec_runs import run_codec
from tests.media.mutations import seeds
from tests.media.originals import make_original

from reelkeep.transcode import protocol
from reelkeep.transcode.codec.problems import Refused
from reelkeep.transcode.codec.sniff import container_of

_DPX_INPUT_DEVICE = 1_556  # SMPTE 268M, 5.3: text of 32 bytes
PLAYLISTS = {
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile '{}'\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "dash": b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{}</BaseURL></MPD>\n',
}


def problem(path: Path) -> protocol.Problem:
    run = run_codec(path)
    assert not run.all_of(protocol.Done)
    found = run.only(protocol.Problem)
    assert isinstance(found, protocol.Problem)
    return found


def written(folder: Path, content: bytes) -> Path:
    path = folder / "film.mp4"
    path.write_bytes(content)
    return path


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    assert problem(written(tmp_path, b"")).code == "empty"


def test_random_bytes_are_no_film_whatever_their_name(tmp_path: Path) -> None:
    found = problem(written(tmp_path, random.Random(7).randbytes(200_000)))
    assert found.code == "not_media"


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_is_called_text_and_nothing_it_names_is_opened(kind: str, tmp_path: Path) -> None:
    film = make_original(tmp_path / "secret.mp4", frames=3, sound=None)
    found = problem(written(tmp_path, PLAYLISTS[kind].replace(b"{}", str(film).encode())))
    assert found.code == "text"


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}], ids=["index last", "index first"])
@pytest.mark.parametrize("share", [Fraction(1, 3), Fraction(9, 10)])
def test_a_file_cut_off_is_refused_as_such(options: dict[str, str], share: Fraction, tmp_path: Path) -> None:
    whole = make_original(tmp_path / "whole.mp4", options=options).read_bytes()
    assert problem(written(tmp_path, whole[: int(len(whole) * share)])).code == "cut_off"


def test_a_film_whose_packets_are_noise_is_damaged_or_fails_never_half_done(tmp_path: Path) -> None:
    content = bytearray(make_original(tmp_path / "whole.mp4", sound=None, frames=90).read_bytes())
    start = content.index(b"mdat") + 4
    end = content.index(b"moov", start) - 4
    content[start:end] = random.Random(3).randbytes(end - start)
    assert problem(written(tmp_path, bytes(content))).code == "damaged"


def test_a_head_of_boxes_without_a_film_is_refused(tmp_path: Path) -> None:
    found = problem(written(tmp_path, b"\0\0\0\x14ftypisom\0\0\2\0isom" + b"\0\0\0\x08free" * 10))
    assert found.code == "cut_off"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\0\0\0\x20ftypisom", "mov"),
        (b"\x1a\x45\xdf\xa3rest", "matroska"),
        (b"RIFF\0\0\0\0WAVE", "wav"),
        (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "mxf"),
        ((b"G" + bytes(187)) * 5, "mpegts"),
    ],
)
def test_a_container_is_told_by_its_bytes(head: bytes, name: str) -> None:
    assert container_of(head) == name


def test_text_in_utf_16_is_text_too() -> None:
    with pytest.raises(Refused) as caught:
        container_of("#EXTM3U\n".encode("utf-16"))
    assert caught.value.reason == "text"


@pytest.mark.parametrize("name", ["film.mkv", "film.ts", "film.avi", "film.mxf"])
def test_other_containers_are_told_cut_off_or_end_where_they_end(name: str, tmp_path: Path) -> None:
    """Matroska and MXF say how long they are; a transport stream is as long as what there is of it."""
    codec = "mpeg2video" if name.endswith("mxf") else "libx264"
    whole = make_original(tmp_path / name, codec=codec, sound="pcm_s16le" if codec == "mpeg2video" else "mp2")
    found = run_codec(written(tmp_path, whole.read_bytes()[: whole.stat().st_size * 2 // 3]))
    if name == "film.ts":
        assert 20 <= found.only(protocol.Done).frames == found.facts.frames < 50
    else:
        assert found.only(protocol.Problem).code == "cut_off"


def test_a_picture_whose_texts_are_no_utf_8_is_shown_all_the_same(tmp_path: Path) -> None:
    picture = bytearray(seeds()["dpx"])
    picture[_DPX_INPUT_DEVICE : _DPX_INPUT_DEVICE + 4] = b"\x87\xff\xd0\x00"
    run = run_codec(written(tmp_path, bytes(picture)))
    assert not run.all_of(protocol.Problem)
    assert run.only(protocol.Done)
