"""Which renditions are made of a picture: the step rung and up to three larger ones, never above the source. Pure.

A rung is counted by its shorter edge, so that a portrait clip gets the same rungs as a landscape one. Encoder
settings are the crf of facts measured for review proxies: at these values x264 veryfast stays below ``max_bps`` on
live footage and the cap only holds grain and noise.
"""

from __future__ import annotations

from typing import Final

from reelkeep.media import DEFAULT_LARGEST_EDGE_PX, GOP_FRAMES, LARGEST_EDGES_PX, STEP_GOP_FRAMES, Rung
from reelkeep.transcode.bands import bands_share, place_bands

STEP_EDGE_PX: Final = 360
_WORTH_ITS_OWN: Final = 1.2  # a rung less than this larger than the one below it is not made
_REFERENCE: Final = 1920 * 1080
_REFERENCE_BPS: Final = 12_000_000  # at 1080p; smaller pictures need more bits for each pixel, hence the power
_BITS_POWER: Final = 0.75
_BANDS_EXTRA: Final = 1.6  # of the bands' share of the picture: what more the same quality takes with them
_CRF_LARGE: Final = 21.0
_CRF_SMALL: Final = 23.0


def plan_ladder(
    width_px: int, height_px: int, bands: int = 0, largest_edge_px: int = DEFAULT_LARGEST_EDGE_PX
) -> tuple[Rung, ...]:
    """Return the rungs for a picture of this display size, smallest first; the first is the step rung.

    Args:
        bands: how many mark bands a rung gets, 0 for the plain ladder.
        largest_edge_px: one of LARGEST_EDGES_PX; no rung's shorter edge is longer.

    Raises:
        ValueError: the picture is smaller than 2 by 2 pixels.

    >>> [(rung.name, rung.width_px, rung.height_px) for rung in plan_ladder(1920, 1080)]
    [('v360', 640, 360), ('v720', 1280, 720), ('v1080', 1920, 1080)]
    >>> [rung.name for rung in plan_ladder(4096, 1716)]
    ['v360', 'v720', 'v1080', 'v1716']
    >>> [(rung.name, rung.width_px, rung.height_px) for rung in plan_ladder(640, 272)]
    [('v272', 640, 272)]
    """
    if min(width_px, height_px) < 2:
        raise ValueError("a picture of less than 2 by 2 pixels has no ladder")
    return tuple(
        _rung(width_px, height_px, edge, bands, step=not number)
        for number, edge in enumerate(_edges(width_px, height_px, largest_edge_px))
    )


def _edges(width_px: int, height_px: int, largest_edge_px: int) -> list[int]:
    edge = min(_even(min(width_px, height_px)), largest_edge_px)
    if edge < STEP_EDGE_PX * _WORTH_ITS_OWN:
        return [edge]
    edges = [STEP_EDGE_PX, *(larger for larger in LARGEST_EDGES_PX if larger <= edge)]
    if edge != edges[-1]:
        if len(edges) > 1 and edge < edges[-1] * _WORTH_ITS_OWN:
            edges.pop()  # the source's own size takes the place of a rung just below it
        edges.append(edge)
    return edges


def _rung(width_px: int, height_px: int, edge: int, bands: int, *, step: bool) -> Rung:
    short, long = sorted((width_px, height_px))
    other = min(_even(round(long * edge / short)), _even(long))
    width, height = (other, edge) if width_px >= height_px else (edge, other)
    placed = place_bands(height, bands)
    bps = _REFERENCE_BPS * (width * height / _REFERENCE) ** _BITS_POWER
    return Rung(
        name=f"v{edge}",
        width_px=width,
        height_px=height,
        gop_frames=STEP_GOP_FRAMES if step else GOP_FRAMES,
        crf=_CRF_SMALL if step else _CRF_LARGE,
        max_bps=round(bps * (1 + _BANDS_EXTRA * float(bands_share(height, placed)))),
        is_step=step,
        bands=placed,
    )


def _even(value: int) -> int:
    return max(2, value - value % 2)
