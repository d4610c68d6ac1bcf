"""``reelkeep facts``: what a version's original is, as far as its bytes said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, Final

import typer

from reelkeep.cli import output
from reelkeep.cli.logins import default_logins
from reelkeep.cli.options import Address, Json

_SHOWN: Final = {
    "pq": "HDR (PQ), shown tone-mapped to standard range",
    "hlg": "HDR (HLG), shown tone-mapped to standard range",
    "linear": "scene-linear, shown without the show's LUT",
    "log": "logarithmic, shown without the show's LUT",
}


def facts(
    version_id: Annotated[str, typer.Argument(help="Id of a version, as `reelkeep assets` shows it.")],
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Show what an original is: container, picture, sound tracks and how loud they are."""
    with default_logins().open(address) as api:
        found = api.facts(version_id)
    if as_json:
        output.show(found, "", as_json=True)
        return
    output.show_table(("fact", "value"), list(_rows(found)))


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "file", str(found["file_name"])
    yield "size", f"{found['size_bytes'] / 1e6:.1f} MB"
    if found.get("container"):
        yield "container", str(found["container"])
    if found.get("video_codec"):
        yield "picture", f"{found['video_codec']}, {found['width_px']} × {found['height_px']}"
    if lut := found.get("lut"):
        yield "colour", f"shown through {lut['name']}"
    elif shown := _SHOWN.get(found.get("light", "")):
        yield "colour", shown
    if found.get("rate"):
        yield "rate", f"{float(Fraction(*found['rate'])):.6g} frames a second, {found['frames']} frames"
    if times := found.get("times"):
        yield "times", _times(times)
    if found.get("start_timecode"):
        yield "start timecode", str(found["start_timecode"])
    for number, sound in enumerate(found.get("sounds", ()), 1):
        yield f"sound {number}", _sound(sound)


def _times(times: Mapping[str, Any]) -> str:
    """Return how far apart the pictures of an original without a constant rate are.

    >>> _times({"numerator": 1, "denominator": 1000, "pictures": 90, "shortest_ticks": 33, "longest_ticks": 500})
    'variable: 90 pictures, 33 to 500 ms apart'
    """
    shortest, longest = (
        round(times[name] * 1000 * times["numerator"] / times["denominator"])
        for name in ("shortest_ticks", "longest_ticks")
    )
    return f"variable: {times['pictures']} pictures, {shortest} to {longest} ms apart"


def _sound(sound: Mapping[str, Any]) -> str:
    """Return one track in a line.

    >>> _sound({"language": "eng", "title": "", "codec": "aac", "layout": "stereo", "rate_hz": 48000, "loudness": None})
    'eng, aac, stereo, 48000 Hz'
    """
    parts = [sound["language"], sound["title"], sound["codec"], sound["layout"], f"{sound['rate_hz']} Hz"]
    loudness = sound.get("loudness")
    if loudness and loudness["integrated_lufs"] is not None:
        parts.append(f"{loudness['integrated_lufs']} LUFS, range {loudness['range_lu']} LU")
    if loudness and loudness["true_peak_dbtp"] is not None:
        parts.append(f"true peak {loudness['true_peak_dbtp']} dBTP")
    return ", ".join(part for part in parts if part)
