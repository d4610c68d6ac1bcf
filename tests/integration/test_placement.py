"""Where versions are stored: decided when each is made, followed by all that belongs to it, in several buckets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.media.originals import make_original
from tests.services.installation import wait_until
from tests.services.platform import Platform
from tests.services.wording import check_words

from reelkeep.cli.accepting import Accepting
from reelkeep.cli.installation import Installation
from reelkeep.cli.places import Places
from reelkeep.companies.registry import Company
from reelkeep.errors import Conflict, StorageSetupError
from reelkeep.storage.connection_states import ConnectionState
from reelkeep.storage.interface import StorageConnection
from reelkeep.transfer import network
from reelkeep.transfer.api import Api
from reelkeep.transfer.folders import scan, upload_all
from reelkeep.transfer.patience import Patience
from reelkeep.transfer.upload import upload

SECOND, HOSTED = "acme-second", "hosted-media"
PASSWORD = "a long pass phrase"


@dataclass(frozen=True)
class Studio:
    """The company acme with a second bucket, and the operator who places things."""

    platform: Platform
    operator: Installation
    company: Company
    second: StorageConnection

    @property
    def places(self) -> Places:
        return Places(self.operator)

    def keys(self, bucket: str, version_id: str) -> list[str]:
        """Return the keys of a version's objects in a bucket."""
        pages = self.platform.store().get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", ()) if version_id in item["Key"]]

    def place(self, api: Api, production: Any, connection: str) -> None:
        """Place a production and wait until the company's processes know it."""
        self.places.place(self.company, production["id"], self.operator.storage.connection(self.company, connection))
        wait_until(lambda: api.find_production(production["id"])["placement"]["connection"] == connection)

    def make(self, api: Api, production: Any, clip: Path) -> str:
        made = upload(api, production["id"], clip)
        self.platform.wait_for(made.version_id, "ready")
        return made.version_id


@pytest.fixture(scope="module")
def studio(platform: Platform) -> Studio:
    operator = Installation(platform.data)
    assert platform.company is not None
    new = operator.storage.embedded_bucket(platform.company, platform.origin, SECOND)
    second = operator.storage.connect(platform.company, new)
    Accepting(operator, platform.company).put_into_use(second)
    return Studio(platform, operator, platform.company, second)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_original(tmp_path / "take 1.mp4", frames=12)


def plays(api: Api, version_id: str) -> bytes:
    """Return the first segment of the step rung, as a player gets it."""
    session = api.playback_session(version_id)
    step = next(each["name"] for each in session["renditions"] if each["is_step"])
    with network.client() as player, network.no_answer("the media process"):
        assert player.get(f"{session['base']}/{session['manifest']}").raise_for_status().text.startswith("<?xml")
        return player.get(f"{session['base']}/{step}/0.m4s").raise_for_status().content


def fetched(api: Api, version_id: str) -> bytes:
    with network.client() as client:
        return client.get(api.download_link(version_id).url).raise_for_status().content


def test_a_version_and_all_that_is_made_of_it_stay_where_it_was_placed(studio: Studio, clip: Path) -> None:
    with studio.platform.api() as api:
        production = api.create_production("Placed twice")
        assert production["placement"]["inherited_from"] == "company"
        first = studio.make(api, production, clip)
        studio.place(api, production, SECOND)
        assert api.find_production(production["id"])["placement"]["inherited_from"] == "production"
        second = studio.make(api, production, clip)
        for version_id, here, elsewhere in (
            (first, studio.platform.bucket, SECOND),
            (second, SECOND, studio.platform.bucket),
        ):
            kinds = {key.partition("/")[0] for key in studio.keys(here, version_id)}
            assert kinds == {"originals", "proxies"}
            assert studio.keys(elsewhere, version_id) == []
            assert b"moof" in plays(api, version_id)
            assert fetched(api, version_id) == clip.read_bytes()
        studio.places.inherit(studio.company, production["id"])
        wait_until(lambda: api.find_production(production["id"])["placement"]["inherited_from"] == "company")
        third = upload(api, production["id"], clip).version_id
        assert studio.keys(SECOND, third) == []
        assert fetched(api, second) == clip.read_bytes()


