"""Uploads from the page, into a real store, over a slow line: progress, pause, a reload, and a store that refuses."""

from __future__ import annotations

import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Request
from tests.browser import axe
from tests.browser.chromium import drop, signed_in, until
from tests.services.faulty_line import BREAK, LOST, WHOLE, FaultyLine, faulty_line, part_of
from tests.services.platform import Platform

from reelkeep.cli.installation import Installation
from reelkeep.companies import storage_registry
from reelkeep.companies.registry import Company
from reelkeep.storage.interface import Capability
from reelkeep.storage.translate import PartsOnly
from reelkeep.transfer.api import Api
from reelkeep.transfer.interface import SmallFile

MIB = 1 << 20
PART_BYTES = 8 * MIB  # ``ingest.parts.MIN_PART_BYTES``
LINE_BYTES_PER_SECOND = 6 * MIB
PLAYLIST = "#EXTM3U\n#EXTINF:10,\nfile:///etc/passwd\n"
_PAGES_GO_STRAIGHT = "<-loopback>,*.localhost"  # what a proxy leaves out; by itself a browser leaves out this machine

_NOTE_STATES = """(panel) => {
  globalThis.seenStates = [];
  globalThis.spoken = new Set();
  const note = () => {
    panel.shadowRoot.querySelectorAll("li").forEach((row) => seenStates.push(row.dataset.uploadState));
    spoken.add(panel.shadowRoot.querySelector("[role=status]").textContent);
  };
  note();
  const everything = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver(note).observe(panel.shadowRoot, everything);
}"""


class Wire:
    """What the page sends to the store."""

    def __init__(self, page: Page) -> None:
        self.begun: list[int] = []
        self.stored: list[int] = []
        page.on("request", self._request)
        page.on("requestfinished", self._finished)
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("Network.enable")

    def slow(self, bytes_per_second: float = LINE_BYTES_PER_SECOND) -> None:
        conditions = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_second}
        self._devtools.send("Network.emulateNetworkConditions", conditions)

    def _request(self, request: Request) -> None:
        if request.method == "PUT":
            self.begun.append(part_of(request.url))

    def _finished(self, request: Request) -> None:
        answer = request.response() if request.method == "PUT" else None
        if answer is not None and answer.ok:
            self.stored.append(part_of(request.url))


@pytest.fixture
def line() -> Iterator[FaultyLine]:
    with faulty_line() as one:
        yield one


@contextmanager
def production(browser: Browser, platform: Platform, line: FaultyLine | None = None) -> Iterator[tuple[Page, Wire]]:
    """Open the page of the production; what it sends to the store goes through ``line``, if there is one."""
    options = {"proxy": {"server": line.address, "bypass": _PAGES_GO_STRAIGHT}} if line else {}
    with signed_in(browser, platform, f"/productions/{platform.production_id}", **options) as page:
        page.on("dialog", lambda dialog: dialog.accept())  # a reload in the middle of an upload asks back
        wire = Wire(page)
        page.locator("#upload").wait_for()
        page.locator("rk-uploads").evaluate(_NOTE_STATES)
        yield page, wire


def noise(path: Path, parts: float) -> Path:
    """Write bytes that are no film: the page must carry them all the same."""
    path.write_bytes(random.Random(path.name).randbytes(int(parts * PART_BYTES)))
    return path


def row(page: Page, name: str) -> Locator:
    return page.locator("rk-uploads li", has_text=name)


def in_state(page: Page, name: str, state: str, seconds: float = 30) -> Locator:
    found = page.locator(f"rk-uploads li[data-upload-state={state}]", has_text=name)
    found.wait_for(timeout=seconds * 1_000)
    return found


def share(page: Page, name: str) -> int:
    """Return what the progress bar of a file says, in percent; 100 once it has none."""
    found: int = page.locator("rk-uploads").evaluate(
        """(panel, name) => {
          const row = [...panel.shadowRoot.querySelectorAll("li")].find((each) => each.textContent.includes(name));
          return Number(row.querySelector("[role=progressbar]")?.ariaValueNow ?? 100);
        }""",
        name,
    )
    return found


