"""Which shared libraries some programs load, found by reading their ELF headers; nothing is run.

Follows the System V gABI, chapter 5 (dynamic section). 64-bit little-endian files only, which is what CPython's
wheels for Linux on x86-64 and aarch64 are. Libraries beside the program (``$ORIGIN``) need no help.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NEEDED, _DT_STRTAB = 1, 5
_HEADER: Final = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT: Final = struct.Struct("<IIQQQQQQ")
_ENTRY: Final = struct.Struct("<qQ")


@dataclass(frozen=True)
class Needs:
    """What one ELF file asks the dynamic loader for."""

    names: tuple[str, ...]
    interpreter: str | None


def needs_of(path: Path) -> Needs | None:
    """Return what an ELF file needs; None if it is no 64-bit little-endian ELF file."""
    data = path.read_bytes()
    if not data.startswith(b"\x7fELF\x02\x01"):
        return None
    header = _HEADER.unpack_from(data)
    offset, size, count = header[5], header[9], header[10]
    segments = [_SEGMENT.unpack_from(data, offset + size * number) for number in range(count)]
    interpreter = next((_text(data, s[2]) for s in segments if s[0] == _PT_INTERP), None)
    dynamic = next((s for s in segments if s[0] == _PT_DYNAMIC), None)
    if dynamic is None:
        return Needs((), interpreter)
    entries = list(_ENTRY.iter_unpack(data[dynamic[2] : dynamic[2] + dynamic[5] // _ENTRY.size * _ENTRY.size]))
    strings = _file_offset(segments, next(value for tag, value in entries if tag == _DT_STRTAB))
    return Needs(tuple(_text(data, strings + value) for tag, value in entries if tag == _DT_NEEDED), interpreter)


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()


def _file_offset(segments: Iterable[tuple[int, ...]], address: int) -> int:
    for kind, _flags, offset, virtual, _physical, file_size, *_rest in segments:
        if kind == _PT_LOAD and virtual <= address < virtual + file_size:
            return offset + address - virtual
    raise ValueError("an ELF file's string table lies outside its segments")


def search_directories(extra: Iterable[Path] = ()) -> tuple[Path, ...]:
    """Return where the loader looks, in its order: ``extra`` (an interpreter's own), then the system's."""
    machine = os.uname().machine
    system = [f"/{top}/{machine}-linux-gnu" for top in ("lib", "usr/lib")]
    system += ["/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/local/lib"]
    return tuple(path for path in (*extra, *map(Path, system)) if path.is_dir())


def system_libraries(programs: Iterable[Path], directories: tuple[Path, ...]) -> dict[str, Path]:
    """Return name and file of every library that ``programs`` load from ``directories``, to the last generation.

    Names not found there are left out: they are beside the program that needs them, or the program does without.
    """
    found: dict[str, Path] = {}
    waiting = list(programs)
    while waiting:
        needs = needs_of(waiting.pop())
        for name in needs.names if needs else ():
            file = next((directory / name for directory in directories if (directory / name).exists()), None)
            if name not in found and file is not None:
                found[name] = file.resolve()
                waiting.append(found[name])
    return found


def shared_objects(folder: Path) -> Iterator[Path]:
    """Yield every extension module and bundled library below ``folder``."""
    return (path for path in folder.rglob("*.so*") if path.is_file())
