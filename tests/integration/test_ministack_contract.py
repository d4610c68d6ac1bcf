"""What the company's role must refuse, shown on an emulator of AWS that enforces IAM, and on SeaweedFS where it can."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.services import ministack as service

from reelkeep.errors import IsolationError, NotFound, StorageSetupError
from reelkeep.ids import GrantId, VersionId, new_id
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, StsSession
from reelkeep.storage.layout import proxy_scope
from reelkeep.storage.reader import ObstoreReader
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import ExternalIdProof, PlatformIdentity, StsBroker

GRANT = GrantId(new_id())


@dataclass(frozen=True)
class Place:
    connection: StorageConnection
    identity: PlatformIdentity

    def broker(self, connection: StorageConnection | None = None) -> StsBroker:
        return StsBroker(self.identity, lambda _: connection or self.connection, "acme", session_seconds=900)

    def store(self, purpose: Purpose, scope: str) -> S3Store:
        session = self.broker().session(SessionRequest(self.connection.id, purpose, scope))
        return S3Store(self.connection, lambda: session)


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[service.Ministack]:
    with service.running(tmp_path_factory.mktemp("ministack")) as server:
        yield server


@pytest.fixture
def aws(ministack: service.Ministack) -> Place:
    return Place(ministack.add_company(f"acme-{new_id()}"), ministack.identity)


@pytest.fixture(params=["seaweedfs", "ministack"])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "ministack":
        found: Place = request.getfixturevalue("aws")
        return found
    key = request.getfixturevalue("platform_credentials")
    return Place(request.getfixturevalue("acme_connection"), PlatformIdentity(key.access_key_id, key.secret_access_key))


def test_the_right_external_id_is_let_in(aws: Place) -> None:
    aws.broker().session(SessionRequest(aws.connection.id, Purpose.WRITE_PROXY, proxy_scope(VersionId(new_id()))))


@pytest.mark.parametrize("external_id", ["x" * 20, "wrong-external-id"])
def test_a_wrong_external_id_is_refused(aws: Place, external_id: str) -> None:
    wrong = dataclasses.replace(aws.connection, external_id=external_id)
    request = SessionRequest(wrong.id, Purpose.WRITE_PROXY, proxy_scope(VersionId(new_id())))
    with pytest.raises(StorageSetupError, match="role refuses"):
        aws.broker(wrong).session(request)


def test_the_broker_proves_that_missing_and_wrong_external_ids_are_refused(aws: Place) -> None:
    assert aws.broker().prove_external_id(aws.connection.id) is ExternalIdProof.REFUSED


def test_a_trust_without_external_id_is_found_out(aws: Place, ministack: service.Ministack) -> None:
    ministack.open_trust(aws.connection)
    assert aws.broker().prove_external_id(aws.connection.id) is ExternalIdProof.IGNORED


def test_the_platforms_own_identity_is_refused_by_the_bucket(place: Place) -> None:
    assert place.identity.access_key_id
    assert place.identity.secret_access_key
    client = service.plain_client(place.connection, place.identity)
    below = f"{place.connection.prefix}/".lstrip("/")
    calls = {
        "get": lambda: client.get_object(Bucket=place.connection.bucket, Key=f"{below}x"),
        "put": lambda: client.put_object(Bucket=place.connection.bucket, Key=f"{below}x", Body=b"x"),
        "list": lambda: client.list_objects_v2(Bucket=place.connection.bucket, Prefix=below),
    }
    place.store(Purpose.PROBE, f"probe/{new_id()}/").delete([], grant=GRANT)  # the role itself does let us in
    for call in calls.values():
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            call()


def test_a_jobs_session_reaches_its_own_versions_proxies_and_no_others(place: Place) -> None:
    mine, others = proxy_scope(VersionId(new_id())), proxy_scope(VersionId(new_id()))
    place.store(Purpose.WRITE_PROXY, others).put_new(f"{others}1/v360/0", b"x", content_type="a/b", grant=GRANT)
    job = place.store(Purpose.WRITE_PROXY, mine)
    job.put_new(f"{mine}1/v360/0", b"x", content_type="a/b", grant=GRANT)
    assert [facts.key for facts in job.list(mine, grant=GRANT)] == [f"{mine}1/v360/0"]
    with pytest.raises(StorageSetupError):
        job.put_new(f"{others}1/v360/1", b"x", content_type="a/b", grant=GRANT)
    with pytest.raises(StorageSetupError):
        job.get(f"{others}1/v360/0", offset=0, length=1, grant=GRANT)
    with pytest.raises(StorageSetupError):
        list(job.list(others, grant=GRANT))
    with pytest.raises(StorageSetupError):
        job.get(f"{mine}1/v360/0", offset=0, length=1, grant=GRANT)  # it may write, not read


def test_a_jobs_reader_reads_its_own_original_and_no_other(place: Place) -> None:
    production = f"originals/film-{new_id()}/"
    keys = [f"{production}reel-{new_id()}/{new_id()}/r.mov" for _ in range(2)]
    for key in keys:
        upload = place.store(Purpose.UPLOAD, production)
        upload.put_new(key, b"original", content_type="a/b", grant=GRANT)
    scope = keys[0].rpartition("/")[0] + "/"
    grant = GrantId(new_id())
    session: StsSession = place.broker().session(
        SessionRequest(place.connection.id, Purpose.READ_ORIGINAL, scope, grant)
    )
    assert ObstoreReader(place.connection, lambda: session, keys[0], 8).read(0, 8) == b"original"
    with pytest.raises((StorageSetupError, NotFound)):
        ObstoreReader(place.connection, lambda: session, keys[1], 8).read(0, 8)


def test_a_session_wider_than_its_purpose_is_not_even_asked_for(place: Place) -> None:
    for purpose, scope in [
        (Purpose.WRITE_PROXY, "proxies/"),
        (Purpose.READ_ORIGINAL, "originals/"),
        (Purpose.UPLOAD, "originals/*/"),
        (Purpose.WRITE_PROXY, "originals/a/"),
    ]:
        with pytest.raises(IsolationError):
            place.broker().session(SessionRequest(place.connection.id, purpose, scope))


@pytest.mark.parametrize(("network", "is_let_in"), [("127.0.0.0/8", True), ("198.41.0.0/24", False)])
def test_a_session_for_links_is_good_from_its_networks_alone(aws: Place, network: str, is_let_in: bool) -> None:
    scope = proxy_scope(VersionId(new_id()))
    request = SessionRequest(aws.connection.id, Purpose.WRITE_PROXY, scope, links_from=(network,))
    session = aws.broker().session(request)
    store = S3Store(aws.connection, lambda: session)
    if is_let_in:
        store.put_new(f"{scope}x", b"x", content_type="text/plain", grant=GRANT)
    else:
        with pytest.raises(StorageSetupError):
            store.put_new(f"{scope}x", b"x", content_type="text/plain", grant=GRANT)
