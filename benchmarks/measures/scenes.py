"""Would a rate chosen for each scene save bits? One CRF for all scenes beside two rules, at the same mean VMAF.

The first rule cannot be had: it knows the VMAF of every scene at every rate, and shares the bits out best (the lower
convex hull, by a Lagrange multiplier). No rule inside the codec saves more. The second could be had: each scene takes
the highest CRF at which its SSIM is at least a bound, and the bound is the one that gives the same mean VMAF. The cap
of a rung's rate is lifted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from benchmarks.encoding import CLIPS, GRAIN, Pictures, encode, grained
from benchmarks.results import Result
from benchmarks.vmaf import Likeness, likeness
from reelkeep.media import SEGMENT_FRAMES
from reelkeep.transcode.ladder import plan_ladder

WIDTH, HEIGHT = 1280, 720
GRAINS = (0, GRAIN)
CRFS = (15.0, 17.0, 19.0, 21.0, 23.0, 25.0, 27.0)
UNCAPPED_BPS = 200_000_000


@dataclass(frozen=True)
class Choice:
    """One scene at one rate."""

    bytes: int
    like: Likeness


@dataclass(frozen=True)
class Outcome:
    """All scenes, each at the rate that a rule gave it."""

    bytes: float
    vmaf: float


def measure() -> list[Result]:
    """Return how many bits each rule saves of those that one CRF takes, in percent."""
    scenes = [_choices(scene) for name in CLIPS for grain in GRAINS for scene in _scenes(name, grain)]
    crf = plan_ladder(WIDTH, HEIGHT)[-1].crf
    fixed = _outcome([scene[CRFS.index(crf)] for scene in scenes])
    of = f"{len(scenes)} scenes of {SEGMENT_FRAMES} frames at 720p24"
    what = f"{of}, against CRF {crf:g} for all, at VMAF {fixed.vmaf:.1f}"
    best, by_ssim = _saved(_best(scenes), fixed), _saved(_by_ssim(scenes), fixed)
    return [
        Result("scenes-best", f"bits that the best choice for each scene saves, {what}", best, "%"),
        Result("scenes-ssim", f"bits that an SSIM bound for each scene saves, {what}", by_ssim, "%"),
    ]


def _scenes(name: str, grain: int) -> list[Pictures]:
    taken = grained(name, WIDTH, HEIGHT, grain)
    whole = len(taken) // SEGMENT_FRAMES
    return [taken[number * SEGMENT_FRAMES : (number + 1) * SEGMENT_FRAMES] for number in range(whole)]


def _choices(scene: Pictures) -> list[Choice]:
    return [_choice(scene, crf) for crf in CRFS]


def _choice(scene: Pictures, crf: float) -> Choice:
    made = encode(replace(plan_ladder(WIDTH, HEIGHT)[-1], crf=crf, max_bps=UNCAPPED_BPS), scene)
    return Choice(made.bytes, likeness(scene, made.pictures, WIDTH, HEIGHT))


def _outcome(chosen: list[Choice]) -> Outcome:
    return Outcome(sum(one.bytes for one in chosen), sum(one.like.vmaf for one in chosen) / len(chosen))


def _best(scenes: list[list[Choice]]) -> list[Outcome]:
    """Return what the best shares of bits come to, from many bits to few."""
    weights = np.geomspace(1e-1, 1e6, 400)  # bytes that a point of VMAF may cost
    return [_outcome([min(scene, key=lambda one: one.bytes - weight * one.like.vmaf) for scene in scenes])
            for weight in reversed(weights)]  # fmt: skip


def _by_ssim(scenes: list[list[Choice]]) -> list[Outcome]:
    bounds = sorted({one.like.ssim for scene in scenes for one in scene}, reverse=True)
    return [
        _outcome([next((one for one in reversed(scene) if one.like.ssim >= bound), scene[0]) for scene in scenes])
        for bound in bounds
    ]


def _saved(outcomes: list[Outcome], fixed: Outcome) -> float:
    """Return what is saved at the VMAF of ``fixed``, between the two outcomes that lie around it, in percent."""
    ordered = sorted(outcomes, key=lambda one: one.vmaf)
    for lower, upper in pairwise(ordered):
        if lower.vmaf <= fixed.vmaf <= upper.vmaf:
            share = (fixed.vmaf - lower.vmaf) / (upper.vmaf - lower.vmaf) if upper.vmaf > lower.vmaf else 0.0
            return 100 * (1 - (lower.bytes + share * (upper.bytes - lower.bytes)) / fixed.bytes)
    raise ValueError("no outcome lies around the one of a fixed rate")
