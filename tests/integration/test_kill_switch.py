"""The kill switch: each way that a company has to take the platform's rights away is seen, told apart and undone."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select
from tests.media.clips import bunny_loop
from tests.services import faulty_store
from tests.services import ministack as service
from tests.services.command_line import CommandLine
from tests.services.databases import MakeCompany
from tests.services.installation import wait_until
from tests.services.platform import EMAIL, Platform
from tests.services.sites import Site

from reelkeep.catalog.lifecycle import JobState
from reelkeep.catalog.tables import audit_events, grants, jobs
from reelkeep.cli.installation import Installation
from reelkeep.companies import storage_registry
from reelkeep.companies.watch import StorageWatch
from reelkeep.errors import Conflict, NotFound, ReelkeepError, StorageStopped
from reelkeep.ids import CompanyId, ConnectionId, GrantId, new_id
from reelkeep.jobs import queue
from reelkeep.jobs.interface import JobKind
from reelkeep.jobs.presence import Presence
from reelkeep.storage import marker
from reelkeep.storage.connection_states import ConnectionState, Revocation
from reelkeep.storage.interface import Purpose, SessionRequest, StorageConnection, WrappingKey
from reelkeep.storage.layout import MARKER
from reelkeep.storage.refusals import OPEN, Verdict
from reelkeep.storage.s3 import S3Store
from reelkeep.storage.sts import PlatformIdentity, StsBroker
from reelkeep.storage.watch import Eye
from reelkeep.transfer.api import Api

GRANT = GrantId(new_id())
DENIED = ["s3:GetObject", "s3:PutObject"]


@dataclass(frozen=True)
class Watched:
    """A connection with its marker, and an eye that asks STS at every look."""

    connection: StorageConnection
    eye: Eye

    def becomes(self, by: Revocation | None, seconds: float = 20.0) -> Verdict:
        """Wait until the connection refuses so, or is open: a store may take a moment to know its new policy."""
        return wait_until(lambda: (told := self.eye.look()).by is by and (by or told is OPEN) and told, seconds)


def watch(connection: StorageConnection, identity: PlatformIdentity) -> Watched:
    marked = dataclasses.replace(connection, has_marker=True)
    broker = StsBroker(identity, lambda _: marked, "acme", session_seconds=900)
    session = broker.session(SessionRequest(marked.id, Purpose.MARK, MARKER))
    marker.put(S3Store(marked, lambda: session), marker.Marker("i", "c"), grant=GRANT)
    watching = SessionRequest(marked.id, Purpose.WATCH, MARKER)
    eye = Eye(marked, lambda: broker.session(watching), lambda: GRANT, assume_seconds=0.0)
    assert eye.look() is OPEN
    return Watched(marked, eye)


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[service.Ministack]:
    with service.running(tmp_path_factory.mktemp("ministack")) as server:
        yield server


def deny_in_bucket(s3: Any, bucket: str) -> None:
    statement = {
        "Effect": "Deny", "Principal": "*", "Action": DENIED, "Resource": [f"arn:aws:s3:::{bucket}/*"],
    }  # fmt: skip
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))


def test_on_a_model_of_aws_bucket_role_and_trust_are_told_apart_and_each_comes_back(
    ministack: service.Ministack,
) -> None:
    connection = ministack.add_company(f"acme-{new_id()}")
    watched = watch(connection, ministack.identity)
    role, bucket = connection.role_arn.rpartition("/")[2], connection.bucket
    iam, s3 = (ministack.client(name, service.COMPANY_ACCOUNT) for name in ("iam", "s3"))
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    own = iam.get_role_policy(RoleName=role, PolicyName="media")["PolicyDocument"]
    nobody = {"Effect": "Deny", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    ways: list[tuple[Revocation, Callable[[], Any], Callable[[], Any]]] = [
        (
            Revocation.BUCKET,
            lambda: deny_in_bucket(s3, bucket),
            lambda: s3.delete_bucket_policy(Bucket=bucket),
        ),
        (
            Revocation.BUCKET,
            lambda: iam.delete_role_policy(RoleName=role, PolicyName="media"),
            lambda: iam.put_role_policy(RoleName=role, PolicyName="media", PolicyDocument=json.dumps(own)),
        ),
        (
            Revocation.ROLE,
            lambda: iam.update_assume_role_policy(
                RoleName=role, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [nobody]})
            ),
            lambda: iam.update_assume_role_policy(RoleName=role, PolicyDocument=json.dumps(trust)),
        ),
        (
            Revocation.MARKER,
            lambda: s3.delete_object(Bucket=bucket, Key=MARKER),
            lambda: s3.put_object(Bucket=bucket, Key=MARKER, Body=b"{}"),
        ),
    ]
    for by, revoke, restore in ways:
        revoke()
        watched.becomes(by)
        restore()
        watched.becomes(None)
    s3.delete_object(Bucket=bucket, Key=MARKER)
    s3.delete_bucket(Bucket=bucket)
    watched.becomes(Revocation.BUCKET_GONE)


def test_on_seaweedfs_a_denial_in_the_bucket_and_a_disabled_key_are_told_apart_and_a_store_that_is_away_is_neither(
    acme_connection: StorageConnection, platform_credentials: Any, object_store: Any
) -> None:
    identity = PlatformIdentity(platform_credentials.access_key_id, platform_credentials.secret_access_key)
    assert acme_connection.endpoint_url is not None
    with faulty_store.in_front_of(acme_connection.endpoint_url) as way:
        watched = watch(dataclasses.replace(acme_connection, endpoint_url=way.endpoint_url), identity)
        s3 = object_store.client("s3")
        deny_in_bucket(s3, acme_connection.bucket)
        try:
            watched.becomes(Revocation.BUCKET)
        finally:
            s3.delete_bucket_policy(Bucket=acme_connection.bucket)
        watched.becomes(None)
        way.key_disabled.set()
        watched.becomes(Revocation.KEY)
        way.key_disabled.clear()
        watched.becomes(None)
        for trouble in (way.busy, way.away):
            trouble.set()
            assert not any(watched.eye.look().is_refused for _ in range(3))
            trouble.clear()
        watched.becomes(None)


def connect(conn: Any, company_id: CompanyId, state: ConnectionState) -> StorageConnection:
    return storage_registry.add_connection(
        conn, company_id, bucket="reels", region="us-east-1", prefix="", role_arn=f"arn:aws:iam::1:role/{new_id()}",
        endpoint_url=None, sts_endpoint_url=None, path_style=False, state=state,
    )  # fmt: skip


def test_only_a_companys_own_connection_in_use_is_revoked_and_only_a_revoked_one_resumed(
    registry: Engine, make_company: MakeCompany
) -> None:
    ours, theirs = make_company(), make_company()
    with registry.begin() as conn:
        made = connect(conn, ours.id, ConnectionState.ACTIVE)
        suspended = connect(conn, ours.id, ConnectionState.SUSPENDED)
        assert not storage_registry.revoke_connection(conn, theirs.id, made.id, Revocation.KEY)
        assert not storage_registry.revoke_connection(conn, ours.id, suspended.id, Revocation.KEY)
        assert storage_registry.revoke_connection(conn, ours.id, made.id, Revocation.KEY)
        assert not storage_registry.revoke_connection(conn, ours.id, made.id, Revocation.ROLE)
        found = storage_registry.connections(conn, ours.id)
        assert (found[made.id].state, found[made.id].revoked_by) == (ConnectionState.REVOKED, Revocation.KEY)
        with pytest.raises(NotFound):
            storage_registry.resume_revoked(conn, theirs.id, made.id)
        with pytest.raises(Conflict):
            storage_registry.resume_revoked(conn, ours.id, suspended.id)
        storage_registry.resume_revoked(conn, ours.id, made.id)
        found = storage_registry.connections(conn, ours.id)
        assert (found[made.id].state, found[made.id].revoked_by) == (ConnectionState.ACTIVE, None)


def test_a_parked_job_loses_no_attempt_takes_the_others_there_with_it_and_is_due_again_at_once(site: Site) -> None:
    user = site.user()
    production = site.production(uploader=user)
    with site.engine.begin() as conn:
        first, second = (
            queue.enqueue(conn, JobKind.TRANSCODE, site.version(production, user, name).id) for name in ("a", "b")
        )
    with Presence(site.engine, new_id()) as presence, presence.transaction() as conn:
        claimed = queue.claim(conn, presence.worker)
        assert claimed is not None
        queue.park(conn, claimed.id, presence.worker, site.connection.id, "revoked")
        assert queue.claim(conn, presence.worker) is None
        assert claimed.id in (first, second)
        rows = {row.id: row for row in conn.execute(select(jobs))}
        assert all(row.state == JobState.WAITING.value and row.attempts == 0 for row in rows.values())
        assert queue.unpark(conn, site.connection.id) == [JobKind.TRANSCODE]
        assert queue.claim(conn, presence.worker) is not None


class Looking:
    """Stands in for the lookout: remembers where it was asked to look, and finds everything open."""

    def __init__(self) -> None:
        self.looked: set[ConnectionId] = set()

    def look(self, connection_id: ConnectionId) -> Verdict:
        self.looked.add(connection_id)
        return OPEN


def test_the_connection_whose_key_opens_the_company_key_is_watched_while_media_is_in_use_anywhere(site: Site) -> None:
    def own(name: str, **changed: Any) -> StorageConnection:
        return dataclasses.replace(site.connection, id=ConnectionId(name), **changed)

    key = WrappingKey("arn:aws:kms:eu-west-1:222222222222:key/k", site.handle.id, b"probe")
    opener, idle, waiting = (
        own("opener", wrapping_key=key),
        own("idle"),
        own("waiting", state=ConnectionState.REVOKED, revoked_by=Revocation.WRAPPING_KEY),
    )
    everything = {one.id: one for one in (site.connection, opener, idle, waiting)}
    site.handle.storage.update(everything, {"": site.connection.id})
    seen, user = Looking(), site.user()
    watch = StorageWatch(site.handle.storage, site.engine, seen, None)  # type: ignore[arg-type]
    watch.begin()
    try:
        time.sleep(1.5)  # media is in use nowhere yet
        assert not seen.looked
        with site.engine.begin() as conn:
            queue.enqueue(conn, JobKind.TRANSCODE, site.version(site.production(uploader=user), user).id)
        with Presence(site.engine, new_id()) as presence:
            with presence.transaction() as conn:
                assert queue.claim(conn, presence.worker) is not None
            assert wait_until(lambda: seen.looked == {site.connection.id, opener.id})
    finally:
        watch.end()


def job_of(platform: Platform, version_id: str) -> Any:
    with platform.company_engine().begin() as conn:
        return conn.execute(select(jobs).where(jobs.c.version_id == version_id)).one()


def happened(platform: Platform, what: str) -> int:
    query = select(func.count()).select_from(audit_events).where(audit_events.c.what == what)
    with platform.company_engine().begin() as conn:
        return int(conn.execute(query).scalar_one())


def test_a_drill_finds_everything_dark_certifies_it_and_the_job_goes_on_by_itself(
    platform: Platform, tmp_path: Path
) -> None:
    watched = platform.upload(bunny_loop(tmp_path / "watched.mp4", 2))
    platform.wait_for(watched.version_id, "ready")
    made = platform.upload(bunny_loop(tmp_path / "made.mp4", 150))
    platform.wait_for(made.version_id, "playable")
    (tmp_path / "password").write_text(platform.password)
    before = [happened(platform, what) for what in ("storage.revoked", "storage.resumed")]
    commands = CommandLine(tmp_path)
    given = ("--data", platform.data, "--email", EMAIL, "--password-file", tmp_path / "password", "--out", tmp_path)
    told = commands.run("storage", "drill", "acme-media", *given, "--no-browser", "--json")
    assert told.code in (0, 10), told.err  # how many seconds it took is the benchmark's matter
    found = told.fields
    dark = {one["name"]: one["seconds"] for one in found["surfaces"]}
    assert {"manifest", "segment", "licence", "session", "link", "upload part", "job"} <= dark.keys()
    assert all(seconds is not None for seconds in dark.values()), dark
    job = job_of(platform, made.version_id)
    assert job.last_problem is None or "taken back the right" in job.last_problem
    wait_until(lambda: job_of(platform, made.version_id).state == JobState.RUNNING.value, 60)
    with platform.api() as api:
        assert api.version(made.version_id)["problem"] is None
        api._post(f"/versions/{made.version_id}/cancel", {})
    platform.wait_for(made.version_id, "cancelled", "ready")
    after = [happened(platform, what) for what in ("storage.revoked", "storage.resumed")]
    assert after == [count + 1 for count in before]
    with platform.company_engine().begin() as conn:
        assert conn.execute(select(grants.c.id).where(grants.c.action == "watch")).first() is not None
    public_key = json.loads(platform.body(MARKER))["public_key"]
    assert commands.run("certificate", "key", "--data", platform.data).out.strip() == public_key
    for path in found["files"]:
        assert commands.run("certificate", "verify", path, "--public-key", public_key).code == 0
    altered = tmp_path / "altered.json"
    altered.write_text(Path(found["files"][0]).read_text().replace("bucket", "bukket"))
    assert commands.run("certificate", "verify", altered, "--public-key", public_key).code == 3


def test_while_revoked_an_admin_is_told_and_may_resume_only_once_the_bucket_is_open_again(platform: Platform) -> None:
    operator = Installation(platform.data)
    assert platform.company is not None
    connection = operator.storage.connection(platform.company, "acme-media")
    with operator.on_registry() as conn:
        assert storage_registry.revoke_connection(conn, platform.company.id, connection.id, Revocation.KEY)
    with platform.api() as api:
        (notice,) = wait_until(lambda: notices(api, "acme-media"))
        assert notice["state"] == "revoked"
        assert "key of the bucket (KMS)" in notice["message"]
        production = api.find_production("demo")
        with pytest.raises(StorageStopped, match="taken back the right"):
            api.begin_upload(str(production["id"]), "late.mov", 1_000, new_id())
        deny_in_bucket(platform.store(), platform.bucket)
        resume = f"/storage/connections/{connection.id}/resume"
        try:
            wait_until(lambda: refused(lambda: api._post(resume, {}), "still refuses"))
        finally:
            platform.store().delete_bucket_policy(Bucket=platform.bucket)
        wait_until(lambda: not refused(lambda: api._post(resume, {}), ""))
        wait_until(lambda: not notices(api, "acme-media"))
    assert operator.storage.connection(platform.company, "acme-media").state is ConnectionState.ACTIVE


def notices(api: Api, name: str) -> list[dict[str, Any]]:
    return [each for each in api.me()["storage"] if each["name"] == name and each["state"] != "audit"]


def refused(call: Callable[[], Any], words: str) -> bool:
    try:
        call()
    except ReelkeepError as error:
        return words in str(error)
    return False
