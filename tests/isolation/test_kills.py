"""kill -9 of every part of the whole platform, one at a time, in the middle of an upload and of a transcode."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.isolation.kills import Client, Films, Harmed, Ledger, Viewer, harmed_platform, is_alive, make_films, wait_for

PARTS = ("client", "codec", "carrier", "runner", "postgres", "store", "s3", "supervisor")
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


@pytest.mark.parametrize("part", PARTS)
def test_work_goes_on_after_a_kill_and_nothing_is_lost_or_left(
    harmed: Harmed, films: Films, tmp_path: Path, part: str
) -> None:
    fresh, ledger = films.under_fresh_names(tmp_path, part), Ledger(harmed)
    harmed.hold_uploads(on=True)
    client = Client(harmed, fresh.large)
    transcoded = harmed.upload(fresh.long).version_id
    wait_for(lambda: ledger.parts(fresh.large) > 0)
    wait_for(lambda: ledger.is_half_made(transcoded))
    with Viewer(harmed, transcoded) as viewer:
        of_the_job = harmed.of_jobs()
        assert client.is_sending()
        assert ledger.is_half_made(transcoded)
        if part == "client":
            client.start_again()
        else:
            harmed.kill(part)
        harmed.hold_uploads(on=False)
        uploaded = client.version_id()
        ledger.check_all(transcoded, uploaded, fresh)
    assert not any(is_alive(pid) for pid in of_the_job)
    assert set(viewer.statuses) <= {200, 503}
    assert viewer.unanswered == 0 or part == "supervisor"


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
