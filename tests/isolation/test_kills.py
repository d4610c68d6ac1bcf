"""kill -9 of every part of the whole platform, one at a time, in the middle of an upload and of a transcode."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.isolation.kills import Client, Films, Harmed, Ledger, Viewer, harmed_platform, is_alive, make_films, wait_for

ROUNDS = (("client", "codec", "runner"), ("carrier", "s3", "postgres"), ("store", "supervisor"))
PARTS = tuple(part for parts in ROUNDS for part in parts)
OTHER_PARTS = ("app", "media", "gateway")
KILLS = int(os.environ.get("RKTEST_KILLS", "20"))
KILLS_A_ROUND = 3
SEED = 14


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Films:
    return make_films(tmp_path_factory.mktemp("films"))


@pytest.fixture(scope="module")
def harmed() -> Iterator[Harmed]:
    with harmed_platform() as one:
        yield one


@pytest.mark.timeout(400)  # three times what one kill may take
@pytest.mark.parametrize("parts", ROUNDS, ids="-".join)
def test_work_goes_on_after_each_kill_and_nothing_is_lost_or_left(
    harmed: Harmed, films: Films, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    """One part after the other is killed, each when the film has grown since the one before."""
    fresh, ledger = films.under_fresh_names(tmp_path, "-".join(parts)), Ledger(harmed)
    harmed.hold_uploads(on=True)
    client = Client(harmed, fresh.large)
    transcoded = harmed.upload(fresh.long).version_id
    wait_for(lambda: ledger.parts(fresh.large) > 0)
    published, of_the_jobs = 0, set[int]()
    wait_for(lambda: ledger.is_half_made(transcoded))
    with Viewer(harmed, transcoded) as viewer:
        for part in parts:
            wait_for(lambda: ledger.version(transcoded).published_frames > published)  # noqa: B023 - awaited here
            published = ledger.version(transcoded).published_frames
            of_the_jobs.update(harmed.of_jobs())
            assert client.is_sending()
            assert ledger.is_half_made(transcoded)
            if part == "client":
                client.start_again()
            else:
                harmed.kill(part)
        harmed.hold_uploads(on=False)
        uploaded = client.version_id()
        ledger.check_all(transcoded, uploaded, fresh)
    assert not any(is_alive(pid) for pid in of_the_jobs)
    assert set(viewer.statuses) <= {200, 503}
    assert viewer.unanswered == 0 or "supervisor" in parts


@pytest.mark.slow
def test_any_part_killed_at_any_moment_costs_no_original_and_leaves_nothing(films: Films, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    with harmed_platform() as harmed:
        ledger = Ledger(harmed)
        for first in range(0, KILLS, KILLS_A_ROUND):
            fresh = films.under_fresh_names(tmp_path, str(first))
            harmed.hold_uploads(on=True)
            client = Client(harmed, fresh.large)
            transcoded = harmed.upload(fresh.long).version_id
            for number in range(first, min(first + KILLS_A_ROUND, KILLS)):
                time.sleep(chance.uniform(0, 4))
                part = chance.choice((*PARTS, *OTHER_PARTS))
                there = kill_if_there(harmed, client, part)
                print(f"kill {number}: {part}{'' if there else ', which was not there'}", flush=True)
            harmed.hold_uploads(on=False)
            uploaded = client.version_id()
            ledger.check_all(transcoded, uploaded, fresh)


def kill_if_there(harmed: Harmed, client: Client, part: str) -> bool:
    if part == "client":
        client.start_again()
        return True
    try:
        harmed.kill(part)
    except (AssertionError, ProcessLookupError):
        return False
    return True
