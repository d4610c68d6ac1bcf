"""The whole platform with every company's process in an empty network: a film goes in, is made, and comes out."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from tests.media.clips import strip_clip
from tests.services.installation import wait_until
from tests.services.platform import Platform

from reelkeep.transfer import network

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="looks into undumpable processes: root only")

COMPANY_PROCESSES = ("web.app_process", "web.media_process", "runner.job_process")
FRAMES = 144


def network_of(pid: int) -> int:
    return os.stat(f"/proc/{pid}/ns/net").st_ino


def closed_network(platform: Platform, name: str) -> int | None:
    """Return the network of a process of this name once there is only loopback in it; it begins in the host's."""
    for pid in platform.find(name):
        with contextlib.suppress(OSError):  # it has ended
            lines = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
            if [line.partition(":")[0].strip() for line in lines] == ["lo"]:
                return network_of(pid)
    return None


def test_a_film_is_made_and_served_by_processes_that_have_no_network(platform: Platform, tmp_path: Path) -> None:
    clip = strip_clip(tmp_path / "clip.mp4", FRAMES, width=1280, height=720, sound="aac")
    version_id = platform.upload(clip).version_id
    networks = {name: wait_until(lambda name=name: closed_network(platform, name), 30) for name in COMPANY_PROCESSES}
    assert len({*networks.values(), network_of(os.getpid())}) == len(COMPANY_PROCESSES) + 1
    platform.wait_for(version_id, "ready")
    with platform.api() as api:
        session = api.playback_session(version_id)
    with network.client() as player:
        for path in (session["manifest"], "v360/0.m4s", "v720/0.m4s"):
            assert player.get(f"{session['base']}/{path}").raise_for_status().content
