"""The page's pure modules, run in Chromium as shipped, against the Python side or against the arithmetic itself."""

from __future__ import annotations

import base64
import functools
import http.server
import itertools
import random
import threading
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from tests.browser.chromium import opened

import reelkeep
from reelkeep.media import FrameRate, Timecode

WEB = Path(reelkeep.__file__).parent / "web"
RATES = [(24, 1), (24_000, 1_001), (25, 1), (30_000, 1_001), (30, 1), (48, 1), (50, 1), (60_000, 1_001), (120, 1)]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves the static folder; an empty page stands for every other address."""

    def do_GET(self) -> None:
        if self.path.startswith("/static/"):
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    handler = functools.partial(Quiet, directory=str(WEB))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with opened(browser, f"http://127.0.0.1:{server.server_address[1]}/") as one:
            yield one
        server.shutdown()


def run(page: Page, module: str, body: str, argument: Any = None) -> Any:
    """Run ``body`` with the module's exports as ``m`` and the argument as ``a``."""
    return page.evaluate(f"async (a) => {{ const m = await import('/static/{module}'); {body} }}", argument)


@pytest.mark.parametrize(
    ("rate", "start", "drop"),
    [((24, 1), 86_400, False), ((24_000, 1_001), 0, False), ((30_000, 1_001), 0, True), ((60_000, 1_001), 1_234, True)],
)
def test_the_page_and_the_server_write_the_same_timecode(
    page: Page, rate: tuple[int, int], start: int, drop: bool
) -> None:
    chooser = random.Random(7)
    frames = [*range(0, 4_000, 7), *(chooser.randrange(0, 300_000) for _ in range(500))]
    written = run(
        page,
        "timecode.js",
        """const rate = {n: a.rate[0], d: a.rate[1]}, start = {frame: a.start, dropFrame: a.drop};
        return a.frames.map((f) => m.timecodeText(f, rate, start))""",
        {"frames": frames, "rate": rate, "start": start, "drop": drop},
    )
    timecode = Timecode(start, FrameRate(*rate), drop)
    assert written == [timecode.text(frame) for frame in frames]


@pytest.mark.parametrize(("rate", "drop"), [((25, 1), False), ((30_000, 1_001), True), ((60_000, 1_001), True)])
def test_a_typed_timecode_leads_back_to_its_frame(page: Page, rate: tuple[int, int], drop: bool) -> None:
    wrong = run(
        page,
        "timecode.js",
        """const rate = {n: a.rate[0], d: a.rate[1]}, start = {frame: 107892, dropFrame: a.drop};
        return Array.from({length: 20000}, (_, f) => f * 3).filter(
          (f) => m.frameFromText(m.timecodeText(f, rate, start), rate, start) !== f)""",
        {"rate": rate, "drop": drop},
    )
    assert wrong == []


def test_what_is_neither_timecode_nor_frame_is_refused(page: Page) -> None:
    texts = ["", "abc", "01:00:61:00", "01:00:00:24", "-3", "1:2:3:4:5", "00:00:00:01"]
    found = run(
        page,
        "timecode.js",
        "return a.map((t) => m.frameFromText(t, {n: 24, d: 1}, {frame: 86400, dropFrame: false}))",
        texts,
    )
    assert found == [None] * len(texts)


@pytest.mark.parametrize("rate", RATES)
def test_a_seek_aims_into_its_frame_and_reads_back_as_it(page: Page, rate: tuple[int, int]) -> None:
    chooser = random.Random(11)
    frames = [*range(2_000), *(chooser.randrange(0, 2_000_000) for _ in range(2_000))]
    found = run(
        page,
        "frame-clock.js",
        """const rate = {n: a.rate[0], d: a.rate[1]};
        return a.frames.map((f) => [m.frameAt(m.seekSeconds(f, rate), rate),
          m.frameAt(Math.round(f * rate.d / rate.n * 1e6) / 1e6, rate), m.seekSeconds(f, rate)])""",
        {"frames": frames, "rate": rate},
    )
    fps = Fraction(*rate)
    for frame, (from_seek, from_microseconds, seconds) in zip(frames, found, strict=True):
        assert (from_seek, from_microseconds) == (frame, frame)
        assert frame / fps < Fraction(seconds) < (frame + 1) / fps


