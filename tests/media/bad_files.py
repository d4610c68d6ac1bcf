"""Originals that lie, burst or name other files: each maker returns the bytes of one. All are made from fixed seeds."""

from __future__ import annotations

import functools
import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.media.boxes import walk
from tests.media.kinds import AAC, PCM, X264, ffmpeg

SEED = 15


@functools.cache
def film(ending: str, *options: str, seconds: float = 2, size: str = "160x90", sounds: int = 1) -> bytes:
    """Return a small film with a tone, made by the ffmpeg program."""
    with TemporaryDirectory() as folder:
        path = Path(folder, f"film.{ending}")
        inputs = ["-f", "lavfi", "-i", f"testsrc=s={size}:r=25:d={seconds}"]
        for number in range(sounds):
            inputs += ["-f", "lavfi", "-i", f"sine={300 + number}:sample_rate=48000:d={seconds}"]
        maps = [word for number in range(sounds + 1) for word in ("-map", f"{number}")]
        ffmpeg(*inputs, *maps, *(options or (*X264.split(), *AAC.split())), str(path))
        return path.read_bytes()


def mp4() -> bytes:
    return film("mp4", *X264.split(), *AAC.split(), "-movflags", "faststart")


def mkv() -> bytes:
    return film("mkv", *X264.split(), *PCM.split())


def mxf() -> bytes:
    return film("mxf", "-c:v", "mpeg2video", "-b:v", "3M", *PCM.split(), size="320x180")


def patched(content: bytes, place: int, value: bytes) -> bytes:
    return content[:place] + value + content[place + len(value) :]


def box_place(content: bytes, ending: str) -> int:
    """Return where the first box with this path ends its header."""
    return next(box.start for box in walk(content) if box.path.endswith("/" + ending)) + 8


def with_field(ending: str, offset: int, value: int, form: str = ">I") -> bytes:
    """Return the film with one number in the body of one box changed."""
    content = mp4()
    return patched(content, box_place(content, ending) + offset, struct.pack(form, value))


def with_size(ending: str, size: int) -> bytes:
    content = mp4()
    return patched(content, box_place(content, ending) - 8, struct.pack(">I", size))


