"""A folder dropped on the page: one row, its total, and what acts on all of it at once."""

from __future__ import annotations

import os
import random
import re
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, CDPSession, Locator, Page, Request
from tests.browser import axe
from tests.browser.chromium import drop, signed_in, until
from tests.services.faulty_line import WHOLE, part_of
from tests.services.platform import Platform

MIB = 1 << 20
LINE_BYTES_PER_SECOND = 1.5 * MIB  # so slow that nothing is over before it was looked at, also on a busy machine
UNHINDERED = -1.0


def shoot(folder: Path, seed: str) -> dict[str, bytes]:
    """Write a small folder tree of bytes that are no film, with a file that is hidden."""
    random_bytes = random.Random(seed).randbytes
    tree = {f"day 1/cam A/{seed}.{number:04}.ari": random_bytes(300_000) for number in range(8)}
    tree[f"day 2/{seed}.mov"] = random_bytes(18 * MIB)
    for name, body in {**tree, "day 1/.DS_Store": b"hidden"}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return tree


def line_of(page: Page) -> CDPSession:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    return devtools


def slow(line: CDPSession, bytes_per_second: float) -> None:
    conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
    line.send("Network.emulateNetworkConditions", conditions)


def in_group_state(page: Page, state: str, seconds: float = 60) -> None:
    rows = page.locator("rk-uploads li")
    told = "(rows) => rows.map((row) => [row.dataset.uploadGroup ?? null, row.innerText])"
    found = page.locator(f"rk-uploads li[data-upload-group={state}]")
    until(found.count, seconds, state, lambda: rows.evaluate_all(told))


def stored(platform: Platform, seed: str) -> dict[str, bytes]:
    keys = [key for key in platform.objects("originals/") if key.rsplit("/", 1)[-1].startswith(f"{seed}.")]
    return {key.rsplit("/", 1)[-1]: platform.body(key) for key in keys}


def taken_back(row: Locator) -> None:
    """Wait until what was under way when the folder was paused is no longer counted."""

    def settled() -> bool:
        before = row.inner_text()
        row.page.wait_for_timeout(200)
        return row.inner_text() == before

    until(settled, 10, "nothing moves any more", row.inner_text)


def test_a_folder_is_one_row_that_pauses_goes_on_and_ends_with_every_file_in_its_place(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    tree = shoot(tmp_path / "shoot", "aerial")
    with signed_in(browser, platform, f"/productions/{platform.production_id}") as page:
        page.locator("#upload-folder").wait_for()
        slow(line := line_of(page), LINE_BYTES_PER_SECOND)
        drop(page, tmp_path / "shoot")
        in_group_state(page, "running")
        row = page.locator("rk-uploads li")
        words = re.compile(r"[1-9] of 9 files · .* of 21\.3 MB · .*/s · .* left")
        until(lambda: words.search(row.inner_text()), 60, "progress, rate and time left of the whole", row.inner_text)
        page.get_by_role("button", name="Pause folder shoot").click()
        in_group_state(page, "paused")
        taken_back(row)
        before = row.inner_text()
        page.wait_for_timeout(700)
        assert row.inner_text() == before
        assert axe.violations(page) == []
        slow(line, UNHINDERED)
        page.get_by_role("button", name="Resume folder shoot").click()
        in_group_state(page, "done")
        assert row.count() == 1
        assert "9 files · 21.3 MB" in row.inner_text()
        page.get_by_role("button", name="Dismiss folder shoot").click()
        row.wait_for(state="detached")
    assert stored(platform, "aerial") == {name.rsplit("/", 1)[-1]: body for name, body in tree.items()}
    with platform.api() as api:
        places = {f"{one.folder}/{one.file_name}" for one in api.originals(platform.production_id)}
    assert {f"shoot/{name}" for name in tree} <= places
    assert not any(".DS_Store" in place for place in places)


def test_a_folder_is_cancelled_whole_and_held_back_to_a_speed(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    shoot(tmp_path / "b-roll", "broll")
    with signed_in(browser, platform, f"/productions/{platform.production_id}") as page:
        page.locator("#upload-folder").wait_for()
        with page.expect_file_chooser() as chooser:
            page.locator("#upload-folder").click()
        slow(line_of(page), LINE_BYTES_PER_SECOND / 3)
        chooser.value.set_files(tmp_path / "b-roll")
        in_group_state(page, "running")
        page.get_by_label("Speed").select_option("1 MB/s")
        page.get_by_role("button", name="Pause all").click()
        in_group_state(page, "paused")
        page.get_by_role("button", name="Resume all").click()
        in_group_state(page, "running")
        page.get_by_role("button", name="Cancel folder b-roll").click()
        page.locator("rk-uploads li").wait_for(state="detached")
    assert "broll.mov" not in stored(platform, "broll")


def test_small_files_go_by_one_put_each_and_share_the_calls_of_the_platform(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    folder, random_bytes = tmp_path / "stems", random.Random("stems").randbytes
    folder.mkdir()
    files = {f"stem {number:02} of one size and time.wav": random_bytes(40_000) for number in range(8)}
    for name, body in files.items():
        (folder / name).write_bytes(body)
        os.utime(folder / name, (1_795_000_000, 1_795_000_000))
    calls: Counter[str] = Counter()

    def note(request: Request) -> None:
        path = urlsplit(request.url).path
        if request.method == "PUT":
            calls["whole" if part_of(request.url) == WHOLE else "part"] += 1
        elif request.method == "POST" and "/api/v1/" in path:
            calls[path.rpartition("/")[2]] += 1

    with signed_in(browser, platform, f"/productions/{platform.production_id}") as page:
        page.locator("#upload-folder").wait_for()
        page.on("request", note)
        drop(page, folder)
        in_group_state(page, "done")
    print("requests for 8 small files:", dict(calls))
    assert calls["whole"] == 8
    assert set(calls) == {"whole", "small-uploads", "complete"}
    assert calls["small-uploads"] + calls["complete"] < 12, "an upload in parts took three calls for each file"
    keys = [key for key in platform.objects("originals/") if "/stem" in key and key.endswith(".wav")]
    assert sorted(platform.body(key) for key in keys) == sorted(files.values())