def pick(page: Page, button: Locator, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        button.click()
    chooser.value.set_files(path)


def has_stored(page: Page, wire: Wire, parts: list[int]) -> None:
    """Wait until exactly these parts are known to be stored: the page may hear of the last one before us."""
    until(lambda: page.wait_for_timeout(20) or len(wire.stored) >= len(parts), 5, "all parts", lambda: wire.stored)
    assert sorted(wire.stored) == parts


def is_stored(platform: Platform, name: str, body: bytes) -> bool:
    """Tell whether an original of this name holds these bytes; other tests may have stored others under it."""
    return any(platform.body(key) == body for key in platform.objects("originals/") if key.endswith(f"/{name}"))


def test_two_dropped_files_show_rate_and_time_left_and_a_file_that_is_no_film_says_so_on_its_card(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    reel = noise(tmp_path / "reel.mov", 3.5)
    playlist = tmp_path / "playlist.mp4"
    playlist.write_text(PLAYLIST)
    with production(browser, platform) as (page, wire):
        wire.slow()
        drop(page, reel, playlist)
        line = in_state(page, "reel.mov", "sending")
        assert in_state(page, "playlist.mp4", "waiting").inner_text().endswith("Waiting · 39 bytes")
        words = re.compile(r"MB of 29\.4 MB · \d+(\.\d)? MB/s · \d+ s left")
        until(lambda: words.search(line.inner_text()), 20, "rate and time left")
        shares = [0]
        until(lambda: shares.append(share(page, "reel.mov")) or shares[-1] == 100, 30, "all of it sent")
        assert shares == sorted(shares)
        assert len(set(shares)) > 5
        in_state(page, "reel.mov", "done")
        in_state(page, "playlist.mp4", "done")
        has_stored(page, wire, [WHOLE, 1, 2, 3, 4])
        said = page.evaluate("[...spoken]")
        assert any("reel.mov: 50 percent." in words for words in said)
        assert "playlist.mp4 is uploaded." in said[-1]
        assert len(said) <= 10, "a screen reader is told a share of the whole now and then, not every byte"

        card = page.locator('.card[data-state="failed"]', has_text="playlist.mp4")
        card.wait_for(timeout=30_000)
        assert "not a film" in card.inner_text()
        assert "stays stored as it is" in card.inner_text()
    assert is_stored(platform, "reel.mov", reel.read_bytes())
    assert is_stored(platform, "playlist.mp4", PLAYLIST.encode())


def test_a_paused_upload_sends_nothing_and_goes_on_where_it_was(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    reel = noise(tmp_path / "paused.mov", 6)
    with production(browser, platform) as (page, wire):
        wire.slow()
        drop(page, reel)
        until(lambda: page.wait_for_timeout(20) or wire.stored, 30, "a part stored")
        row(page, "paused.mov").get_by_role("button", name="Pause paused.mov").click()
        in_state(page, "paused.mov", "paused")
        before = Counter(wire.stored)
        page.wait_for_timeout(500)
        begun = len(wire.begun)
        page.wait_for_timeout(700)
        assert len(wire.begun) == begun, "nothing more is sent"
        wire.slow(-1)
        row(page, "paused.mov").get_by_role("button", name="Resume paused.mov").click()
        in_state(page, "paused.mov", "done")
        again = Counter(wire.stored) - before
        assert again.total() <= 6 - before.total()
        assert max((before + again).values()) == 1, "no stored part is sent again"
    assert is_stored(platform, "paused.mov", reel.read_bytes())


def test_a_cancelled_upload_leaves_nothing_behind(browser: Browser, platform: Platform, tmp_path: Path) -> None:
    with production(browser, platform) as (page, wire):
        wire.slow()
        drop(page, noise(tmp_path / "cancelled.mov", 6))
        until(lambda: page.wait_for_timeout(20) or wire.stored, 30, "a part stored")
        row(page, "cancelled.mov").get_by_role("button", name="Cancel cancelled.mov", exact=True).click()
        row(page, "cancelled.mov").wait_for(state="detached")
        page.locator('.card[data-state="cancelled"]', has_text="cancelled.mov").wait_for()
    assert [key for key in platform.objects("originals/") if key.endswith("/cancelled.mov")] == []
    open_uploads = platform.store().list_multipart_uploads(Bucket=platform.bucket).get("Uploads", [])
    assert [upload for upload in open_uploads if "cancelled" in upload["Key"]] == []


def test_after_a_reload_a_file_that_is_picked_again_goes_on_from_the_parts_that_are_stored(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    reel = noise(tmp_path / "reloaded.mov", 8)
    other = noise(tmp_path / "other" / "reloaded.mov", 1) if (tmp_path / "other").mkdir() is None else reel
    with production(browser, platform) as (page, wire):
        wire.slow()
        pick(page, page.locator("#upload"), reel)
        until(lambda: page.wait_for_timeout(20) or len(wire.stored) >= 3, 30, "three parts stored")
        page.reload()
        line = in_state(page, "reloaded.mov", "lost")
        assert "Interrupted" in line.inner_text()
        before = list(wire.stored)

        pick(page, line.get_by_role("button", name="Pick file"), other)
        until(lambda: "not the same file" in line.inner_text(), 5, "another file of the same name is refused")
        wire.slow(-1)
        pick(page, line.get_by_role("button", name="Pick file"), reel)
        in_state(page, "reloaded.mov", "done")
        sent = wire.stored[len(before) :]
        assert len(sent) <= 8 - len(before)
        assert len({*before, *sent}) == len(before) + len(sent), "no stored part was sent again"
    assert is_stored(platform, "reloaded.mov", reel.read_bytes())


def test_a_store_that_is_away_for_a_moment_and_links_that_ran_out_are_got_over(
    browser: Browser, platform: Platform, line: FaultyLine, tmp_path: Path
) -> None:
    reel = noise(tmp_path / "bumpy.mov", 4)
    line.once.update({1: [503, 503], 2: [403], 3: [BREAK]})
    signed: list[list[int]] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.endswith("/parts"):
            signed.append([part["number"] for part in request.post_data_json["parts"]])

    with production(browser, platform, line) as (page, _):
        page.on("request", note)
        drop(page, reel)
        in_state(page, "bumpy.mov", "done")
        states = [state for state, _ in itertools.groupby(page.evaluate("seenStates"))]
        assert "retrying" in states
        assert states[-2:] == ["finishing", "done"]
    assert line.used == 4
    assert Counter(number for numbers in signed for number in numbers) == {1: 1, 2: 2, 3: 1, 4: 1}
    assert is_stored(platform, "bumpy.mov", reel.read_bytes())


@pytest.mark.parametrize(("status", "most"), [(400, 4), (403, 12)])
def test_a_refusal_that_lasts_fails_the_upload_with_words_and_it_can_be_tried_again(
    browser: Browser, platform: Platform, line: FaultyLine, tmp_path: Path, status: int, most: int
) -> None:
    reel = noise(tmp_path / f"refused-{status}.mov", 2)
    line.always.update({1: status, 2: status})
    with production(browser, platform, line) as (page, wire):
        drop(page, reel)
        failed = in_state(page, reel.name, "failed")
        assert f"The store refused a part of the file (answer {status})." in failed.inner_text()
        assert "Failed" in failed.inner_text()
        assert "what is stored is kept" in failed.inner_text()
        assert failed.get_by_role("button", name="Resume").count() == 0
        assert axe.violations(page) == []
        page.wait_for_timeout(1_500)
        assert len(wire.begun) <= most, "it does not hammer the store"
        line.mend()
        failed.get_by_role("button", name=f"Try again {reel.name}").click()
        in_state(page, reel.name, "done")
    assert is_stored(platform, reel.name, reel.read_bytes())


def test_a_line_that_stays_broken_interrupts_the_upload_and_it_goes_on_where_it_was(
    browser: Browser, platform: Platform, line: FaultyLine, tmp_path: Path
) -> None:
    reel = noise(tmp_path / "broken-line.mov", 4)
    line.always.update({3: BREAK, 4: BREAK})
    with production(browser, platform, line) as (page, wire):
        drop(page, reel)
        interrupted = page.locator("rk-uploads li[data-upload-state=interrupted]", has_text=reel.name)
        hurry = "() => { dispatchEvent(new Event('online')); }"  # a network that is back ends the pauses between tries
        until(lambda: page.evaluate(hurry) or page.wait_for_timeout(30) or interrupted.count(), 60, "interrupted")
        assert "Interrupted The connection to the store broke." in interrupted.inner_text()
        assert "Resume it when the network is back; what is stored is kept." in interrupted.inner_text()
        assert interrupted.locator("small.bad").count() == 0, "it did not fail"
        assert axe.violations(page) == []
        before = sorted(wire.stored)
        assert before == [1, 2]
        line.mend()
        interrupted.get_by_role("button", name=f"Resume {reel.name}").click()
        in_state(page, reel.name, "done")
        has_stored(page, wire, [1, 2, 3, 4])  # no stored part was sent again
    assert is_stored(platform, reel.name, reel.read_bytes())


def test_a_small_file_whose_answers_are_lost_or_refused_is_stored_once(
    browser: Browser, platform: Platform, line: FaultyLine, tmp_path: Path
) -> None:
    small = noise(tmp_path / "lost-answer.mov", 0.1)
    line.once[WHOLE] = [503, 403, BREAK, LOST]
    with production(browser, platform, line) as (page, wire):
        drop(page, small)
        in_state(page, small.name, "done")
        states = [state for state, _ in itertools.groupby(page.evaluate("seenStates"))]
        assert "retrying" in states
        assert states[-2:] == ["finishing", "done"]
        assert set(wire.begun) == {WHOLE}
        assert wire.stored == [], "the answer of the last one was that it is there already"
    assert line.used == 4
    assert is_stored(platform, small.name, small.read_bytes())


def test_a_small_file_that_the_store_refuses_fails_with_words_and_can_be_tried_again(
    browser: Browser, platform: Platform, line: FaultyLine, tmp_path: Path
) -> None:
    small, empty = noise(tmp_path / "refused-small.mov", 0.1), noise(tmp_path / "empty.mov", 0)
    line.always[WHOLE] = 400
    with production(browser, platform, line) as (page, _):
        drop(page, small, empty)
        assert "The file is empty." in in_state(page, empty.name, "failed").inner_text()
        failed = in_state(page, small.name, "failed")
        assert "The store refused a part of the file (answer 400)." in failed.inner_text()
        line.mend()
        failed.get_by_role("button", name=f"Try again {small.name}").click()
        in_state(page, small.name, "done")
    assert is_stored(platform, small.name, small.read_bytes())


def test_where_the_store_takes_parts_only_small_files_go_in_one_part(
    browser: Browser, platform: Platform, tmp_path: Path
) -> None:
    small = noise(tmp_path / "one-part.mov", 0.1)
    operator, company = Installation(platform.data), platform.company
    assert isinstance(company, Company)
    place = operator.storage.connection(company, platform.bucket)

    def can(capabilities: frozenset[Capability], *, parts_only: bool) -> None:
        with operator.on_registry() as conn:
            storage_registry.set_capabilities(conn, place.id, capabilities)
        with platform.api() as api:
            until(lambda: is_parts_only(api, platform) is parts_only, 20, "the platform knows of it")

    can(place.capabilities - {Capability.CONDITIONAL_PUT}, parts_only=True)
    try:
        with production(browser, platform) as (page, wire):
            drop(page, small)
            in_state(page, small.name, "done")
            has_stored(page, wire, [1])
    finally:
        can(place.capabilities, parts_only=False)
    assert is_stored(platform, small.name, small.read_bytes())


def is_parts_only(api: Api, platform: Platform) -> bool:
    """Tell whether the platform refuses whole files; one that is empty is begun nowhere."""
    nothing = SmallFile("", "nothing.mov", 0, bytes(4), bytes(32), "nothing")
    try:
        api.begin_small(platform.production_id, [nothing])
    except PartsOnly:
        return True
    return False