def ten_hours() -> bytes:
    content = mp4()
    for ending, offset in (("moov/mvhd", 16), ("trak/tkhd", 20), ("mdia/mdhd", 16)):
        content = patched(content, box_place(content, ending) + offset, struct.pack(">I", 36_000 * 12_800))
    table = struct.pack(">III", 1, 50, 36_000 * 12_800 // 50)  # one entry: 50 samples of twelve minutes
    return patched(content, box_place(content, "stbl/stts") + 4, table)


def png(width: int, height: int, *, extra: bytes = b"", rows: bool = True) -> bytes:
    """Return a grey PNG whose rows are all black; without ``rows`` its data end at once."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) if rows else b""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + extra + chunk(b"IDAT", data + packer.flush()) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(1 << 20)) for _ in range(megabytes)) + packer.flush()


def png_text_bomb() -> bytes:
    body = b"iCCP" + b"bomb\0\0" + bomb(128)
    text = b"zTXt" + b"bomb\0\0" + bomb(128)
    chunks = b"".join(struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (body, text))
    return png(64, 64, extra=chunks)


def packed_index_bomb() -> bytes:
    """A QuickTime film whose index is packed (cmov) and claims to unpack to 4 GiB."""
    packed = bomb(64)
    cmvd = struct.pack(">I4sI", 12 + len(packed), b"cmvd", 0xFFFFFFF0) + packed
    cmov = b"\0\0\0\x0cdcomzlib" + cmvd
    moov = struct.pack(">I4s", 8 + len(cmov), b"cmov") + cmov
    return b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + struct.pack(">I4s", 8 + len(moov), b"moov") + moov


def ebml(identity: str, body: bytes, size: int | None = None) -> bytes:
    length = len(body) if size is None else size
    return bytes.fromhex(identity) + struct.pack(">Q", 1 << 56 | length) + body


def nested_ebml(depth: int) -> bytes:
    inner = b""
    for _ in range(depth):
        inner = ebml("63c0" if len(inner) % 2 else "7373", inner)  # Targets in Tag
    return ebml("1a45dfa3", ebml("4282", b"matroska")) + ebml("18538067", ebml("1254c367", inner))


def mkv_tracks(count: int) -> bytes:
    """A Matroska file that names this many tracks and holds nothing of them."""
    entries = b"".join(
        ebml("ae", ebml("d7", bytes([1 + n % 120])) + ebml("73c5", struct.pack(">I", n + 1)) + ebml("83", b"\x02")
             + ebml("86", b"A_PCM/INT/LIT"))
        for n in range(count)
    )  # fmt: skip
    return ebml("1a45dfa3", ebml("4282", b"matroska")) + ebml("18538067", ebml("1654ae6b", entries))


def mkv_unpacking_to(megabytes: int) -> bytes:
    """A Matroska track whose private data are packed by zlib and unpack to this much."""
    packing = ebml("6d80", ebml("6240", ebml("5032", b"\x03") + ebml("5034", ebml("4254", b"\x00"))))
    size = ebml("e0", ebml("b0", b"\xa0") + ebml("ba", b"\x5a"))
    coding = ebml("86", b"V_MPEG4/ISO/AVC") + ebml("63a2", bomb(megabytes)) + packing
    track = ebml("ae", ebml("d7", b"\x01") + ebml("83", b"\x01") + coding + size)
    cluster = ebml("1f43b675", ebml("e7", b"\0") + ebml("a3", b"\x81\0\0\x80" + bomb(megabytes)))
    return ebml("1a45dfa3", ebml("4282", b"matroska")) + ebml("18538067", ebml("1654ae6b", track) + cluster)


def wav(channels: int, rate: int, *, block: int | None = None, bits: int = 16, data: bytes = bytes(48_000)) -> bytes:
    block = channels * bits // 8 if block is None else block
    head = struct.pack("<HHIIHH", 1, channels & 0xFFFF, rate, min(rate * block, 0xFFFFFFFF), block & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def raw_film(width: int, height: int) -> bytes:
    """An uncompressed QuickTime film whose sample description claims this size."""
    content = film("mov", "-c:v", "rawvideo", "-pix_fmt", "rgb24", *PCM.split(), seconds=0.2, size="32x32")
    place = box_place(content, "stsd/raw ") if b"raw " in content else 0
    return patched(content, content.index(b"raw ", place - 8) + 4 + 24, struct.pack(">HH", width, height))


def external_reference() -> bytes:
    """A QuickTime film that says its pictures lie in another file; libavformat would open one named by an alias."""
    content = film("mov", *X264.split(), *AAC.split(), "-movflags", "faststart")
    place = content.index(b"url \0\0\0\x01")
    return patched(content, place, b"alis\0\0\0\0")


def reference_film(target: str) -> bytes:
    """A QuickTime reference movie (rmra), which is nothing but the address of another."""
    address = target.encode() + b"\0"
    rdrf = struct.pack(">I4sI4sI", 20 + len(address), b"rdrf", 0, b"url ", len(address)) + address
    rmda = struct.pack(">I4s", 8 + len(rdrf), b"rmda") + rdrf
    rmra = struct.pack(">I4s", 8 + len(rmda), b"rmra") + rmda
    return b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + struct.pack(">I4s", 8 + len(rmra), b"moov") + rmra


def broken_mxf_index() -> bytes:
    content, key = bytearray(mxf()), bytes.fromhex("060e2b34025301010d01020101100100")
    place = content.find(key)
    while place >= 0:
        body = place + 20
        content[body : body + 200] = random.Random(SEED).randbytes(200)
        place = content.find(key, body)
    return bytes(content)


def archive(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as packed:
            packed.writestr("film.mp4", mp4())
    elif kind == "tar":
        with tarfile.open(fileobj=out, mode="w") as packed_tar:
            entry = tarfile.TarInfo("film.mp4")
            entry.size = len(mp4())
            packed_tar.addfile(entry, io.BytesIO(mp4()))
    else:
        return gzip.compress(mp4(), mtime=0)
    return out.getvalue()


def many_fragments(count: int) -> bytes:
    return film(
        "mp4",
        *X264.split(),
        "-an",
        "-movflags",
        "frag_every_frame+empty_moov",
        seconds=count / 25,
        size="32x32",
        sounds=0,
    )


def noise_after(head: bytes, count: int = 50_000) -> bytes:
    return head + random.Random(SEED).randbytes(count)


SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>\n'
TABLES = (("stbl/stts", 4), ("stbl/stsz", 8), ("stbl/stco", 4), ("stbl/stsc", 4), ("stbl/ctts", 4), ("stbl/stss", 4))
SIZED = ("moov", "moov/trak", "mdia/minf", "minf/stbl", "stbl/stsd", "stsd/avc1", "stbl/stsz")
HEADS = {
    "png": b"\x89PNG\r\n\x1a\n", "jpeg": b"\xff\xd8\xff\xe0", "tiff": b"II*\0", "exr": b"\x76\x2f\x31\x01",
    "dpx": b"SDPX", "j2k": b"\xff\x4f\xff\x51", "flac": b"fLaC", "ogg": b"OggS", "mp3": b"ID3",
    "avi": b"RIFF\xff\xff\xff\xffAVI ",
    "matroska": b"\x1a\x45\xdf\xa3", "ts": (b"G" + bytes(187)) * 5, "mpeg": b"\0\0\x01\xba",
}  # fmt: skip
ERROR, EITHER, PROXY = "error", "either", "proxy"

# What it is; how it must end; how it is made.
BAD_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {
    **{f"table {name} of {count:,} entries": (EITHER, functools.partial(with_field, name, offset, count))
       for name, offset in TABLES for count in (0xFFFFFFFF, 0x0FFFFFFF)},
    **{f"box {name} of {size:,} bytes": (EITHER, functools.partial(with_size, name, size))
       for name in SIZED for size in (0, 7, 0x7FFFFFFF)},
    "a run of two billion samples": (EITHER, functools.partial(with_field, "stbl/stts", 8, 0x7FFFFFFF)),
    "a sample of 4 GiB": (EITHER, functools.partial(with_field, "stbl/stsz", 12, 0xFFFFFFF0)),
    "all samples of 4 GiB": (ERROR, functools.partial(with_field, "stbl/stsz", 4, 0xFFFFFFF0)),
    "a clock of 0 ticks": (EITHER, functools.partial(with_field, "mdia/mdhd", 12, 0)),
    "a clock of 4 billion ticks": (EITHER, functools.partial(with_field, "mdia/mdhd", 12, 0xFFFFFFFF)),
    "an edit list of a billion": (EITHER, functools.partial(with_field, "edts/elst", 4, 0x3FFFFFFF)),
    "ten hours over two seconds": (EITHER, ten_hours),
    "png of 20,000 by 20,000": (ERROR, functools.partial(png, 20_000, 20_000)),
    "png of two billion by two billion": (ERROR, functools.partial(png, 0x7FFFFFFF, 0x7FFFFFFF, rows=False)),
    "png of 0 by 0": (ERROR, functools.partial(png, 0, 0, rows=False)),
    "png of 1 by 1": (ERROR, functools.partial(png, 1, 1)),
    "png 32,768 wide": (ERROR, functools.partial(png, 32_768, 16)),
    "png 2 by 16,000": (EITHER, functools.partial(png, 2, 16_000)),
    "png with texts of 128 MiB": (ERROR, png_text_bomb),
    "raw film of 0 by 0": (EITHER, functools.partial(raw_film, 0, 0)),
    "raw film 32,768 wide": (ERROR, functools.partial(raw_film, 32_768, 32_767)),
    "packed index of 4 GiB": (ERROR, packed_index_bomb),
    "matroska unpacking to 512 MiB": (EITHER, functools.partial(mkv_unpacking_to, 256)),
    "ebml nested 5,000 deep": (ERROR, functools.partial(nested_ebml, 5_000)),
    "ebml of 10,000 tracks": (ERROR, functools.partial(mkv_tracks, 10_000)),
    "ebml with a size of an exabyte": (ERROR, lambda: ebml("1a45dfa3", b"", 1 << 55)),
    "index of mxf is noise": (EITHER, broken_mxf_index),
    "mxf is noise": (ERROR, functools.partial(noise_after, bytes.fromhex("060e2b34020501010d0102010102040083000000"))),
    "reference to a file": (EITHER, external_reference),
    "reference film": (ERROR, functools.partial(reference_film, "file:///etc/passwd")),
    "svg": (ERROR, lambda: SVG),
    **{f"{kind} archive": (ERROR, functools.partial(archive, kind)) for kind in ("zip", "tar", "gz")},
    "elf program": (ERROR, functools.partial(noise_after, b"\x7fELF\x02\x01\x01\0")),
    "windows program": (ERROR, functools.partial(noise_after, b"MZ\x90\0\x03\0\0\0")),
    "pdf": (ERROR, functools.partial(noise_after, b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")),
    "5,000 fragments": (PROXY, functools.partial(many_fragments, 5_000)),
    "64 sounds": (PROXY, functools.partial(film, "mkv", *X264.split(), *PCM.split(), sounds=64)),
    "wav of 65,535 channels": (ERROR, functools.partial(wav, 65_535, 48_000)),
    "wav of 0 channels": (ERROR, functools.partial(wav, 0, 48_000)),
    "wav of 1 sample a second": (ERROR, functools.partial(wav, 2, 1)),
    "wav of 4 billion samples a second": (ERROR, functools.partial(wav, 2, 0xFFFFFFFF)),
    "wav of blocks of 0": (EITHER, functools.partial(wav, 2, 48_000, block=0)),
    **{f"{name} and nothing else": (ERROR, functools.partial(noise_after, head)) for name, head in HEADS.items()},
}  # fmt: skip