def test_small_files_follow_the_placement_too(studio: Studio, tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.dpx").write_bytes(hashlib.sha256(bytes([number])).digest() * 20)
    with studio.platform.api() as api:
        production = api.create_production("Small")
        studio.place(api, production, SECOND)
        outcomes: list[Any] = []
        upload_all(api, production["id"], scan([folder]), outcomes.append)
        assert len(outcomes) == 3
        assert [len(studio.keys(SECOND, one.version_id)) for one in outcomes] == [1, 1, 1]


def test_a_suspended_connection_is_refused_in_words_and_its_versions_are_back_after_resuming(
    studio: Studio, clip: Path
) -> None:
    company, connection = studio.company, studio.operator.storage.connection(studio.company, SECOND)
    with studio.platform.api() as api:
        production, other = api.create_production("Suspended"), api.create_production("Not suspended")
        studio.place(api, production, SECOND)
        version_id, safe = studio.make(api, production, clip), studio.make(api, other, clip)
        session = api.playback_session(version_id)
        segment = f"{session['base']}/{session['renditions'][0]['name']}/0.m4s"
        with network.client() as player:
            assert b"moof" in player.get(segment).content  # from now on it is in the cache
        studio.places.suspend(company, connection)
        wait_until(lambda: api.find_production(production["id"])["placement"]["state"] == "suspended")
        for refused in (
            lambda: upload(api, production["id"], clip),
            lambda: fetched(api, version_id),
            lambda: api.playback_session(version_id),
        ):
            with pytest.raises(StorageSetupError, match="acme-second is suspended") as told:
                refused()
            check_words(told.value.message, told.value.advice())
        with network.client() as player, network.no_answer("the media process"):
            answer = player.get(segment)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "storage_stopped")
        assert b"moof" in Patience().call(lambda: plays(api, safe))
        with pytest.raises(Conflict):
            studio.places.place(company, other["id"], studio.operator.storage.connection(company, SECOND))
        Accepting(studio.operator, company).put_into_use(studio.operator.storage.connection(company, SECOND))
        assert studio.operator.storage.connection(company, SECOND).state is ConnectionState.SUSPENDED
        studio.places.resume(company, studio.operator.storage.connection(company, SECOND))
        wait_until(lambda: api.find_production(production["id"])["placement"]["state"] == "active")
        assert b"moof" in plays(api, version_id)
        assert fetched(api, version_id) == clip.read_bytes()


def test_a_connection_that_holds_versions_is_not_retired_and_they_are_named(studio: Studio, clip: Path) -> None:
    company, operator, origin = studio.company, studio.operator, studio.platform.origin
    made = operator.storage.connect(company, operator.storage.embedded_bucket(company, origin, "acme-third"))
    Accepting(operator, company).put_into_use(made)
    with studio.platform.api() as api:
        production = api.create_production("Held")
        studio.place(api, production, made.name)
        version_id = upload(api, production["id"], clip).version_id
        with pytest.raises(Conflict, match=f"new versions of the production {production['id']} go to"):
            studio.places.retire(company, operator.storage.connection(company, made.name))
        studio.places.inherit(company, production["id"])
        with pytest.raises(Conflict, match=f"acme-third: {version_id}") as told:
            studio.places.retire(company, operator.storage.connection(company, made.name))
        assert "1 version lies at the storage connection acme-third" in told.value.message
    empty = operator.storage.connect(company, operator.storage.embedded_bucket(company, origin, "acme-fourth"))
    Accepting(operator, company).put_into_use(empty)
    with pytest.raises(Conflict, match="in use"):
        studio.places.retire(company, operator.storage.connection(company, empty.name))
    studio.places.suspend(company, operator.storage.connection(company, empty.name))
    studio.places.retire(company, operator.storage.connection(company, empty.name))
    assert empty.name not in [one.name for one, _ in studio.places.overview(company).connections]


def test_a_company_without_a_bucket_gets_a_prefix_of_its_own_in_the_hosted_one(studio: Studio, clip: Path) -> None:
    operator = studio.operator
    borealis = operator.create_company("borealis", "Borealis", "localhost")
    user, _ = operator.create_user(borealis, "bo@borealis.example", "Bo", PASSWORD, is_company_admin=True)
    production = operator.create_production(borealis, "Hosted show", user)
    origin = f"http://*.localhost:{studio.platform.facts['port']}"
    made, _ = studio.places.host(operator.storage.bucket_on_store(HOSTED, origin), borealis)
    with Api(f"http://borealis.localhost:{studio.platform.facts['port']}") as api:
        wait_until(lambda: _signed_in(api), 40)
        wait_until(lambda: api.find_production(production.id)["placement"]["inherited_from"] == "hosted")
        version_id = upload(api, production.id, clip).version_id
        wait_until(lambda: api.version(version_id)["state"] == "ready", 60)
        assert b"moof" in plays(api, version_id)
    assert {key.partition("/")[0] for key in studio.keys(HOSTED, version_id)} == {borealis.id}
    ours = operator.storage.connection(studio.company, made.name)
    assert (ours.prefix, ours.is_hosted) == (studio.company.id, True)
    with studio.platform.api() as api:  # who has a place of its own does not move
        assert api.find_production(studio.platform.production_id)["placement"]["inherited_from"] == "company"
    with pytest.raises(Conflict, match="every company without a place of its own"):
        studio.places.retire(borealis, operator.storage.connection(borealis, made.name))


def _signed_in(api: Api) -> bool:
    try:
        return bool(api.login("bo@borealis.example", PASSWORD))
    except Exception as error:  # its processes are being started
        raise AssertionError from error
