"""Stores that are missing, refuse, are busy, away or flip bits: the platform says so, and nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from tests.media.originals import make_original
from tests.services.command_line import CommandLine
from tests.services.faulty_store import FaultyStore, in_front_of
from tests.services.installation import wait_until
from tests.services.platform import Platform
from tests.services.stores import CAPABILITIES
from tests.services.wording import check_failed, check_words

from reelkeep.cli.installation import Installation
from reelkeep.companies import registry, storage_registry
from reelkeep.companies.tables import storage_connections
from reelkeep.errors import ReelkeepError, StorageSetupError
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.transfer.api import Api
from reelkeep.transfer.upload import upload

MIB = 1 << 20
GONE_BUCKET = "acme-gone"
ACTIVE = ConnectionState.ACTIVE
ROLES = "arn:aws:iam::000000000000:role/"


@dataclass(frozen=True)
class Place:
    """A production with a storage connection of its own."""

    platform: Platform
    production_id: str
    slug: str
    connection_id: str

    def change(self, **values: str) -> None:
        """Change the connection as somebody may who mistypes it, and wait until it is known everywhere."""
        _on_registry(
            self.platform,
            lambda conn: (
                conn.execute(
                    update(storage_connections).where(storage_connections.c.id == self.connection_id).values(**values)
                ),
                registry.announce(conn),
            ),
        )
        if bucket := values.get("bucket"):
            self.wait_for_bucket(bucket)
        else:
            time.sleep(1)  # a role is shown nowhere

    def wait_for_state(self, state: str) -> None:
        with self.platform.api() as api:
            wait_until(lambda: api.find_production(self.production_id)["placement"]["state"] == state, 30)

    def wait_for_bucket(self, bucket: str) -> None:
        def shown() -> bool:
            with self.platform.api() as api:
                placement = api.find_production(self.production_id)["placement"]
            return bool((placement["bucket"], placement["inherited_from"]) == (bucket, "production"))

        wait_until(shown)


MakePlace = Callable[..., Place]


@pytest.fixture(scope="module")
def make_place(platform: Platform) -> MakePlace:
    def make(name: str, **changed: Any) -> Place:
        store = Installation(platform.data).folder.store()
        fields = {**vars(store.connection_fields(platform.bucket)), **changed}
        with platform.api() as api:
            production = api.create_production(name)
        made: list[Any] = []
        _on_registry(
            platform,
            lambda conn: (
                made.append(
                    storage_registry.add_connection(
                        conn, platform.company.id, capabilities=frozenset(CAPABILITIES), state=ACTIVE, **fields
                    )
                ),
                storage_registry.place(conn, platform.company.id, production["id"], made[0].id),
            ),
        )
        place = Place(platform, production["id"], production["slug"], made[0].id)
        place.wait_for_bucket(fields["bucket"])
        return place

    return make


@pytest.fixture(scope="module")
def faulty(platform: Platform) -> Iterator[FaultyStore]:
    with in_front_of(Installation(platform.data).folder.store().endpoint_url) as forwarder:
        yield forwarder


@pytest.fixture(scope="module")
def unreliable(make_place: MakePlace, faulty: FaultyStore) -> Place:
    """A production whose store is reached through the forwarder."""
    return make_place("Unreliable", endpoint_url=faulty.endpoint_url)


@pytest.fixture(scope="module")
def command_line(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    return CommandLine.signed_in(platform, tmp_path_factory.mktemp("home"))


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_original(tmp_path / "take 1.mp4", frames=12)


def check_refused(place: Place, command_line: CommandLine, clip: Path, words: str, later: str = "") -> None:
    """See that an upload is refused with words for the uploader and leaves nothing behind.

    Args:
        later: what is said once the refusal has revoked the connection; "" if it does not.
    """
    with place.platform.api() as api:
        with pytest.raises(StorageSetupError) as refused:
            upload(api, place.production_id, clip)
        assert api.assets(place.production_id) == []
    check_words(f"{refused.value.message}", refused.value.advice())
    assert words in refused.value.message
    if later:
        place.wait_for_state("revoked")
    told = command_line.run("upload", clip, "--production", place.slug)
    assert told.code == 7
    assert later or told.last_words == f"{refused.value.message} {refused.value.advice()}"
    for each in (later or words, "your cloud team"):
        assert each in told.last_words


@pytest.fixture(scope="module")
def gone(platform: Platform) -> dict[str, Any]:
    """The fields of a connection to a bucket that was deleted, with a role that reaches it."""
    store = Installation(platform.data).folder.store()
    fields = store.add_company(GONE_BUCKET, platform.origin)
    store.client("s3").delete_bucket(Bucket=GONE_BUCKET)
    return vars(fields)


def test_a_missing_bucket_is_said_and_nothing_is_written(
    make_place: MakePlace, gone: dict[str, Any], command_line: CommandLine, clip: Path
) -> None:
    check_refused(make_place("No bucket", **gone), command_line, clip, "bucket does not exist")


def test_a_role_that_refuses_is_said_and_nothing_is_written(
    platform: Platform, make_place: MakePlace, command_line: CommandLine, clip: Path
) -> None:
    place = make_place("No role", role_arn=f"{ROLES}nobody")
    check_refused(place, command_line, clip, "role refuses", "gives Reelkeep no session any more")
    place.change(role_arn=f"{ROLES}{platform.bucket}")
    with platform.api() as api:
        wait_until(lambda: _resumed(api, place), 30)


def test_a_role_lost_before_the_job_keeps_the_version_waiting_and_a_lost_bucket_fails_it_until_it_is_retried(
    platform: Platform, make_place: MakePlace, gone: dict[str, Any], tmp_path: Path
) -> None:
    place = make_place("Lost later")
    (path := tmp_path / "noise.mov").write_bytes(content := os.urandom(5_000))
    with platform.api() as api:
        version_id = upload(api, place.production_id, path).version_id
        check_failed(platform.wait_for(version_id, "failed"), "not a film")
        place.change(role_arn=f"{ROLES}nobody")
        api._post(f"/versions/{version_id}/retry", {})
        place.wait_for_state("revoked")
        assert api.version(version_id)["state"] == "stored"
        place.change(role_arn=f"{ROLES}{platform.bucket}")
        wait_until(lambda: _resumed(api, place), 30)
        check_failed(platform.wait_for(version_id, "failed"), "not a film")
        place.change(bucket=GONE_BUCKET, role_arn=f"{ROLES}{GONE_BUCKET}")
        api._post(f"/versions/{version_id}/retry", {})
        check_failed(platform.wait_for(version_id, "failed"), "original is no longer", "your cloud team")
        place.change(bucket=platform.bucket, role_arn=f"{ROLES}{platform.bucket}")
        api._post(f"/versions/{version_id}/retry", {})
        check_failed(platform.wait_for(version_id, "failed"), "not a film")
        assert httpx.get(api.download_link(version_id).url).content == content


def _resumed(api: Api, place: Place) -> bool:
    """Tell whether the platform, asked to resume, found the storage open again."""
    try:
        api._post(f"/storage/connections/{place.connection_id}/resume", {})
    except ReelkeepError:
        return False
    return True


def test_bits_flipped_on_the_way_are_never_stored(
    platform: Platform, unreliable: Place, faulty: FaultyStore, command_line: CommandLine, tmp_path: Path
) -> None:
    (path := tmp_path / "flipped.mov").write_bytes(content := os.urandom(MIB))
    faulty.flipping.set()
    try:
        told = command_line.run("upload", path, "--production", unreliable.slug)
    finally:
        faulty.flipping.clear()
    assert told.code == 6
    assert told.last_words.startswith("The bytes that arrived in the bucket are not the bytes of the file. ")
    told = command_line.run("upload", path, "--production", unreliable.slug, "--json")
    assert told.code == 0
    (sent,) = told.fields["uploads"]
    with platform.api() as api:
        (asset,) = [one for one in api.assets(unreliable.production_id) if one["name"] == "flipped.mov"]
        assert [version["id"] for version in asset["versions"]] == [sent["version_id"]]
        assert httpx.get(api.download_link(sent["version_id"]).url).content == content


def test_a_store_gone_in_the_middle_of_a_part_is_waited_for_and_the_upload_goes_on(
    platform: Platform, unreliable: Place, faulty: FaultyStore, command_line: CommandLine, tmp_path: Path
) -> None:
    (path := tmp_path / "gone.mov").write_bytes(content := os.urandom(24 * MIB))
    faulty.reset_after_bytes, faulty.resets_left, faulty.refused = 3 * MIB, 1, 0
    sending = command_line.start("upload", path, "--production", unreliable.slug, "--parallel", "1", "--json")
    wait_until(lambda: faulty.resets_left == 0, 60)
    with held(faulty.away, 3):
        out, err = sending.communicate(timeout=120)
    assert sending.returncode == 0, err
    assert faulty.refused >= 2
    with platform.api() as api:
        (uploaded,) = json.loads(out.splitlines()[-1])["uploads"]
        version_id = uploaded["version_id"]
        assert httpx.get(api.download_link(version_id).url).content == content
    check_failed(platform.wait_for(version_id, "failed"), "not a film")


def test_a_store_that_answers_503_costs_an_upload_and_its_job_nothing_but_time(
    platform: Platform, unreliable: Place, faulty: FaultyStore, clip: Path
) -> None:
    busy_for(platform, unreliable, faulty, clip, seconds=4)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_store_that_answers_503_for_more_than_a_minute_costs_nothing_but_time(
    platform: Platform, unreliable: Place, faulty: FaultyStore, clip: Path
) -> None:
    busy_for(platform, unreliable, faulty, clip, seconds=65)


def busy_for(platform: Platform, place: Place, faulty: FaultyStore, clip: Path, *, seconds: float) -> None:
    """Have the store busy from the upload's first request on, and again from the moment it is complete."""
    faulty.refused = 0
    clip = clip.rename(clip.with_name(f"busy for {seconds} s.mp4"))
    with platform.api() as api:
        with held(faulty.busy, seconds):
            began = time.monotonic()
            sent = upload(api, place.production_id, clip)
        assert time.monotonic() - began >= seconds
        during_upload = faulty.refused
        with held(faulty.busy, seconds, met=lambda: faulty.refused > during_upload):
            version = platform.wait_for(sent.version_id, "ready", seconds=seconds + 120)
        assert 0 < during_upload < faulty.refused
        assert version["problem"] is None
        assert version["frames"] == 12
        assert httpx.get(api.download_link(sent.version_id).url).content == clip.read_bytes()
        assert len(api.asset(sent.asset_id)["versions"]) == 1


@contextlib.contextmanager
def held(event: threading.Event, seconds: float, *, met: Callable[[], bool] = lambda: True) -> Iterator[None]:
    """Set an event, and clear it when the time has passed and ``met`` holds, whatever the block does meanwhile."""
    event.set()
    over = threading.Event()

    def hold() -> None:
        over.wait(seconds)
        while not over.is_set() and not met():
            over.wait(0.05)
        event.clear()

    holding = threading.Thread(target=hold)
    holding.start()
    try:
        yield
        holding.join(60)
    finally:
        over.set()
        holding.join()


def _on_registry(platform: Platform, work: Callable[[Any], object]) -> None:
    engine = registry.engine(Installation(platform.data).folder.server())
    try:
        with engine.begin() as conn:
            work(conn)
    finally:
        engine.dispose()