def test_crc32_of_parts_and_of_the_whole_are_zlibs(page: Page) -> None:
    data = random.Random(3).randbytes(100_003)
    cuts = [0, 0, 1, 7, 8, 4_099, 70_000, len(data)]
    parts = [data[left:right] for left, right in itertools.pairwise(cuts)]
    sums, whole, text = run(
        page,
        "upload/crc32.js",
        """const parts = a.map((p) => Uint8Array.from(atob(p), (c) => c.charCodeAt(0)));
        const sums = parts.map((p) => m.crc32(p));
        const whole = sums.reduce((all, sum, i) => m.combine(all, sum, parts[i].length), 0);
        return [sums, whole, m.base64Of(whole)]""",
        [base64.b64encode(part).decode() for part in parts],
    )
    assert sums == [zlib.crc32(part) for part in parts]
    assert whole == zlib.crc32(data)
    assert text == base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def test_sums_of_parts_too_large_to_hold_are_combined(page: Page) -> None:
    """A length beyond 32 bits: moved at once, or in two moves."""
    left, length = 0x12345678, 3 * 2**40 + 5
    once = run(page, "upload/crc32.js", "return m.combine(a[0], 0, a[1])", [left, length])
    halves = run(
        page,
        "upload/crc32.js",
        "return m.combine(m.combine(a[0], 0, a[1]), 0, a[2])",
        [left, length // 2, length - length // 2],
    )
    assert once == halves


def test_the_worker_sums_a_file_in_pieces(page: Page) -> None:
    found = run(
        page,
        "upload/summing.js",
        "const bytes = new Uint8Array(9000001).map((_, i) => i * 31 + (i >> 8)); return m.sumOf(new Blob([bytes]))",
    )
    expected = bytes((index * 31 + (index >> 8)) & 0xFF for index in range(9_000_001))
    assert found == zlib.crc32(expected)


def test_sign_in_leads_back_to_this_site_only(page: Page) -> None:
    asked = [
        "/assets/1?version=2",
        "//evil.example/",
        "/\\evil.example",
        "https://evil.example/",
        "javascript:alert(1)",
        "",
    ]
    found = run(
        page,
        "router.js",
        "return a.map((n) => m.readRoute(new URL('http://x/signin?next=' + encodeURIComponent(n))).next)",
        asked,
    )
    assert found == ["/assets/1?version=2", "/", "/", "/", "/", "/"]


def test_no_key_is_bound_twice(page: Page) -> None:
    bindings = run(page, "player/keys.js", "return m.BINDINGS")
    keys = [key for binding in bindings for key in binding["keys"]]
    assert len(keys) == len(set(keys))
    assert all(binding["shown"] and binding["does"] for binding in bindings)


def test_capital_letters_act_like_small_ones_and_modified_keys_are_the_browsers(page: Page) -> None:
    presses = [
        {"key": "J"}, {"key": "j"}, {"key": "I", "shiftKey": True}, {"key": "ArrowLeft", "shiftKey": True},
        {"key": "l", "ctrlKey": True}, {"key": "?", "shiftKey": True}, {"key": "y"},
    ]  # fmt: skip
    found = run(page, "player/keys.js", "return a.map((event) => m.actionFor(event))", presses)
    assert found == ["back", "back", "goIn", "stepBack10", None, "help", None]


def test_a_tile_lies_where_the_server_put_it(page: Page) -> None:
    found = run(
        page,
        "player/tiles.js",
        "return m.tileAt(m.readTiles(a, 'http://m/p/t'), 24 * 112 + 3)",
        {"rows": 10, "columns": 10, "tile_width_px": 160, "tile_height_px": 90, "interval_frames": 24},
    )
    assert found == {"url": "http://m/p/t/tiles/1.jpg", "xPx": 320, "yPx": 90}


def test_the_waveform_is_read_as_the_server_writes_it(page: Page) -> None:
    pairs = base64.b64encode(bytes([0x80, 0x7F, 0xC0, 0x40])).decode()
    record = {"rate_hz": 48_000, "zooms": [{"samples_per_point": 480, "points": 2, "pairs": pairs}]}
    low, high, seconds, loudest = run(
        page,
        "player/peaks.js",
        "const p = m.readPeaks(a); return [[...p.low], [...p.high], p.secondsPerPeak, p.loudest]",
        record,
    )
    assert (low, high, seconds, loudest) == ([-1, -0.5], [127 / 128, 0.5], 0.01, 1)


# A pair at rest on frame 66 with the full picture on top, and what a lane does when the compositor has painted.
_PAIR = """
const video = () => ({ paused: true, pause() {}, play: async () => {}, classList: { toggle() {} } });
const pair = new m.PicturePair(video(), video(), { n: 24, d: 1 }, null, () => {});
const paint = (lane, frame) => { lane.showing = frame; lane.wanted = null; lane.hooks.onPaint(lane, frame); };
pair.step.loaded = pair.full.loaded = true;
pair.grow(240, 240);
pair.goTo(66);
paint(pair.step, 66);
pair.full.seek(66);
paint(pair.full, 66);
pair.top = pair.full;
"""


def test_a_late_picture_of_the_frame_before_does_not_undo_a_step(page: Page) -> None:
    frame = run(
        page,
        "player/picture-pair.js",
        f"{_PAIR} pair.stepBy(1); paint(pair.step, 67); paint(pair.full, 66); await pair.close(); return pair.frame",
    )
    assert frame == 67


def test_after_a_pause_the_frame_follows_the_picture_that_still_came(page: Page) -> None:
    frames = run(
        page,
        "player/picture-pair.js",
        f"""{_PAIR} pair.play(); paint(pair.full, 67); pair.pause(); const paused = pair.frame; paint(pair.full, 68);
        const after = pair.frame; await pair.close(); return [paused, after]""",
    )
    assert frames == [67, 68]


def test_at_1_to_1_the_picture_lies_on_whole_pixels_and_leaves_no_gap(page: Page) -> None:
    chooser = random.Random(3)
    for ratio in (1, 1.25, 1.5, 2):
        picture = {"width": chooser.randrange(300, 4_100), "height": chooser.randrange(200, 2_200)}
        stage = {"width": chooser.uniform(300, 1_600), "height": chooser.uniform(200, 900)}
        for pan in ({"x": 0, "y": 0}, {"x": 5_000, "y": -5_000}, {"x": -13.4, "y": 7.7}):
            body = "return m.placed(a.picture, a.stage, a.ratio, a.pan)"
            asked = {"picture": picture, "stage": stage, "ratio": ratio, "pan": pan}
            place = run(page, "player/view.js", body, asked)
            for corner, size, room in (("left", "width", stage["width"]), ("top", "height", stage["height"])):
                begin, length = place[corner], picture[size] / ratio
                assert place[size] == length
                assert begin * ratio == pytest.approx(round(begin * ratio), abs=1e-6)
                if length <= room:
                    assert begin == pytest.approx((room - length) / 2, abs=1 / ratio)
                else:
                    assert -1 / ratio <= begin + length - room
                    assert begin <= 1 / ratio


def test_a_typed_number_is_a_frame_as_the_production_counts_and_a_timecode_is_none(page: Page) -> None:
    found = run(
        page,
        "counting.js",
        """const counting = {rate: {n: 24, d: 1}, start: null, first: 1001, shown: "frames"};
        const read = ["1001", " 1010 ", "1000", "00:00:01:02", "x"].map((t) => m.placeFromText(t, counting));
        const other = {...counting, shown: "timecode"};
        return [read, m.stretchText(0, 9, counting), m.stretchText(24, null, other), m.stretchText(0, 47, other)]""",
    )
    assert found == [[0, 9, None, 26, None], "1001 – 1010", "00:00:01:00", "00:00:00:00 – 00:00:01:23"]


def test_the_range_of_a_comment_goes_with_it_and_ones_own_stays(page: Page) -> None:
    found = run(
        page,
        "player/commenting.js",
        """const one = new m.Commenting({comments: []});
        const own = {from: 1, to: 2}, ranged = {frame: 5, last_frame: 9}, single = {frame: 7, last_frame: null};
        const kept = one.rangeAfter(single, own), taken = one.rangeAfter(ranged, kept);
        return [kept, taken, one.rangeAfter(single, taken)]""",
    )
    assert found == [{"from": 1, "to": 2}, {"from": 5, "to": 9}, {"from": None, "to": None}]


def test_what_was_stored_by_somebody_else_does_not_upset_the_player(page: Page) -> None:
    found = run(
        page,
        "player/habits.js",
        """for (const [name, text] of [["volume", "7"], ["muted", "{"], ["shown", '"upside down"']]) {
          localStorage.setItem(`reelkeep.${name}`, text);
        }
        const { volume, muted, shown } = new m.Habits();
        localStorage.clear();
        return [volume, muted, shown]""",
    )
    assert found == [1, False, "timecode"]


def test_every_key_is_shown_once_and_does_one_thing(page: Page) -> None:
    bindings = run(page, "player/keys.js", "return m.BINDINGS")
    keys = [key for binding in bindings for key in binding["keys"]]
    assert len(keys) == len(set(keys))
    assert len({binding["action"] for binding in bindings}) == len(bindings)


def test_every_module_loads_and_no_script_or_style_is_inline(page: Page) -> None:
    modules = [path.relative_to(WEB).as_posix() for path in sorted((WEB / "static").rglob("*.js"))]
    own = [name for name in modules if "/vendor/" not in name and not name.endswith("-worker.js")]
    failed = page.evaluate(
        """async (names) => (await Promise.allSettled(names.map((n) => import('/' + n))))
        .flatMap((r) => r.reason ? [String(r.reason)] : [])""",
        own,
    )
    assert failed == []
    index = (WEB / "static/index.html").read_text()
    assert "<style" not in index
    assert " style=" not in index
    assert index.count("<script") == index.count('<script type="module" src="/static/')


def test_the_page_outlasts_a_store_that_is_away_for_two_minutes(page: Page) -> None:
    body = "let least = 0; for (let a = 1; a < m.TRIES; a += 1) least += m.pauseMs(a, 0); return least;"
    assert run(page, "upload/transfer.js", body) >= 120_000


def test_a_limit_of_speed_holds_over_some_parts(page: Page) -> None:
    waits = run(
        page,
        "upload/pace.js",
        """const pace = new m.Pace(), free = pace.waitMs(a.part, 0);
        pace.limit(a.rate);
        return [free, ...a.times.map((now) => pace.waitMs(a.part, now))]""",
        {"part": 8_000_000, "rate": 4_000_000, "times": [0, 0, 1_000, 60_000, 60_000]},
    )
    assert waits == [0, 0, 2_000, 3_000, 0, 2_000]


def test_what_many_files_ask_at_once_goes_in_calls_of_a_hundred_and_each_gets_its_answer(page: Page) -> None:
    calls, answers, failures = run(
        page,
        "upload/desk.js",
        """const calls = [];
        let fails = false;
        const desk = new m.Desk(async (production, items) => {
          calls.push([production, items.length]);
          if (fails) throw new Error("away");
          return items.map((item) => `${production}${item}`);
        }, () => 0);
        const ask = (item) => desk.ask(item % 2 ? "odd" : "even", item);
        const answers = await Promise.all([...Array(250).keys()].map(ask));
        fails = true;
        const failures = await Promise.allSettled([ask(0), ask(1), ask(2)]);
        return [calls, answers, failures.map(({ reason }) => reason.message)]""",
    )
    assert sorted(calls) == sorted(
        [["even", 100], ["odd", 100], ["even", 25], ["odd", 25], ["even", 2], ["odd", 1]],
    )
    assert answers == [f"{'odd' if number % 2 else 'even'}{number}" for number in range(250)]
    assert failures == ["away"] * 3
