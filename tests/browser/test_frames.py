"""Every move shows the right frame: numbers burned into the picture are read from what the compositor painted.

RKTEST_FRAME_MOVES sets how many moves; RKTEST_FRAME_REPORT names a file for the times. ``make bench`` uses both.
"""

from __future__ import annotations

import json
import os
import random
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.chromium import picture_box, player, player_state, screenshot, shows, shows_full, signed_in
from tests.media.clips import STRIP_HEIGHT, read_strip, strip_clip
from tests.services.platform import Platform

MOVES = int(os.environ.get("RKTEST_FRAME_MOVES", "200"))
CLIP_FRAMES = 144 if MOVES > 200 else 96
SEED = 20261121
PAINT_SECONDS = 20
# From each key on, notes when each picture was painted, by number, and by number and lane: in milliseconds since the
# key went down, at the start of the second frame after the player said so: it may say so just before the first.
_WATCH = """(element) => {
  let pressed = 0;
  const note = () => {
    const paints = globalThis.paints;
    const { paintedFrame, lane, frame } = element.dataset;
    if (!paints || paintedFrame !== frame) return;
    for (const name of [frame, `${frame} ${lane}`].filter((name) => !paints.has(name))) {
      paints.set(name, null);
      const set = () => paints.set(name, performance.now() - pressed);
      requestAnimationFrame(() => requestAnimationFrame(set));
    }
  };
  new MutationObserver(note).observe(element, { attributes: true });
  addEventListener("keydown", () => {
    pressed = performance.now();
    globalThis.paints = new Map();
  }, true);
}"""
# Resolves with when the picture of this name was painted; null: it was not.
_PAINTED = """([name, seconds]) => new Promise((resolve) => {
  const until = performance.now() + 1000 * seconds;
  const look = () => {
    const painted = globalThis.paints.get(name) ?? null;
    if (painted !== null || performance.now() > until) return resolve(painted);
    requestAnimationFrame(look);
  };
  look();
})"""


@dataclass
class Seen:
    """What the moves showed, for the report."""

    moves: int = 0
    wrong: int = 0
    step_milliseconds: list[float] = field(default_factory=list)
    full_milliseconds: list[float] = field(default_factory=list)
    seek_milliseconds: list[float] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def numbered(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of a 1080p clip with a frame strip, fully made on the default ladder."""
    clip = strip_clip(tmp_path_factory.mktemp("clips") / "numbered.mp4", CLIP_FRAMES)
    sent = platform.upload(clip, platform.banded_id)
    clip.unlink()
    platform.wait_for(sent.version_id, "ready", seconds=170)
    return f"{platform.origin}/assets/{sent.asset_id}"


@pytest.mark.timeout(3_600 if MOVES > 200 else 400)
def test_single_steps_and_random_seeks_never_show_a_wrong_frame(
    browser: Browser, platform: Platform, numbered: str
) -> None:
    seen = Seen()
    with signed_in(browser, platform) as page:
        page.goto(numbered)
        shows(page, 0)
        shows_full(page)
        player(page).evaluate(_WATCH)
        _walk(page, seen)
    if report := os.environ.get("RKTEST_FRAME_REPORT"):
        Path(report).write_text(json.dumps(asdict(seen)), encoding="utf-8")
    assert seen.moves == MOVES
    assert seen.wrong == 0, seen.mistakes[:10]


def _walk(page: Page, seen: Seen) -> None:
    """Walk by single steps both ways, with a random seek now and then; check each on the small and some on the full."""
    dice = random.Random(SEED)
    frame, box = 0, strip_box(picture_box(page))
    for move in range(MOVES):
        seen.moves += 1
        kind = dice.random()
        if kind < 0.15:
            frame = dice.randrange(CLIP_FRAMES)
            _go_to(page, frame)
            milliseconds = _painted(page, frame, "full")
            seen.seek_milliseconds.append(milliseconds)
        else:
            way = 1 if frame == 0 or (kind < 0.6 and frame < CLIP_FRAMES - 1) else -1
            frame += way
            page.keyboard.press("ArrowRight" if way > 0 else "ArrowLeft")
            seen.step_milliseconds.append(_painted(page, frame, None))
            if move % 8 == 0:
                seen.full_milliseconds.append(_painted(page, frame, "full"))
        _check(page, box, frame, f"move {move}", seen)


def strip_box(picture: dict[str, float]) -> dict[str, float]:
    """Return where the strip is: a screenshot of it alone is taken and read in a tenth of the time."""
    height = picture["height"] * STRIP_HEIGHT
    return {**picture, "y": picture["y"] + picture["height"] - height, "height": height}


def _go_to(page: Page, frame: int) -> None:
    """Type a frame number into the counter."""
    counter = page.locator("rk-transport input").nth(1)
    counter.fill(str(frame))
    counter.press("Enter")
    page.evaluate("document.activeElement?.blur?.()")
    player(page).evaluate("(element) => element.getRootNode().activeElement?.blur?.()")


def _painted(page: Page, frame: int, lane: str | None) -> float:
    name = str(frame) if lane is None else f"{frame} {lane}"
    milliseconds: float | None = page.evaluate(_PAINTED, [name, PAINT_SECONDS])
    assert milliseconds is not None, f"frame {frame} not painted in {PAINT_SECONDS} s: {player_state(page)}"
    return milliseconds


def _check(page: Page, box: dict[str, float], frame: int, move: str, seen: Seen) -> None:
    try:
        shown = read_strip(screenshot(page, box), share=1)
    except ValueError as error:
        shown, move = -1, f"{move} ({error})"
    if shown != frame:
        seen.wrong += 1
        seen.mistakes.append(f"{move}: {shown} instead of {frame}, {player_state(page)}")
