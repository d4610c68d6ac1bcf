"""`reelkeep demo` as somebody runs it who has just cloned the repository: once, and again in the same folder."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.services.databases import open_folder
from tests.services.installation import Installation

from reelkeep.transfer import network
from reelkeep.transfer.api import Api

DONE_SECONDS = 240
FIELDS = {
    "upload_seconds",
    "upload_bytes_per_second",
    "first_segment_seconds",
    "first_frame_seconds",
    "done_seconds",
    "renditions",
    "asset_url",
}


def start(data: Path, *options: str) -> subprocess.Popen[str]:
    """Start the demo in a session of its own, as a terminal does."""
    command = [sys.executable, "-m", "reelkeep.cli", "demo", "--data", str(data), "--json", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
    return subprocess.Popen(command, text=True, start_new_session=True, **pipes)


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    folder = open_folder("rk-demo-")
    yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def first(data: Path) -> dict[str, Any]:
    """What `demo --once --json` printed."""
    demo = start(data, "--once")
    out, err = demo.communicate(timeout=DONE_SECONDS)
    assert demo.returncode == 0, err
    figures = json.loads(out.strip().splitlines()[-1])
    assert isinstance(figures, dict)
    return figures


@pytest.fixture(scope="module")
def again(data: Path, first: Mapping[str, Any]) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """A plain second demo in the folder of the first, while it serves."""
    demo = start(data)
    assert demo.stdout is not None
    try:
        assert select.select([demo.stdout], [], [], DONE_SECONDS)[0], "it said nothing"
        yield demo, json.loads(demo.stdout.readline())
    finally:
        if demo.poll() is None:
            demo.kill()  # the platform ends with it
        demo.communicate()


def test_once_it_ends_well_with_one_object_of_figures(first: dict[str, Any], data: Path) -> None:
    assert set(first) >= FIELDS
    assert first["upload_seconds"] > 0
    assert first["upload_bytes_per_second"] > 0
    assert 0 < first["first_segment_seconds"] < first["done_seconds"]
    assert first["first_frame_seconds"] is None or first["first_frame_seconds"] > 0
    by_name = {rendition["name"]: rendition for rendition in first["renditions"]}
    assert {"v360", "v720", "a1"} <= set(by_name)
    assert (by_name["v360"]["width"], by_name["v360"]["height"]) == (640, 360)
    assert all(rendition["bytes"] > 0 for rendition in first["renditions"])
    assert first["asset_url"].startswith("http://acme.localhost:")
    assert "password" not in first
    assert left_of(data) == []


def test_a_second_start_finds_everything_as_it_was_and_serves(
    first: dict[str, Any], again: tuple[subprocess.Popen[str], dict[str, Any]]
) -> None:
    demo, figures = again
    assert demo.poll() is None
    address, _, asset_id = figures["asset_url"].rpartition("/assets/")
    assert (figures["asset_url"], asset_id) == (first["asset_url"], first["asset_id"])  # port, company, asset
    with Api(address) as api:
        api.login(figures["email"], figures["password"])
        (asset,) = api.assets(str(api.find_production("demo")["id"]))
        assert [version["state"] for version in asset["versions"]] == ["ready", "ready"]
        assert asset["versions"][1]["id"] == first["version_id"]
        for version in asset["versions"]:
            check_plays(api, version["id"])


def test_ctrl_c_ends_it_in_order_and_leaves_no_process(
    again: tuple[subprocess.Popen[str], dict[str, Any]], data: Path
) -> None:
    demo, _ = again
    served = left_of(data, demo)
    assert len(served) > 5
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(40) == 0
    Installation(data).await_gone(served)
    assert left_of(data) == []


def check_plays(api: Api, version_id: str) -> None:
    """See that the manifest, a picture segment and a sound segment of a version come from the media host."""
    base = api.playback_session(version_id)["base"]
    with network.client() as client:
        for path in ("manifest.mpd", "v360/init.mp4", "v360/0.m4s", "v720/0.m4s", "a1/0.m4s", "poster.jpg"):
            answer = client.get(f"{base}/{path}")
            assert answer.status_code == 200, path
            assert len(answer.content) > 300, path


def left_of(data: Path, demo: subprocess.Popen[Any] | None = None) -> list[int]:
    """Return the processes that belong to this folder, or descend from its demo."""
    stranger = subprocess.Popen(["true"]) if demo is None else demo
    if demo is None:
        stranger.wait()
    return sorted(Installation(data, process=stranger).processes())
