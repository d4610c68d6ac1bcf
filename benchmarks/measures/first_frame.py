"""N1: from the end of an upload to frame 0 painted in a page that was open before, as a reviewer waits for it.

One platform and one browser for all. The clock starts when the client has the answer to the completion, a little after
the store gave its own. The job is cancelled once the picture is there: the rest of it is N2's.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright
from tests.browser.chromium import signed_in
from tests.media.clips import bunny_loop, strip_clip
from tests.services.platform import Platform, running_platform

from benchmarks.measures.unable import Unable
from benchmarks.results import Result
from reelkeep.cli.demo_browser import first_frame_at, watch_first_frame
from reelkeep.errors import Conflict
from reelkeep.ids import new_id
from reelkeep.transfer.upload import client_key, upload

FRAMES = 240
LONG_SECONDS = 7_200
ROUNDS = 5
TARGET_SECONDS, LARGE_TARGET_SECONDS = 3.0, 8.0


def measure() -> list[Result]:
    """Return the median for H.264, ProRes, HEVC and DNxHR at 1080 lines, H.264 at 2160, and a film of two hours."""
    chromium = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    if chromium is None:
        raise Unable("there is no browser here")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with (
        tempfile.TemporaryDirectory(prefix="rk-bench-") as folder,
        running_platform() as platform,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        found = []
        for identity, what, target, clip in _clips(Path(folder)):
            seconds = []
            for _ in range(ROUNDS):
                another = clip.rename(clip.with_stem(new_id()))  # another asset each time
                seconds.append(_first_frame(platform, browser, another))
                another.rename(clip)
            text = f"upload's end to frame 0 painted, {what}, median of {ROUNDS}"
            found.append(Result(identity, text, statistics.median(seconds), "s", target))
            clip.unlink()
        browser.close()
        return found


def _clips(folder: Path) -> list[tuple[str, str, float, Path]]:
    rate = Fraction(24)
    prores = {"codec": "prores_ks", "pixel_format": "yuv422p10le", "options": {"profile": "2"}}
    dnx = {"codec": "dnxhd", "pixel_format": "yuv422p", "options": {"profile": "dnxhr_hq"}}
    hevc = {"codec": "libx265", "options": {"x265-params": "log-level=none"}}
    made = [
        ("N1-h264", "H.264 and AAC, 1080p24", strip_clip(folder / "a.mp4", FRAMES, rate=rate, sound="aac")),
        ("N1-prores", "ProRes 422 and PCM, 1080p24",
         strip_clip(folder / "b.mov", FRAMES, rate=rate, sound="pcm_s16le", **prores)),
        ("N1-dnx", "DNxHR HQ and PCM, 1080p24",
         strip_clip(folder / "c.mov", FRAMES, rate=rate, sound="pcm_s16le", **dnx)),
        ("N1-hevc", "HEVC and AAC, 1080p24", strip_clip(folder / "d.mp4", FRAMES, rate=rate, sound="aac", **hevc)),
        ("N1-two-hours", "H.264 and AAC, 720p25, two hours", bunny_loop(folder / "e.mp4", LONG_SECONDS)),
    ]  # fmt: skip
    large = strip_clip(folder / "f.mp4", 48, width=3840, height=2160, rate=rate)
    return [
        *((identity, what, TARGET_SECONDS, clip) for identity, what, clip in made),
        ("N1-2160p", "H.264, 2160p24", LARGE_TARGET_SECONDS, large),
    ]


def _first_frame(platform: Platform, browser: Browser, clip: Path) -> float:
    """Open the page of an asset whose upload has begun, end the upload, and wait for the picture."""
    status = clip.stat()
    key = client_key(clip, (status.st_size, status.st_mtime_ns))
    with platform.api() as api:
        ticket = api.begin_upload(platform.banded_id, clip.name, status.st_size, key)
        with signed_in(browser, platform) as page:
            watch_first_frame(page)
            page.goto(f"{platform.origin}/assets/{ticket.asset_id}")
            page.locator(".over h2").wait_for()
            upload(api, platform.banded_id, clip)
            stored = time.time()
            shown = first_frame_at(page)
        with suppress(Conflict):  # it is made already
            api._post(f"/versions/{ticket.version_id}/cancel", {})
        platform.wait_for(ticket.version_id, "cancelled", "ready")
    return shown - stored
